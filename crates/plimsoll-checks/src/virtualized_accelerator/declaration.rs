//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// U5 and U6 need the physical device to be offered beside its virtual functions.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("virtualized_accelerator"),
    proves: "A virtual accelerator is asked for like a physical one, is a virtual function of a physical device and not that \
             device itself, is given to one pod at a time, and is accounted together with the device it is made of.",
    controls: &[
        required(
            "U1",
            Positive,
            "a pod that asks for a virtual accelerator has one and runs",
        ),
        required(
            "U2",
            Positive,
            "what it has is a virtual function: it names its physical device and is another",
        ),
        required(
            "U3",
            Negative,
            "a pod that asks for none has none, and a second pod has another one",
        ),
        required(
            "U4",
            Negative,
            "with all of them held, one more pod waits until one is given back",
        ),
        optional(
            "U5",
            Negative,
            "a physical device and its virtual functions are not allocated at the same time",
        ),
        optional(
            "U6",
            Positive,
            "physical and virtual accelerators take a pod through the same states",
        ),
        required(
            "U7",
            Positive,
            "the virtual accelerator opens for reading and writing, and answers",
        ),
    ],
    rule: Rule::Every,
    adapters: &["dra", "device-plugin"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 8,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 30,
    defects: &[
        "virt.double-count",
        "virt.no-backing",
        "virt.shared-group",
        "virt.side-channel",
        "virt.whole",
    ],
    advice: "Look at whether the virtual functions that are advertised were created (`sriov_numvfs`, the vGPU manager), at \
             which device node the driver or device plugin injects for one, and at the counters or the health by which the \
             physical device is withheld while its virtual functions are in use.",
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
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_listed_in_the_order_of_the_specification() {
        let names: Vec<&str> = DECLARATION.controls.iter().map(|control| control.name).collect();
        assert_eq!(names, ["U1", "U2", "U3", "U4", "U5", "U6", "U7"]);
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
