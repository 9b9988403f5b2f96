//! How soon a failed watch is tried again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// First and longest pause.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Twice as long each time, until something comes through.
pub(super) struct Retry(Duration);

impl Retry {
    pub(super) fn new() -> Self {
        Self(PAUSE.0)
    }
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSE.1);
        Some(pause)
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        self.0 = PAUSE.0;
    }
}
