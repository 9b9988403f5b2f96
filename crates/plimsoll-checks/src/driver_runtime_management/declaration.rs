//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// V5b takes a label off a node, so it is only run where that is allowed.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("driver_runtime_management"),
    proves: "Of every node with accelerators the driver's version is stated in the API; a pod on that node finds that \
             very version and a container runtime that is set up; and somebody keeps it so.",
    controls: &[
        required(
            "V1",
            Positive,
            "of every accelerated node the driver's version is stated",
        ),
        required(
            "V2",
            Positive,
            "a pod on each node finds the version that is stated, in full",
        ),
        required(
            "V3",
            Positive,
            "the pod's device answers, and the runtime brought its libraries",
        ),
        required(
            "V4",
            Negative,
            "a pod beside it that asks for no device finds nothing of that",
        ),
        required(
            "V5",
            Positive,
            "the statement is on every node, and what keeps it is complete",
        ),
        optional("V5b", Positive, "a label that is taken off a node comes back"),
        required("V6", Negative, "no node without the hardware claims to have it"),
    ],
    rule: Rule::Every,
    adapters: &["dra-attributes", "node-labels", "vendor-resources"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 4,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 8,
    defects: &[
        "drv.ghost-label",
        "drv.injected-everywhere",
        "drv.not-kept",
        "drv.operator-ahead",
        "drv.premarked",
        "drv.runtime-unconfigured",
        "drv.second-node",
        "drv.stale-label",
        "drv.taint-blind",
        "drv.truncated",
    ],
    advice: "Compare what the node states (`kubectl get node NAME --show-labels`, the devices of its ResourceSlices, the \
             operator's objects) with what the driver itself says on that node, and look at the operator that should \
             have brought them together there.",
    reading: include_str!("reading.md"),
};

const DRA: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::read("apps", "daemonsets"),
    Permission::read("nvidia.com", "clusterpolicies"),
    Permission::read("nvidia.com", "nvidiadrivers"),
    Permission::own(DRA, "resourceclaims"),
    Permission::own(DRA, "resourceclaimtemplates"),
    Permission::own("", "pods"),
    Permission::read_own("", "events"),
];
