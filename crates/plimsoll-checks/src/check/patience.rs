//! How long checks wait: named deadlines, and the hold window of negative controls.

use std::time::Duration;

use plimsoll_platform::{Deadline, DeadlineKind};

/// The deadlines of a run, scaled by `--timeout-scale`.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    scale: f64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

impl Patience {
    /// Deadlines `scale` times as long as usual.
    #[must_use]
    pub fn scaled(scale: f64) -> Self {
        Self { scale }
    }

    /// How long a pod may take from creation to running, image pull included.
    #[must_use]
    pub fn pod_start(&self) -> Deadline {
        self.deadline("pod start", DeadlineKind::Patience, 120)
    }

    /// How long the scheduler may take to bind what has room, or to say why not.
    #[must_use]
    pub fn scheduling(&self) -> Deadline {
        self.deadline("scheduling", DeadlineKind::Patience, 60)
    }

    /// How long the release of a device may take until the next claimant runs on it.
    #[must_use]
    pub fn release(&self) -> Deadline {
        self.deadline("release", DeadlineKind::Patience, 60)
    }

    /// How long a probe may take to report once it runs.
    #[must_use]
    pub fn report(&self) -> Deadline {
        self.deadline("probe report", DeadlineKind::Patience, 60)
    }

    /// How long a label that was taken off a node may take to come back.
    #[must_use]
    pub fn label_return(&self) -> Deadline {
        self.deadline("a label's return", DeadlineKind::Patience, 60)
    }

    /// How long a node's devices may take to be divided anew: they are reset meanwhile.
    #[must_use]
    pub fn division(&self) -> Deadline {
        self.deadline("devices being divided anew", DeadlineKind::Patience, 300)
    }

    /// How long a device plugin whose pod was deleted may take to be back.
    #[must_use]
    pub fn plugin_return(&self) -> Deadline {
        self.deadline("a plugin's return", DeadlineKind::Patience, 60)
    }

    /// How long an exporter may take until it tells of what a pod holds.
    #[must_use]
    pub fn series(&self) -> Deadline {
        self.deadline("an exporter's account of holders", DeadlineKind::Patience, 60)
    }

    /// How long an object may take to go.
    #[must_use]
    pub fn deletion(&self) -> Deadline {
        self.deadline("deletion", DeadlineKind::Patience, 90)
    }

    /// How long a refusal must hold, given how long the same thing took where it was allowed:
    /// `max(10 s, 5 × positive)`.
    #[must_use]
    pub fn hold(&self, positive: Duration) -> Duration {
        Duration::from_secs(10)
            .mul_f64(self.scale.max(1.0))
            .max(positive * 5)
    }

    fn deadline(&self, name: &'static str, kind: DeadlineKind, seconds: u64) -> Deadline {
        Deadline {
            name,
            kind,
            within: Duration::from_secs(seconds).mul_f64(self.scale),
        }
    }
}
