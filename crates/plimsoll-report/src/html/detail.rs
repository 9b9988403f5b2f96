//! How much of a run a page shows, so that the page of a large run stays one that a browser opens at once.

/// How much is shown of what there can be much of. All of it is in the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detail {
    /// Bytes of all observations.
    pub(super) facts: usize,
    /// Steps of each timeline.
    pub(super) steps: usize,
    /// Pictures of each requirement.
    pub(super) pictures: usize,
    /// Bytes of what each control saw.
    pub(super) words: usize,
}

/// A page larger than this is made again with less detail.
pub(super) const LARGEST: usize = 1_350_000;

/// From everything that people read to the least that still shows what came out.
pub(super) const DETAILS: [Detail; 4] = [
    Detail {
        facts: 640_000,
        steps: 250,
        pictures: 16,
        words: 4000,
    },
    Detail {
        facts: 320_000,
        steps: 120,
        pictures: 10,
        words: 2000,
    },
    Detail {
        facts: 120_000,
        steps: 40,
        pictures: 4,
        words: 800,
    },
    Detail {
        facts: 0,
        steps: 0,
        pictures: 1,
        words: 200,
    },
];
