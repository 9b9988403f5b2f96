//! Endpoints, as they were before slices.

use std::collections::BTreeMap;

use plimsoll_apiserver::Object;
use serde_json::{Value, json};

use super::{
    super::facts::{
        meta::{self, items},
        pod,
    },
    address, is_headless,
};

pub(super) const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "endpoint-controller";
pub(super) const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";
pub(super) const HEADLESS: &str = "service.kubernetes.io/headless";

/// The Endpoints that a Service ought to have.
pub(super) fn endpoints(service: &Value, pods: &[Object]) -> Value {
    let mut labels = service["metadata"]["labels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), json!(""));
    }
    labels.insert(MANAGED_BY.to_owned(), json!(MANAGER));
    let mut endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": meta::name(service), "namespace": meta::namespace(service), "labels": labels},
    });
    let subsets = subsets(service, pods);
    if !subsets.is_empty() {
        endpoints["subsets"] = Value::Array(subsets);
    }
    endpoints
}

/// Pods with the same ports.
struct Alike {
    ports: Vec<Value>,
    /// By address.
    ready: BTreeMap<String, Value>,
    not_ready: BTreeMap<String, Value>,
}

fn subsets(service: &Value, pods: &[Object]) -> Vec<Value> {
    let publishes_all = service["spec"]["publishNotReadyAddresses"] == true;
    let mut by_ports: BTreeMap<String, Alike> = BTreeMap::new();
    for member in pods.iter().filter(|member| address::is_there(member)) {
        if meta::deleting(member) && !publishes_all {
            continue;
        }
        let ports: Vec<Value> = items(&service["spec"]["ports"])
            .iter()
            .filter_map(|port| {
                let mut own =
                    json!({"port": address::port_on(member, port)?, "protocol": address::protocol(port)});
                for field in ["name", "appProtocol"] {
                    if let Some(text) = port[field].as_str().filter(|text| !text.is_empty()) {
                        own[field] = json!(text);
                    }
                }
                Some(own)
            })
            .collect();
        if ports.is_empty() && !(items(&service["spec"]["ports"]).is_empty() && is_headless(service)) {
            continue;
        }
        let Some(ip) = address::addresses(member).first().copied() else {
            continue;
        };
        let mut own = json!({"ip": ip, "targetRef": address::reference(member)});
        if let Some(node) = pod::node(member) {
            own["nodeName"] = json!(node);
        }
        if let Some(hostname) = address::hostname(member, service) {
            own["hostname"] = json!(hostname);
        }
        let group = by_ports
            .entry(Value::Array(ports.clone()).to_string())
            .or_insert_with(|| Alike {
                ports,
                ready: BTreeMap::new(),
                not_ready: BTreeMap::new(),
            });
        let list = if publishes_all || pod::ready(member) {
            &mut group.ready
        } else {
            &mut group.not_ready
        };
        list.insert(ip.to_owned(), own);
    }
    by_ports
        .into_values()
        .map(|alike| {
            let mut subset = json!({});
            for (field, list) in [("addresses", alike.ready), ("notReadyAddresses", alike.not_ready)] {
                if !list.is_empty() {
                    subset[field] = Value::Array(list.into_values().collect());
                }
            }
            if !alike.ports.is_empty() {
                subset["ports"] = Value::Array(alike.ports);
            }
            subset
        })
        .collect()
}
