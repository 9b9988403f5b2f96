//! The facts of the check.

use ControlKind::{Negative, Positive};
use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// L2 needs nodes that are labelled, L4 two free devices on a node, L5 a DRA driver for the same vendor, L6 leave to
/// disrupt, and L7 a device that is out of order. Where they are run, they decide like all others.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("device_plugin_discovery"),
    proves: "What a node says it has of an accelerator is there: as many devices as are advertised can be held at \
             once, each is another one, no more are given, and neither labels nor a second way to allocate tell \
             something else.",
    controls: &[
        required(
            "L1",
            Positive,
            "as many different devices can be held at once as the node advertises",
        ),
        optional(
            "L2",
            Positive,
            "the node's labels agree with what was held: how many, and which product",
        ),
        required("L3", Negative, "one more than there are stays pending"),
        optional(
            "L4",
            Positive,
            "a pod that asks for several devices has as many different ones",
        ),
        optional(
            "L5",
            Positive,
            "no device is offered by the plugin and by a DRA driver as well",
        ),
        optional(
            "L6",
            Positive,
            "a restarted plugin changes nothing for who holds a device, and has none given away twice",
        ),
        optional("L7", Positive, "a device that is out of order is not advertised"),
        required("L8", Negative, "a node without the hardware advertises none"),
    ],
    rule: Rule::Every,
    adapters: &["device-plugin"],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 16,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 18,
    defects: &[
        "dp.counted-twice",
        "dp.dead-plugin",
        "dp.first-of-many",
        "dp.phantom",
        "dp.reuse-after-restart",
        "dp.sick-stays",
        "dp.wrong-node",
    ],
    advice: "Compare what the device plugin lists with what the machine has (its log, `/dev`, the vendor's own tool), \
             and restart it if it lost its connection to the kubelet. A node label that tells another number is \
             written by the vendor's labeller.",
    reading: include_str!("reading.md"),
};

const PERMISSIONS: &[Permission] = &[Permission::own("", "pods"), Permission::read_own("", "events")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_some_platforms_can_be_asked_is_not_required() {
        let names: Vec<&str> = DECLARATION.controls.iter().map(|control| control.name).collect();
        assert_eq!(names, ["L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"]);
        assert_eq!(DECLARATION.required(), ["L1", "L3", "L8"]);
    }
}
