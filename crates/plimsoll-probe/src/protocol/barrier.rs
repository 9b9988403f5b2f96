//! A rendezvous of all members of a group.

use serde::{Deserialize, Serialize};

/// That a member came, by the clock of rank 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Arrival {
    /// Which member.
    pub rank: u32,
    /// When it came.
    pub at_unix_ms: u64,
}

/// How a rendezvous ended, as one member knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Barrier {
    /// The member that reports.
    pub rank: u32,
    /// How many members the group has.
    pub size: u32,
    /// Whether all came before the deadline.
    pub complete: bool,
    /// Who came, in the order of ranks.
    pub came: Vec<Arrival>,
    /// Who did not, as far as is known: a member that never reached rank 0 knows of itself only.
    pub missing: Vec<u32>,
    /// How long this member waited.
    pub waited_ms: u64,
    /// Why this member did not hear from rank 0, if it did not: the last failure before its deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreached: Option<String>,
}
