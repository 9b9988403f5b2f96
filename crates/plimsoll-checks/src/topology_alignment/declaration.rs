//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// Y2 needs devices of more than one position on a node, and Y5 labels of domains. Neither is required; where they are
/// run, they decide like all others.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("topology_alignment"),
    proves: "Where devices sit (NUMA node, PCIe root) is published as pods find it; devices that belong together can be \
             claimed together, and what can't be had together is not handed out apart; and the domains that nodes \
             name form a tree.",
    controls: &[
        required(
            "Y1",
            Positive,
            "what is published of a device's position is what a pod finds",
        ),
        optional("Y2", Positive, "two devices that must agree in their position do"),
        required(
            "Y3",
            Negative,
            "a constraint that can't be met is not met: more devices than one position has, all to agree, stay pending",
        ),
        optional(
            "Y5",
            Positive,
            "the domains that nodes name lie in one another as a tree",
        ),
    ],
    rule: Rule::Every,
    adapters: &["dra"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 4,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 14,
    defects: &["topo.fictional", "topo.flat-labels", "topo.relaxed"],
    advice: "Compare the devices of the driver's ResourceSlices with /sys/bus/pci/devices on their node (numa_node, and \
             the root complex in the path), and what nodes say in their labels with how the machines are really wired.",
    reading: include_str!("reading.md"),
};

const DRA: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::own(DRA, "resourceclaims"),
    Permission::own("", "pods"),
    Permission::read_own("", "events"),
];
