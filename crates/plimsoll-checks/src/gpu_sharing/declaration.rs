//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// A shared claim has no limit; its H3 asks whether who is not in on it stays out. H4 needs a node that offers the same
/// devices whole as well, H5 a driver that gives shares of a capacity; where they are run, they decide like all others. The
/// size of hardware partitions and what keeps them apart are told by `partitioning_mig`; software promises neither.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("gpu_sharing"),
    proves: "An accelerator can be shared by a static strategy: pods with a share each work on the same device at the \
             same time, no more of them than configured, and never beside somebody who has the device whole.",
    controls: &[
        required(
            "H1",
            Positive,
            "pods with one share each run and use their device at the same time",
        ),
        required(
            "H2",
            Positive,
            "at least two of them are on the same device, or on different parts of one",
        ),
        required(
            "H3",
            Negative,
            "who has no share stays out: one more than there are waits until one is given back, and of a claim or a \
             part a pod without it finds nothing",
        ),
        optional(
            "H4",
            Negative,
            "a device is never given away whole while shares of it are in use",
        ),
        optional(
            "H5",
            Positive,
            "a share is a share: a pod sees as much of a device as it was allocated, and all together no more than there is",
        ),
    ],
    rule: Rule::Every,
    adapters: &["time-slicing", "mps", "capacity", "partitions", "shared-claim"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 24,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 15,
    defects: &[
        "share.mixed",
        "share.renamed",
        "share.serial",
        "share.spread",
        "share.unbounded",
        "share.whole-inside",
    ],
    advice: "Compare the sharing configuration of the device plugin with what the node advertises and with its labels; \
             restart plugin and labeller after a change. Where nothing is configured: time-slicing, MPS, partitions, or \
             a ResourceClaim that several pods refer to.",
    reading: include_str!("reading.md"),
};

const DRA: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::read(DRA, "resourceslices"),
    Permission::own(DRA, "resourceclaims"),
    Permission::own(DRA, "resourceclaimtemplates"),
    Permission::own("", "pods"),
    Permission::read_own("", "events"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_some_strategies_have_is_not_required() {
        assert_eq!(DECLARATION.required(), ["H1", "H2", "H3"]);
    }
}
