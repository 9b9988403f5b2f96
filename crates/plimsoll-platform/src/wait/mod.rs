//! Waiting on the cluster: conditions over watches, with deadlines.
//!
//! [`Watched`] says which objects are looked at, a [`Condition`] how far they have come. [`Watched::until`]
//! waits for the condition, [`Watched::hold`] requires it for a whole window. Both say on failure what was
//! seen last and whose fault it is: see [`WaitError::blames_platform`].

mod condition;
mod deadline;
mod error;
mod hold;
mod nodes;
mod observer;
mod retry;
mod seen;
#[cfg(test)]
mod tests;
mod until;
mod view;
mod watched;

pub use condition::{And, Called, Condition, Not, Or, Progress};
pub use deadline::{Deadline, DeadlineKind};
pub use error::WaitError;
pub use observer::{Observer, observed};
pub use seen::Seen;
pub use watched::{Watchable, Watched};

pub use crate::pods;

pub(crate) use error::{is_final, silent};
pub(crate) use observer::{Report, created};
