//! The mark of results that say nothing about a product.

use plimsoll_record::PlatformKind;

/// What every output of a run on Plimsoll's own ground carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The word to look for.
    pub(crate) word: &'static str,
    /// What it means; reads on after the word.
    pub(crate) meaning: &'static str,
}

/// The mark of runs on this kind of platform, if they need one.
pub(crate) fn mark(kind: PlatformKind) -> Option<Mark> {
    match kind {
        PlatformKind::Cluster => None,
        PlatformKind::Lab => Some(Mark {
            word: "LAB",
            meaning: "made on Plimsoll's own lab, no statement about any product",
        }),
        PlatformKind::Simulated => Some(Mark {
            word: "SIMULATED",
            meaning: "made on the simulated platform, no statement about any product",
        }),
    }
}
