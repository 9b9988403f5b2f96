//! The binary that runs inside pods, and the protocol it speaks.
//!
//! Checks start pods with the probe's image and read what it found from their logs: [`protocol`] has the lines,
//! [`Transcript`] a whole log. What the binary does is here as well, over the traits of [`host`], so that the containers
//! of a simulated platform [`run`] the same program over devices of their own: [`Look`] at devices, put [`Load`] on one,
//! [`Scrape`] exporters, and meet other members of a group in a [`Rendezvous`].

mod barrier;
pub mod cpulist;
mod dns;
pub mod exposition;
pub mod host;
mod load;
mod looking;
mod program;
pub mod protocol;
mod scraping;
mod transcript;

pub use barrier::{BarrierError, Leader, Rendezvous};
pub use dns::{ResolveError, Resolver};
pub use load::{Load, LoadError};
pub use looking::Look;
pub use program::{Exit, run};
pub use protocol::Report;
pub use scraping::{BadTarget, Scrape, Target};
pub use transcript::Transcript;

/// Where reports go, as they are made.
pub type Say<'a> = &'a mut (dyn FnMut(Report) -> std::io::Result<()> + Send);
