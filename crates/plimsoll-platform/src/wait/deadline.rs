//! How long to wait, under what name, and what it means when the time is up.

use std::time::Duration;

/// A named limit of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// What people know it as, such as `pod start`.
    pub name: &'static str,
    /// What it means when it passes.
    pub kind: DeadlineKind,
    /// How long the wait may take.
    pub within: Duration,
}

/// What a passed deadline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadlineKind {
    /// The requirement itself demands that it takes no longer.
    Conformance,
    /// Nothing demands a time; this is how long we are ready to wait.
    Patience,
}
