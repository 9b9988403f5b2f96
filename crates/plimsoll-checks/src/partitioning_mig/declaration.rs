//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// R4 and R5 need a driver that publishes what partitions are made of; a device plugin tells nothing of it. R6 needs an
/// exporter. R7 divides a device anew, which is for those who allow it.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("partitioning_mig"),
    proves: "Hardware partitions are advertised by profile, are as large as the profile says, are kept apart from each \
             other and from the device they are made of, are never more than the device can hold, and are not taken from \
             those who use them when a device is divided anew.",
    controls: &[
        required(
            "R1",
            Positive,
            "one pod for each partition, all at once: each holds the one it was given, and no two the same",
        ),
        required(
            "R2",
            Positive,
            "the size that the kernel or the device states in the pod is the profile's, give or take a tenth",
        ),
        required(
            "R3",
            Negative,
            "a pod sees nothing of the other partitions, and can't open them, their capabilities or the whole device",
        ),
        optional(
            "R4",
            Negative,
            "a partition and what overlaps it, the whole device above all, are not allocated at the same time",
        ),
        optional(
            "R5",
            Positive,
            "partitions that run at once are together no larger than their device",
        ),
        optional(
            "R6",
            Positive,
            "each partition has metrics of its own, unless its vendor says that there are none",
        ),
        optional(
            "R7",
            Negative,
            "dividing a device anew waits for those who use it, and what is allocatable follows",
        ),
    ],
    rule: Rule::Every,
    adapters: &["dra", "device-plugin"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 16,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 30,
    defects: &[
        "mig.caps-open",
        "mig.counters-ignored",
        "mig.double-count",
        "mig.one-series",
        "mig.overcommit",
        "mig.pulls-rug",
        "mig.unpartitioned",
        "mig.wrong-profile",
    ],
    advice: "Compare what the driver publishes or the device plugin advertises with how the device is divided (`nvidia-smi \
             mig -lgi`, the partition mode), look at the device nodes and capabilities that the driver injects for a \
             partition, and at the counters in its ResourceSlices.",
    reading: include_str!("reading.md"),
};

const GROUP: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::read(GROUP, "deviceclasses"),
    Permission::read(GROUP, "resourceslices"),
    Permission::own(GROUP, "resourceclaims"),
    Permission::own(GROUP, "resourceclaimtemplates"),
    Permission::own("", "pods"),
    Permission::read_own("", "events"),
    Permission::read("", "services"),
    Permission::read("discovery.k8s.io", "endpointslices"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_listed_in_the_order_of_the_specification() {
        let names: Vec<&str> = DECLARATION.controls.iter().map(|control| control.name).collect();
        assert_eq!(names, ["R1", "R2", "R3", "R4", "R5", "R6", "R7"]);
    }

    #[test]
    fn a_pass_needs_both_what_must_work_and_what_must_not() {
        for kind in [Positive, Negative] {
            assert!(
                DECLARATION
                    .controls
                    .iter()
                    .any(|control| control.required && control.kind == kind)
            );
        }
    }
}
