//! The facts of the check.

use ControlKind::{Negative, Observed, Positive};
use plimsoll_platform::{Permission, Verb};
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// M4 needs a second device on a node, M9 an exporter that names pods. Neither is required; where they are run, they
/// decide like all others.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("accelerator_metrics"),
    proves: "A machine-readable endpoint tells utilisation and memory of each accelerator: true to the device, soon, \
             and in the unit of its name. Judged by what moves when a device is worked on, never by names.",
    controls: &[
        required(
            "M1",
            Positive,
            "every device has a utilisation and a memory series on its node's endpoint",
        ),
        required(
            "M2",
            Positive,
            "values are readings, in range, and in the unit of their name",
        ),
        required("M3", Positive, "utilisation rises when a device works"),
        optional("M4", Negative, "meanwhile that of other devices stays still"),
        required(
            "M5",
            Positive,
            "memory in use rises by what is held, and falls when it is given back",
        ),
        required(
            "M6",
            Negative,
            "without load, before and after, utilisation does not stay up",
        ),
        required(
            "M7",
            Positive,
            "what moves is the series of the device that worked",
        ),
        required(
            "M8",
            Positive,
            "readings follow a load that comes and goes within 30 seconds",
        ),
        optional(
            "M9",
            Positive,
            "where pods are named, ours is while it holds the device and not after",
        ),
        optional("M10", Observed, "what else is offered, and in which units"),
    ],
    rule: Rule::Every,
    adapters: &[
        "nvidia",
        "amd",
        "intel-gpu",
        "intel-gaudi",
        "google-tpu",
        "aws-neuron",
        "huawei-ascend",
        "others by what moves",
    ],
    permissions: PERMISSIONS,
    need: Need {
        accelerators: 4,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 35,
    defects: &[
        "met.averaged",
        "met.constant",
        "met.duplicate",
        "met.empty",
        "met.endless",
        "met.frozen",
        "met.garbage",
        "met.hangs",
        "met.high-water",
        "met.missing-device",
        "met.nan",
        "met.node-down",
        "met.old-holder",
        "met.one-for-all",
        "met.sentinel",
        "met.stale",
        "met.swapped",
        "met.total-as-used",
        "met.units",
    ],
    advice: "Look at the exporter of the node that is named: does it run, which devices does it see, how often does it \
             read them, and which identity, unit and pod does it write on what it reads.",
    reading: include_str!("reading.md"),
};

const DRA: &str = "resource.k8s.io";
const MONITORING: &str = "monitoring.coreos.com";
const LIST: &[Verb] = &[Verb::List];

const PERMISSIONS: &[Permission] = &[
    Permission::read("", "services").verbs(LIST),
    Permission::read("discovery.k8s.io", "endpointslices").verbs(LIST),
    Permission::read("", "pods").verbs(&[Verb::Get, Verb::List]),
    Permission::read(MONITORING, "servicemonitors").verbs(LIST),
    Permission::read(MONITORING, "podmonitors").verbs(LIST),
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
            (1..=10).map(|number| format!("M{number}")).collect::<Vec<_>>()
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
        assert_eq!(optional, ["M4", "M9", "M10"]);
    }
}
