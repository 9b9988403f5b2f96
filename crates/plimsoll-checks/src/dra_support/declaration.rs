//! The facts of the check.

use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

use ControlKind::{Negative, Positive};

/// D8 asks for shapes that not every inventory allows. It is not required; but where two devices were
/// allocated and only one piece of hardware came of it, that decides.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("dra_support"),
    proves: "Dynamic resource allocation works from the API to the container: a claim is allocated a device that \
             fits, its pod runs on that device's node with exactly that device inside, nobody else can get it \
             meanwhile, and releasing it gives it back.",
    controls: &[
        required(
            "D1",
            Positive,
            "resource.k8s.io is served in the version that is due, and takes all four kinds",
        ),
        required(
            "D2",
            Positive,
            "every pool is complete and current, and no hardware is published twice",
        ),
        required(
            "D3",
            Positive,
            "a claim from a template is allocated a device, and the pod holds exactly that one",
        ),
        required("D4", Positive, "a selector for one very device is honoured"),
        required(
            "D5",
            Negative,
            "a selector that nothing fits, and more devices than there are, stay pending",
        ),
        required(
            "D6",
            Negative,
            "a device in use is not given to a second claim until it is released",
        ),
        required(
            "D7",
            Positive,
            "two pods share one claim and hold the same device",
        ),
        optional(
            "D8",
            Positive,
            "two devices in one claim are two; the first choice that can be met is taken",
        ),
        required(
            "D9",
            Positive,
            "claims end with their pods, and a released device can be used again",
        ),
    ],
    rule: Rule::Every,
    adapters: &["v1", "v1beta2", "v1beta1"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 2,
        nodes: 1,
        exclusive: false,
        first: true,
    },
    typical_seconds: 16,
    defects: &[
        "dra.api-only",
        "dra.cdi-lost",
        "dra.double-allocation",
        "dra.first-only",
        "dra.no-injection",
        "dra.no-release",
        "dra.not-woken",
        "dra.request-ignored",
        "dra.second-pod",
        "dra.selected-anyway",
        "dra.selector-lies",
        "dra.short-count",
        "dra.stale-pool",
        "dra.unreserved",
    ],
    advice: "Look at the driver's kubelet plugin on the node that is named (is it registered, does it prepare and \
             unprepare), at the CDI specifications that the container runtime reads, and at the driver's \
             ResourceSlices.",
    reading: include_str!("reading.md"),
};

const GROUP: &str = "resource.k8s.io";

const PERMISSIONS: &[Permission] = &[
    Permission::read(GROUP, "deviceclasses"),
    Permission::read(GROUP, "resourceslices"),
    Permission::read(GROUP, "resourceclaims"),
    Permission::own(GROUP, "resourceclaims"),
    Permission::own(GROUP, "resourceclaimtemplates"),
    Permission::own("", "pods"),
    Permission::read_own("", "events"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_listed_in_the_order_of_the_specification() {
        let names: Vec<&str> = DECLARATION.controls.iter().map(|control| control.name).collect();
        assert_eq!(names, ["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9"]);
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
