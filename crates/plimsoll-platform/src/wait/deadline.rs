//! How long to wait, under what name, and what it means when the time is up.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

/// How many times its length a wait of patience may take while there is progress.
const STRETCH: u32 = 4;

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
    /// Nothing demands a time; this is how long we are ready to wait. A platform that is slow but gets ahead is
    /// waited for longer.
    Patience,
}

/// When a wait gives up.
///
/// Nobody promised a time for what we are merely patient about. So a wait that sees something new for the first time
/// goes on for at least half its length from then, up to [`STRETCH`] times its length in all.
pub(super) struct Limit {
    deadline: Deadline,
    ends: Instant,
    latest: Instant,
    stages: BTreeSet<String>,
}

impl Limit {
    /// From now on.
    pub(super) fn new(deadline: Deadline) -> Self {
        let now = Instant::now();
        Self {
            deadline,
            ends: now + deadline.within,
            latest: now + deadline.within * STRETCH,
            stages: BTreeSet::new(),
        }
    }

    /// When that is, as things stand.
    pub(super) fn ends(&self) -> Instant {
        self.ends
    }

    /// Takes note of what is missing now.
    pub(super) fn at_stage(&mut self, missing: &str) {
        let is_new = !self.stages.contains(missing) && self.stages.insert(missing.to_owned());
        match self.deadline.kind {
            DeadlineKind::Patience if is_new => {
                let again = Instant::now() + self.deadline.within / 2;
                self.ends = self.ends.max(again).min(self.latest);
            }
            DeadlineKind::Patience | DeadlineKind::Conformance => {}
        }
    }
}
