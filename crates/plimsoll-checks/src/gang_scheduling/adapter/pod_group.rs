//! What the versions of Kubernetes' own PodGroup have in common.

use plimsoll_platform::Permission;
use serde_json::{Value, json};

use super::{Mark, Roster, Standing};

/// The group of Kubernetes' own gang scheduling.
pub(super) const GROUP: &str = "scheduling.k8s.io";

/// What speaking to it takes.
pub(super) const PERMISSIONS: &[Permission] = &[
    Permission::own(GROUP, "podgroups"),
    Permission::own(GROUP, "workloads"),
];

/// A PodGroup that starts whole or not at all.
pub(super) fn manifest(version: &str, gang: Roster<'_>) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{version}"),
        "kind": "PodGroup",
        "metadata": {"name": gang.name},
        "spec": {"schedulingPolicy": {"gang": {"minCount": gang.size}}},
    })
}

/// What makes a pod a member of a PodGroup.
pub(super) fn mark(gang: Roster<'_>) -> Mark {
    Mark::Field("schedulingGroup", json!({"podGroupName": gang.name}))
}

/// Reads the condition `kind` of a PodGroup.
pub(super) fn standing(group: &Value, kind: &str) -> Standing {
    let Some(condition) = group["status"]["conditions"]
        .as_array()
        .and_then(|conditions| conditions.iter().find(|condition| condition["type"] == kind))
    else {
        return Standing::Unobserved;
    };
    let text = |key: &str| condition[key].as_str().unwrap_or_default();
    let said = format!(
        "{kind}={}, reason {}: {}",
        text("status"),
        text("reason"),
        text("message")
    );
    // A condition about an earlier spec says nothing of this one; without the field it can't be held against it.
    let current = match (
        condition["observedGeneration"].as_i64(),
        group["metadata"]["generation"].as_i64(),
    ) {
        (Some(observed), Some(now)) => observed >= now,
        _ => true,
    };
    match (text("status"), text("reason")) {
        ("True", _) if current => Standing::Placed(said),
        ("False", "Unschedulable") if current => Standing::Refused(said),
        _ => Standing::Other(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(conditions: Value) -> Value {
        json!({"metadata": {"generation": 2}, "status": {"conditions": conditions}})
    }

    fn condition(status: &str, reason: &str, observed: i64) -> Value {
        json!([{"type": "PodGroupScheduled", "status": status, "reason": reason, "message": "m",
                "observedGeneration": observed}])
    }

    #[test]
    fn a_group_without_a_status_is_unobserved() {
        for bare in [
            json!({}),
            group(json!([])),
            group(json!([{"type": "DisruptionTarget", "status": "True"}])),
        ] {
            assert_eq!(
                standing(&bare, "PodGroupScheduled"),
                Standing::Unobserved,
                "{bare}"
            );
        }
    }

    #[test]
    fn a_refusal_is_one_for_want_of_room() {
        let read = |conditions| standing(&group(conditions), "PodGroupScheduled");
        assert!(matches!(
            read(condition("False", "Unschedulable", 2)),
            Standing::Refused(_)
        ));
        assert!(matches!(
            read(condition("False", "SchedulerError", 2)),
            Standing::Other(_)
        ));
        assert!(matches!(
            read(condition("True", "Scheduled", 2)),
            Standing::Placed(_)
        ));
    }

    #[test]
    fn what_is_said_of_an_earlier_spec_does_not_count() {
        let stale = group(condition("False", "Unschedulable", 1));
        assert!(matches!(
            standing(&stale, "PodGroupScheduled"),
            Standing::Other(_)
        ));
    }

    #[test]
    fn the_group_wants_all_its_members() {
        let manifest = manifest("v1alpha2", Roster { name: "g", size: 4 });
        assert_eq!(manifest["spec"]["schedulingPolicy"]["gang"]["minCount"], 4);
        assert_eq!(manifest["apiVersion"], "scheduling.k8s.io/v1alpha2");
    }
}
