//! The cluster under test.
//!
//! - [`Platform`] is the connection: client, version, what is served and what we may do.
//! - [`survey()`] turns the platform into an [`Inventory`] of facts, each with its reason.
//! - [`Watched`] waits for conditions over watches; nothing here or above polls or sleeps.
//! - [`Workspace`] creates everything a run creates, and takes it away again.
//! - [`Budget`] shares the platform's free accelerators among concurrent checks.
//!
//! This crate knows how to look at and act on a cluster. It knows no requirement and draws no verdict; its
//! errors only keep apart what the platform is to blame for from what it isn't.

pub mod apis;
pub mod budget;
mod causes;
mod clock;
pub mod connect;
pub mod dra;
#[cfg(test)]
mod fake;
mod ground;
pub mod permission;
mod platform;
pub mod pods;
pub mod survey;
pub mod wait;
pub mod workspace;

pub use apis::Apis;
pub use budget::{Ask, Budget, BudgetError, Lease, Placement, WholeNode};
pub use causes::chain;
pub use clock::Clock;
pub use connect::{ConnectError, ConnectOptions};
pub use ground::Ground;
pub use permission::{EVERY_RUN, Permission, Scope, Verb, cluster_role};
pub use platform::{ApiError, Platform, ServerVersion};
pub use pods::{EventNote, events_for};
pub use survey::{Accelerator, Inventory, Path, SurveyError, survey};
pub use wait::{Condition, Deadline, DeadlineKind, Observer, Progress, Seen, WaitError, Watched, observed};
pub use workspace::{
    Cleanup, CreateError, DeleteError, Grace, LabelChange, Leftover, Namespace, PodSecurity, RunId,
    Workspace, cleanup_all, leftovers,
};
