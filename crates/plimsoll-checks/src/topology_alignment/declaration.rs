//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::{Permission, Verb};
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// Y2 needs devices of more than one position on a node, Y4 a kubelet that promises it, Y5 labels of domains, Y6 and Y7
/// groups that can want one. None is required; where they are run, they decide like all others.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("topology_alignment"),
    proves: "Where devices sit (NUMA node, PCIe root) is published as pods find it; devices that belong together can be \
             claimed together, and what can't be had together is not handed out apart; the domains that nodes name \
             form a tree; and a group of pods that must be within one domain is within one, or waits.",
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
            "Y4",
            Positive,
            "where a kubelet promises a single NUMA node, a pod's whole processors are beside its device",
        ),
        optional(
            "Y5",
            Positive,
            "the domains that nodes name lie in one another as a tree",
        ),
        optional(
            "Y6",
            Positive,
            "a group of pods that must be within one domain is, although its members would rather be apart",
        ),
        optional(
            "Y7",
            Negative,
            "a group that is bigger than every domain is refused whole, and goes where it may be anywhere",
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
    typical_seconds: 16,
    defects: &[
        "topo.cpu-apart",
        "topo.fictional",
        "topo.flat-labels",
        "topo.relaxed",
        "topo.scatter",
    ],
    advice: "Compare the devices of the driver's ResourceSlices with /sys/bus/pci/devices on their node (numa_node, and \
             the root complex in the path), and what nodes say in their labels with how the machines are really wired. \
             For groups, the gates GenericWorkload, GangScheduling and TopologyAwareWorkloadScheduling must be on in \
             the API server and in the scheduler alike.",
    reading: include_str!("reading.md"),
};

const DRA: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::own(DRA, "resourceclaims"),
    Permission::own("", "pods"),
    Permission::own("scheduling.k8s.io", "podgroups"),
    Permission::read_own("", "events"),
    Permission::read("topology.node.k8s.io", "noderesourcetopologies").verbs(&[Verb::List]),
];
