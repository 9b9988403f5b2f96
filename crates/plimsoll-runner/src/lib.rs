//! Plans a run, executes its checks side by side, and keeps the record.
//!
//! [`run`] is the whole of it: it surveys the platform, asks for permissions before anything is created,
//! runs every selected check concurrently on the accelerator budget, draws each verdict from the controls,
//! and cleans up, whatever happened. Everything that happens is an event in the [`Journal`], which puts
//! events in order, writes the record and tells whoever watches.

mod declared;
mod execute;
mod journal;
mod observe;
mod permissions;
mod plan;
mod run;

pub use journal::Journal;
pub use permissions::permissions;
pub use plan::{Plan, Planned, Selection, SelectionError};
pub use run::{Ending, Options, RunError, run};
