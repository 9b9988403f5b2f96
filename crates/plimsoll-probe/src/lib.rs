//! The binary that runs inside pods, and the protocol it speaks.
//!
//! Checks start pods with the probe's image and read what it found from their logs: [`protocol`] has the lines,
//! [`Transcript`] a whole log.

pub mod protocol;
mod transcript;

pub use protocol::Report;
pub use transcript::Transcript;
