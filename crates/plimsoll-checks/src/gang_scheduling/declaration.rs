//! What is known of the check without running it.

use plimsoll_platform::Permission;
use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Rule};

use crate::{
    Declaration, Need,
    check::{optional, required},
};

/// See the module.
pub(super) static DECLARATION: Declaration = Declaration {
    id: RequirementId::new("gang_scheduling"),
    proves: "A group of pods starts together or not at all, judged by real placement: a gang that is one slot short \
             holds nothing, starts whole when the slot is freed, and two gangs never hold half each.",
    controls: &[
        required(
            "G1",
            ControlKind::Positive,
            "a gang that fits starts together and its members meet",
        ),
        required(
            "G2",
            ControlKind::Negative,
            "a gang that is one slot short binds no member",
        ),
        required(
            "G2b",
            ControlKind::Positive,
            "meanwhile a lone pod is bound, so the scheduler is alive",
        ),
        required(
            "G2c",
            ControlKind::Positive,
            "a gang one smaller is bound, so the room was real",
        ),
        required("G2d", ControlKind::Positive, "the refusal is said of the group"),
        required(
            "G3",
            ControlKind::Positive,
            "the refused gang starts whole when the slot is freed",
        ),
        required(
            "G4",
            ControlKind::Negative,
            "two gangs in the room of one never hold a part each, and both finish",
        ),
        required(
            "G5",
            ControlKind::Negative,
            "a gang with a member yet to come binds none until it comes",
        ),
        required(
            "G6",
            ControlKind::Positive,
            "what makes a gang is stored as sent, and the solution observes it",
        ),
        optional(
            "G7",
            ControlKind::Observed,
            "what becomes of a running gang that loses a member",
        ),
        optional("G8", ControlKind::Positive, "the same with accelerators as slots"),
    ],
    rule: Rule::Any,
    adapters: &["native/v1beta1", "native/v1alpha2", "native/v1alpha1"],
    permissions: &[
        Permission::own("scheduling.k8s.io", "podgroups"),
        Permission::own("scheduling.k8s.io", "workloads"),
        Permission::own("resource.k8s.io", "resourceclaims"),
    ],
    need: Need {
        accelerators: 8,
        nodes: 1,
        exclusive: false,
        first: false,
    },
    typical_seconds: 25,
    defects: &[
        "gang.almost",
        "gang.api-dropped",
        "gang.dead",
        "gang.deadlock",
        "gang.false-status",
        "gang.late-ignored",
        "gang.min-one",
        "gang.never-released",
        "gang.partial-bind",
        "gang.silent",
        "gang.slow-retry",
    ],
    advice: "Look at the group object's conditions and at the log of the component that admits gangs. For Kubernetes' own \
             gang scheduling both feature gates, GenericWorkload and GangScheduling, must be on in the API server, the \
             controller manager and the scheduler. A queue's quota alone is arithmetic over a sum and never enough.",
    reading: include_str!("reading.md"),
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::gang_scheduling::adapter;

    #[test]
    fn the_declared_adapters_are_those_there_are() {
        let names: Vec<_> = adapter::ALL.iter().map(|adapter| adapter.name()).collect();
        assert_eq!(DECLARATION.adapters, names);
    }

    #[test]
    fn what_the_adapters_may_do_is_declared() {
        let declared: BTreeSet<_> = DECLARATION.permissions.iter().collect();
        for adapter in adapter::ALL {
            for permission in adapter.permissions() {
                assert!(
                    declared.contains(permission),
                    "{}: {permission:?}",
                    adapter.name()
                );
            }
        }
    }
}
