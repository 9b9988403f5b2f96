//! Where runs are made.

use crate::{Findings, Lab, Simulated, Trial};

/// A ground that defects can be seeded into.
#[derive(Clone, Debug)]
pub enum Ground {
    /// The simulated platform.
    Simulated(Simulated),
    /// The lab.
    Lab(Lab),
}

impl Ground {
    /// Its name in machine formats.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "simulated",
            Self::Lab(_) => "lab",
        }
    }

    /// How many runs it bears side by side.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Simulated(_) => std::thread::available_parallelism().map_or(1, usize::from),
            Self::Lab(_) => 1,
        }
    }

    pub(crate) fn run(&self, trial: &Trial) -> Findings {
        match self {
            Self::Simulated(simulated) => simulated.run(trial),
            Self::Lab(lab) => lab.run(trial),
        }
    }
}
