//! The time of a simulated platform.

use jiff::Timestamp;
use tokio::time::{Duration, Instant};

/// A platform's wall clock: a fixed beginning plus what has passed on tokio's clock since.
///
/// On a runtime whose clock is paused that time is virtual, so a run of minutes takes a moment and two runs see the
/// same times; on any other it is real.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begin: Timestamp,
    origin: Instant,
}

impl Clock {
    /// A clock that shows `begin` now.
    #[must_use]
    pub fn starting_at(begin: Timestamp) -> Self {
        Self {
            begin,
            origin: Instant::now(),
        }
    }

    /// What it shows now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.begin.checked_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// How long ago it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Lets time pass on the platform: how long one of its parts takes for something.
///
/// # Caveats
/// Never a way to wait for something: that is a watch.
pub async fn elapse(duration: Duration) {
    if duration > Duration::ZERO {
        #[expect(
            clippy::disallowed_methods,
            reason = "a simulated part takes as long as the real one; nothing is waited for"
        )]
        tokio::time::sleep(duration).await;
    }
}
