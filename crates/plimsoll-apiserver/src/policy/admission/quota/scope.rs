//! Which objects a quota is about, beyond their kind.

use serde_json::{Value, json};

use crate::{
    GroupResource,
    policy::{
        fields::{items, text},
        pods,
    },
    resources,
};

/// Whether an object is in all scopes of a quota. Only pods are in any.
pub(super) fn matches(spec: &Value, of: &GroupResource, object: &Value) -> bool {
    let plain = items(spec, "scopes")
        .filter_map(Value::as_str)
        .map(|name| json!({"scopeName": name, "operator": "Exists"}));
    let selected = items(&spec["scopeSelector"], "matchExpressions").cloned();
    plain
        .chain(selected)
        .all(|selector| *of == resources::PODS && is_in(&selector, &object["spec"]))
}

fn is_in(selector: &Value, pod: &Value) -> bool {
    let ends = pod["activeDeadlineSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds >= 0);
    match text(selector, "scopeName") {
        "Terminating" => ends,
        "NotTerminating" => !ends,
        "BestEffort" => pods::is_best_effort(pod),
        "NotBestEffort" => !pods::is_best_effort(pod),
        "PriorityClass" => has_class(selector, text(pod, "priorityClassName")),
        "CrossNamespacePodAffinity" => looks_across(pod),
        _ => false,
    }
}

fn has_class(selector: &Value, class: &str) -> bool {
    let listed = || items(selector, "values").any(|value| value == class);
    match text(selector, "operator") {
        "Exists" => !class.is_empty(),
        "DoesNotExist" => class.is_empty(),
        "In" => !class.is_empty() && listed(),
        "NotIn" => class.is_empty() || !listed(),
        _ => false,
    }
}

/// Whether a pod wants to be near to, or far from, pods of other namespaces.
fn looks_across(pod: &Value) -> bool {
    let across =
        |term: &Value| items(term, "namespaces").next().is_some() || !term["namespaceSelector"].is_null();
    ["podAffinity", "podAntiAffinity"].into_iter().any(|kind| {
        let affinity = &pod["affinity"][kind];
        items(affinity, "requiredDuringSchedulingIgnoredDuringExecution").any(across)
            || items(affinity, "preferredDuringSchedulingIgnoredDuringExecution")
                .any(|weighted| across(&weighted["podAffinityTerm"]))
    })
}
