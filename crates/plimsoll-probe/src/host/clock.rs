//! Time, and resting until it has passed.

use std::future::Future;
use std::time::Duration;

/// Time, and resting until it has passed.
pub trait Clock: Sync {
    /// Since 1970.
    fn unix(&self) -> Duration;

    /// Since some moment in the past; never goes back. Deadlines are moments on this clock.
    fn monotonic(&self) -> Duration;

    /// Returns after `duration`, or earlier when the process is asked to stop.
    fn rest(&self, duration: Duration) -> impl Future<Output = Rest> + Send;

    /// How long it is until `deadline`; nothing once it has passed.
    fn until(&self, deadline: Duration) -> Duration {
        deadline.saturating_sub(self.monotonic())
    }
}

/// Why a rest is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Its time has passed.
    Over,
    /// The process is asked to stop.
    Stopped,
}

/// Whole milliseconds; a duration too long for them is as long as they go.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
