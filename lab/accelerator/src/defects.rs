//! Objects that a defect needs in the cluster before anything of a run is created.

use serde_json::{Value, json};

use crate::{gang_controller::GATE, oci_runtime};

/// The admission policies or runtime classes of a defect, to be applied in their order; none for most.
#[must_use]
pub fn manifests(id: &str) -> Vec<Value> {
    match id {
        "gang.min-one" => min_count_of_one(),
        "topo.relaxed" => drop_constraints(),
        "sec.runtime-class" => runtime_classes(),
        "gang.almost"
        | "gang.dead"
        | "gang.deadlock"
        | "gang.false-status"
        | "gang.late-ignored"
        | "gang.never-released"
        | "gang.partial-bind"
        | "gang.silent"
        | "gang.slow-retry" => hold_members(),
        _ => Vec::new(),
    }
}

/// Holds each member of a group until the lab's gang controller lets it go.
///
/// Also what the controller needs in its sound mode, where it stands in for a scheduler's own enforcement.
#[must_use]
pub fn hold_members() -> Vec<Value> {
    let gates = format!(
        "Object{{spec: Object.spec{{schedulingGates: [Object.spec.schedulingGates{{name: \"{GATE}\"}}]}}}}"
    );
    policy(
        "plimsoll-lab-gang-gate",
        "",
        "pods",
        "has(object.spec.schedulingGroup)",
        &gates,
    )
}

/// A class for each runtime of a vendor.
fn runtime_classes() -> Vec<Value> {
    let class = |handler| {
        json!({
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": handler}, "handler": handler
        })
    };
    oci_runtime::handlers().map(class).collect()
}

fn min_count_of_one() -> Vec<Value> {
    let one = "Object{spec: Object.spec{schedulingPolicy: Object.spec.schedulingPolicy{\
               gang: Object.spec.schedulingPolicy.gang{minCount: 1}}}}";
    let is_gang = "has(object.spec.schedulingPolicy) && has(object.spec.schedulingPolicy.gang)";
    policy(
        "plimsoll-lab-min-one",
        "scheduling.k8s.io",
        "podgroups",
        is_gang,
        one,
    )
}

/// Takes away what the devices of a claim must have in common, before the claim is stored.
fn drop_constraints() -> Vec<Value> {
    let mut manifests = policy(
        "plimsoll-lab-relaxed",
        "resource.k8s.io",
        "resourceclaims",
        "has(object.spec.devices.constraints)",
        "",
    );
    let removal = "[JSONPatch{op: \"remove\", path: \"/spec/devices/constraints\"}]";
    manifests[0]["spec"]["mutations"] =
        json!([{"patchType": "JSONPatch", "jsonPatch": {"expression": removal}}]);
    manifests
}

fn policy(name: &str, group: &str, resource: &str, condition: &str, expression: &str) -> Vec<Value> {
    let api = "admissionregistration.k8s.io/v1";
    vec![
        json!({
            "apiVersion": api,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resource]}
                ]},
                "matchConditions": [{"name": "concerned", "expression": condition}],
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]
            }
        }),
        json!({
            "apiVersion": api,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name}
        }),
    ]
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::admissionregistration::v1::{
        MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding,
    };
    use plimsoll_defects::{Component, Defect};

    use super::*;

    #[test]
    fn defects_of_gang_controller_and_admission_have_policies_and_one_has_classes() {
        for defect in Defect::all() {
            let Some(lab) = defect.on_lab() else { continue };
            let wanted = matches!(
                lab.component,
                Component::AdmissionPolicy | Component::GangController
            ) || defect.id == "sec.runtime-class";
            assert_eq!(!manifests(&defect.id).is_empty(), wanted, "{}", defect.id);
        }
    }

    #[test]
    fn a_policy_is_one_to_the_api_and_is_bound() {
        for manifests in [
            manifests("gang.min-one"),
            manifests("topo.relaxed"),
            hold_members(),
        ] {
            let policy: MutatingAdmissionPolicy = serde_json::from_value(manifests[0].clone()).unwrap();
            let binding: MutatingAdmissionPolicyBinding =
                serde_json::from_value(manifests[1].clone()).unwrap();
            assert_eq!(binding.spec.unwrap().policy_name, policy.metadata.name);
            assert_eq!(policy.spec.unwrap().mutations.unwrap().len(), 1);
        }
    }
}
