//! How a controller works: changes name what to look at again, a queue says when, one reconciliation at a time.

mod queue;
mod reconcile;

pub(crate) use queue::Queue;
pub(crate) use reconcile::{Next, Reconcile, Watched, drive};
