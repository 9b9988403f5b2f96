//! The facts of the check.

use ControlKind::{Negative, Observed, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// X5 needs two devices on one node, and X9 an API that only dynamic resource allocation has. Neither is
/// required; where they are run, they decide like all others.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("secure_accelerator_access"),
    proves: "A container reaches exactly the accelerators it was allocated: the device cgroup, the runtime and the \
             API keep all others out, and no variable, mount, annotation, sidecar or leftover opens one.",
    controls: &[
        required(
            "X1",
            Positive,
            "a container that asks for one accelerator has one, and it opens",
        ),
        required(
            "X2",
            Negative,
            "a pod that asks for none sees none, whatever its nodes are called",
        ),
        required(
            "X3",
            Negative,
            "making the device's node and opening it is refused by the kernel",
        ),
        required(
            "X4",
            Negative,
            "naming a device in a variable, a mount or an annotation opens nothing",
        ),
        optional(
            "X5",
            Negative,
            "two pods on one node have different devices and can't reach each other's",
        ),
        required(
            "X6",
            Negative,
            "the other containers of the pod, before, beside and after, have nothing",
        ),
        required(
            "X7",
            Negative,
            "after release nobody can open it but the next one it is allocated to",
        ),
        required("X8", Negative, "asking for more than is free stays pending"),
        optional(
            "X9",
            Negative,
            "the API refuses admin access, and another namespace's claim is of no use",
        ),
        optional(
            "X10",
            Observed,
            "which Pod Security level keeps the host's devices out of a namespace",
        ),
        required(
            "X11",
            Positive,
            "a restarted container has the same device again and nothing more",
        ),
    ],
    rule: Rule::Every,
    adapters: &["dra", "device-plugin"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 2,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 17,
    defects: &[
        "sec.all-devices",
        "sec.cdi-annotation",
        "sec.cgroup-open",
        "sec.kubelet-forgets",
        "sec.neighbour",
        "sec.pod-scope",
        "sec.residue",
        "sec.restart",
        "sec.runtime-class",
        "sec.selector",
        "sec.sidecar",
        "sec.whole-major",
    ],
    advice: "Look at what the device plugin or DRA driver answers when it allocates, at the container runtime's \
             handling of device selectors (accept them from the kubelet only), and at the device cgroup of the \
             container that is named.",
    reading: include_str!("reading.md"),
};

const DRA: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::read(DRA, "resourceslices"),
    Permission::read("node.k8s.io", "runtimeclasses"),
    Permission::own(DRA, "resourceclaims"),
    Permission::own(DRA, "resourceclaimtemplates"),
    Permission::own("", "pods"),
    Permission::read_own("", "events"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_listed_in_the_order_of_the_specification() {
        let names: Vec<String> = DECLARATION
            .controls
            .iter()
            .map(|control| control.name.to_owned())
            .collect();
        assert_eq!(
            names,
            (1..=11).map(|number| format!("X{number}")).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_only_some_platforms_can_be_asked_is_not_required() {
        let optional: Vec<&str> = DECLARATION
            .controls
            .iter()
            .filter(|control| !control.required)
            .map(|control| control.name)
            .collect();
        assert_eq!(optional, ["X5", "X9", "X10"]);
    }
}
