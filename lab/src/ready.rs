//! When a lab is ready: nodes, DNS, and what a first pod needs.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, ServiceAccount, Taint};
use kube::runtime::watcher;
use kube::{Api, Client};
use plimsoll_vendors::Vendor;

use crate::watch::{self, TooLong, Verdict};

/// Waits until every node of that name is Ready and takes pods.
pub(crate) async fn nodes(client: &Client, names: &[String]) -> Result<(), TooLong> {
    let api: Api<Node> = Api::all(client.clone());
    watch::until("nodes becoming Ready", api, watcher::Config::default(), |nodes| {
        all_ready(names, nodes)
    })
    .await
}

/// Waits until pods without a ServiceAccount of their own can be created in `default`.
pub(crate) async fn first_pod(client: &Client) -> Result<(), TooLong> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    watch::exists(api, "default").await
}

fn all_ready(names: &[String], nodes: &BTreeMap<String, Node>) -> Verdict {
    for name in names {
        if let Err(reason) = ready(name, nodes.get(name)) {
            return Verdict::NotYet(reason);
        }
    }
    Verdict::Met
}

fn ready(name: &str, node: Option<&Node>) -> Result<(), String> {
    let Some(node) = node else {
        return Err(format!("the node `{name}` has not registered"));
    };
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == "Ready") {
        Some(condition) if condition.status == "True" => {}
        Some(condition) => {
            let why = condition.message.as_deref().unwrap_or("without a message");
            return Err(format!("the node `{name}` is not Ready: {why}"));
        }
        None => return Err(format!("the node `{name}` has not said whether it is Ready")),
    }
    let taints = node
        .spec
        .as_ref()
        .and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default();
    // A vendor's own taint is there to stay.
    let passes = |taint: &&Taint| {
        Vendor::all()
            .iter()
            .all(|vendor| !vendor.taints.contains(&taint.key))
    };
    match taints.iter().find(passes) {
        Some(taint) => Err(format!("the node `{name}` still has the taint `{}`", taint.key)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(status: &str, taints: serde_json::Value) -> Node {
        serde_json::from_value(json!({
            "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": status, "message": "cni plugin not initialized"}]},
        }))
        .unwrap()
    }

    fn verdict(nodes: Vec<(&str, Node)>) -> Verdict {
        let nodes = nodes
            .into_iter()
            .map(|(name, node)| (name.to_owned(), node))
            .collect();
        all_ready(&["node-1".to_owned(), "node-2".to_owned()], &nodes)
    }

    #[test]
    fn all_of_them_ready_and_free_of_taints_is_ready() {
        let sound = || node("True", json!([]));
        assert_eq!(
            verdict(vec![("node-1", sound()), ("node-2", sound())]),
            Verdict::Met
        );
        let kept_apart = node("True", json!([{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]));
        assert_eq!(
            verdict(vec![("node-1", sound()), ("node-2", kept_apart)]),
            Verdict::Met,
            "a vendor's taint"
        );
    }

    #[test]
    fn the_first_thing_that_is_missing_is_named() {
        let sound = || node("True", json!([]));
        let says = |nodes, part: &str| match verdict(nodes) {
            Verdict::NotYet(reason) => assert!(reason.contains(part), "{reason}"),
            Verdict::Met => panic!("met without {part}"),
        };
        says(vec![], "`node-1` has not registered");
        says(vec![("node-1", sound())], "`node-2` has not registered");
        says(
            vec![("node-1", sound()), ("node-2", node("False", json!([])))],
            "cni plugin not initialized",
        );
        let tainted = node(
            "True",
            json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]),
        );
        says(
            vec![("node-1", tainted), ("node-2", sound())],
            "taint `node.kubernetes.io/not-ready`",
        );
        says(
            vec![("node-1", Node::default()), ("node-2", sound())],
            "has not said",
        );
    }
}
