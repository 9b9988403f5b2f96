//! What would be random, from a seed.

use std::sync::{Arc, Mutex, PoisonError};

/// A seeded source of numbers. Clones share it, so that a platform has one sequence.
#[derive(Clone, Debug)]
pub struct Seed(Arc<Mutex<fastrand::Rng>>);

impl Seed {
    /// The sequence of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// The next number of the sequence.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }

    /// A number below `bound`; zero where that is zero.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or_default()
    }
}
