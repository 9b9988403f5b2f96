//! Pods carry the topology labels of the node that they are bound to.

use serde_json::{Map, Value};

use super::{Operation, Request};
use crate::{
    policy::{View, fields::text},
    resources,
};

/// The minor version since which they do.
const SINCE: u32 = 35;

const LABELS: &[&str] = &["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

pub(super) fn mutate(view: &dyn View, minor: u32, request: &mut Request) {
    let bound = match request.subresource.as_deref() {
        None => request.operation == Operation::Create,
        Some(subresource) => subresource == "binding",
    };
    if minor < SINCE || request.of != resources::PODS || !bound {
        return;
    }
    let Some(pod) = request.object.as_mut() else {
        return;
    };
    let Some(node) = view.get(&resources::NODES, None, text(&pod["spec"], "nodeName")) else {
        return;
    };
    let own = &node["metadata"]["labels"];
    let labels: Map<String, Value> = LABELS
        .iter()
        .filter(|label| own[**label].is_string())
        .map(|label| ((*label).to_owned(), own[*label].clone()))
        .collect();
    if labels.is_empty() {
        return;
    }
    match pod["metadata"]["labels"].as_object_mut() {
        Some(existing) => existing.extend(labels),
        None => pod["metadata"]["labels"] = Value::Object(labels),
    }
}
