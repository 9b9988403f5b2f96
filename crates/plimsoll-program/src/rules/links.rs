//! The seam to the network, which this crate does not touch.

/// Looks whether links can be reached.
pub trait Links: Send + Sync {
    /// Looks at one link.
    fn reach(&self, url: &str) -> Reach;
}

/// What became of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answers with a status below 400.
    Reachable,
    /// It does not: why.
    Unreachable(String),
    /// It was not asked: why. Nothing is decided then.
    NotAsked(String),
}
