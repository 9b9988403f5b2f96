//! What a member of a gang does once it runs.

use crate::probe_pod::ProbeContainer;

/// The port that a gang's first member listens on.
pub(super) const PORT: u16 = 7077;

/// How long a member waits for the others, in seconds.
const PATIENCE_S: u32 = 60;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Meets all other members and ends: well, if all came.
    Meet,
    /// Runs until it is deleted.
    Stay,
}

impl Duty {
    /// The container that does it, as member `rank` of `size`.
    pub(super) fn container(self, gang: &str, rank: usize, size: usize) -> ProbeContainer {
        match self {
            Self::Meet => {
                let args = [
                    "barrier".to_owned(),
                    format!("--rank={rank}"),
                    format!("--size={size}"),
                    format!("--group={gang}"),
                    format!("--peers={gang}"),
                    format!("--port={PORT}"),
                    format!("--deadline-s={PATIENCE_S}"),
                ];
                ProbeContainer::new("probe", args).port(PORT)
            }
            Self::Stay => ProbeContainer::new("probe", ["pause"]),
        }
    }
}
