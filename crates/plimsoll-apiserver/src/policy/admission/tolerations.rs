//! Tolerations that pods get, and the taint that new nodes get.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::{
    policy::fields::{items, text},
    resources,
};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// How long a pod stays on a node that is gone.
const SECONDS: i64 = 300;

/// Every pod bears a lost node for a while.
pub(super) fn default_seconds(request: &mut Request) {
    let written = matches!(request.operation, Operation::Create | Operation::Update);
    if !written || !request.is_about(&resources::PODS) {
        return;
    }
    let Some(pod) = request.object.as_mut() else {
        return;
    };
    let spec = &mut pod["spec"];
    let missing: Vec<&str> = [NOT_READY, UNREACHABLE]
        .into_iter()
        .filter(|taint| !items(spec, "tolerations").any(|toleration| bears(toleration, taint)))
        .collect();
    for taint in missing {
        let toleration = json!({
            "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS,
        });
        add(spec, "tolerations", toleration);
    }
}

fn bears(toleration: &Value, taint: &str) -> bool {
    let (key, effect) = (text(toleration, "key"), text(toleration, "effect"));
    (key == taint || key.is_empty()) && (effect == "NoExecute" || effect.is_empty())
}

/// Pods that ask for extended resources bear taints of the same name, where that plugin is on.
pub(super) fn extended_resources(request: &mut Request) {
    if !request.is_about(&resources::PODS) {
        return;
    }
    let Some(pod) = request.object.as_mut() else {
        return;
    };
    let spec = &mut pod["spec"];
    let asked: BTreeSet<String> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| items(spec, list))
        .filter_map(|container| container["resources"]["requests"].as_object())
        .flat_map(|requests| requests.keys())
        .filter(|name| is_extended(name))
        .cloned()
        .collect();
    for name in asked {
        let toleration = json!({"key": name, "operator": "Exists", "effect": "NoSchedule"});
        if !items(spec, "tolerations").any(|own| *own == toleration) {
            add(spec, "tolerations", toleration);
        }
    }
}

/// Whether a resource is none of Kubernetes' own.
pub(in crate::policy) fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

/// A new node is not ready until somebody finds that it is.
pub(super) fn taint_new_node(request: &mut Request) {
    if request.operation != Operation::Create || !request.is_about(&resources::NODES) {
        return;
    }
    let Some(node) = request.object.as_mut() else {
        return;
    };
    let spec = &mut node["spec"];
    let there = items(spec, "taints")
        .any(|taint| text(taint, "key") == NOT_READY && text(taint, "effect") == "NoSchedule");
    if !there {
        add(spec, "taints", json!({"key": NOT_READY, "effect": "NoSchedule"}));
    }
}

fn add(of: &mut Value, list: &str, item: Value) {
    match of[list].as_array_mut() {
        Some(items) => items.push(item),
        None => of[list] = json!([item]),
    }
}
