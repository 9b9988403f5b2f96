//! The admission policies of defects that are nothing else.

use serde_json::{Value, json};

use crate::Faults;

/// The policies of the seeded faults, in the order of their creation.
pub(super) fn of(faults: &Faults) -> Vec<Value> {
    if faults.has("gang.min-one") {
        min_count_of_one()
    } else {
        Vec::new()
    }
}

/// Sets every group's minCount to 1 when it is created.
fn min_count_of_one() -> Vec<Value> {
    let api = "admissionregistration.k8s.io/v1";
    let name = "min-one";
    let one = "Object{spec: Object.spec{schedulingPolicy: Object.spec.schedulingPolicy{\
               gang: Object.spec.schedulingPolicy.gang{minCount: 1}}}}";
    let is_gang = "has(object.spec.schedulingPolicy) && has(object.spec.schedulingPolicy.gang)";
    vec![
        json!({
            "apiVersion": api, "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["scheduling.k8s.io"], "apiVersions": ["*"],
                    "operations": ["CREATE"], "resources": ["podgroups"],
                }]},
                "matchConditions": [{"name": "concerned", "expression": is_gang}],
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": one}}],
            },
        }),
        json!({
            "apiVersion": api, "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name}, "spec": {"policyName": name},
        }),
    ]
}

#[cfg(test)]
mod tests {
    use plimsoll_defects::{Defect, Part};

    use super::*;

    #[test]
    fn exactly_the_defects_of_admission_policies_have_some() {
        for defect in Defect::all() {
            let Some(simulation) = defect.simulated() else {
                continue;
            };
            let policies = of(&Faults::from_iter([defect.id.as_str()]));
            assert_eq!(
                !policies.is_empty(),
                simulation.component == Part::AdmissionPolicy,
                "{}",
                defect.id
            );
        }
    }
}
