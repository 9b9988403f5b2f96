//! Pods: conditions over one or many, what stands in their way, their events and logs.
//!
//! The conditions tell apart what the platform does not do ([`Progress::NotYet`], [`Progress::Never`]) from
//! what keeps it from being judged ([`Progress::Obstructed`]): an image that can't be pulled, an eviction, a
//! pod that somebody else deletes. Nodes that are lost are noticed by the wait itself.

mod condition;
mod events;
mod logs;
#[cfg(test)]
mod logs_tests;
mod obstruction;
#[cfg(test)]
mod tests;
mod trouble;

pub use condition::{
    Gone, PendingBecause, Pods, bound, finished, gone, pending_because, ready, running, started, succeeded,
};
pub use events::{EventNote, events_for};
pub use logs::log_until;
pub use trouble::{Trouble, trouble};

pub(crate) use trouble::explain;

#[cfg(doc)]
use crate::Progress;
