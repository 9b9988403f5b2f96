//! One run of the suite on one platform.

use std::sync::Arc;

use plimsoll_defects::Defect;
use plimsoll_runner::Selection;
use plimsoll_sim::platform::PlatformSpec;

/// What a run is to show.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// That a sound platform raises no alarm.
    Sound,
    /// That a defect is noticed.
    Defect(&'static Defect),
    /// That it is noticed on a platform that takes its time.
    UnderLatency(&'static Defect),
    /// That two defects don't hide each other.
    Pair(&'static Defect, &'static Defect),
}

impl Subject {
    /// The seeded defects.
    #[must_use]
    pub fn defects(&self) -> Vec<&'static Defect> {
        match self {
            Self::Sound => Vec::new(),
            Self::Defect(defect) | Self::UnderLatency(defect) => vec![defect],
            Self::Pair(first, second) => vec![first, second],
        }
    }
}

/// One run of the suite that is to be made.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it is to show.
    pub subject: Subject,
    /// On which platform. The lab is as it is, whatever stands here.
    pub platform: Arc<PlatformSpec>,
    /// The seed of everything that would be random.
    pub seed: u64,
    /// Only these checks; all if empty.
    pub only: Arc<[String]>,
}

impl Trial {
    /// Which checks are run.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            only: self.only.to_vec(),
            skip: Vec::new(),
        }
    }
}
