//! Somebody's admission policy that makes every group want one pod only.

use serde_json::{Value, json};

/// The policy and its binding.
pub(in crate::scheduler) fn manifests() -> Vec<Value> {
    const NAME: &str = "gang-defaults";
    const API: &str = "admissionregistration.k8s.io/v1";
    let one = "Object{spec: Object.spec{schedulingPolicy: Object.spec.schedulingPolicy{\
               gang: Object.spec.schedulingPolicy.gang{minCount: 1}}}}";
    let is_gang = "has(object.spec.schedulingPolicy) && has(object.spec.schedulingPolicy.gang)";
    vec![
        json!({
            "apiVersion": API, "kind": "MutatingAdmissionPolicy", "metadata": {"name": NAME},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["scheduling.k8s.io"], "apiVersions": ["*"], "operations": ["CREATE"],
                    "resources": ["podgroups"],
                }]},
                "matchConditions": [{"name": "gang", "expression": is_gang}],
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": one}}],
            },
        }),
        json!({
            "apiVersion": API, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": NAME},
            "spec": {"policyName": NAME},
        }),
    ]
}
