//! The binary that runs inside pods, and the protocol it speaks.
//!
//! Checks start pods with the probe's image and read what it found from their logs: [`protocol`] has the lines,
//! [`Transcript`] a whole log. What the binary does is here as well, over the traits of [`host`], so that a simulated
//! platform can run the same code over devices of its own: [`Look`] at devices, put [`Load`] on one, and meet other
//! members of a group in a [`Rendezvous`].

mod barrier;
mod dns;
pub mod host;
mod load;
mod looking;
pub mod protocol;
mod transcript;

pub use barrier::{BarrierError, Leader, Rendezvous};
pub use dns::{ResolveError, Resolver};
pub use load::{Load, LoadError};
pub use looking::Look;
pub use protocol::Report;
pub use transcript::Transcript;
