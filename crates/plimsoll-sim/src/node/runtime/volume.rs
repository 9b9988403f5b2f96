//! Volumes, as far as programs make files on them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// An empty folder that a pod's containers share, and what is made there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volume(Arc<Mutex<BTreeSet<String>>>);

impl Volume {
    /// Makes a file. False where it was there already.
    pub(crate) fn make_file(&self, name: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned())
    }
}

/// A volume in a container.
#[derive(Clone, Debug)]
pub(crate) struct MountedVolume {
    /// Where.
    pub(crate) path: String,
    /// What.
    pub(crate) volume: Volume,
    /// Whether nothing may be made there.
    pub(crate) read_only: bool,
}
