//! Packing a Service's endpoints into slices.

use std::collections::BTreeMap;

use plimsoll_apiserver::Object;
use serde_json::{Map, Value, json};

use super::{
    super::facts::{
        meta::{self, items},
        pod,
    },
    address, is_headless, legacy,
};

pub(super) const SERVICE: &str = "kubernetes.io/service-name";
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";
/// How many endpoints a slice takes.
const CAPACITY: usize = 100;

/// The endpoints of one set of ports and one family of addresses, by pod.
type Wanted = BTreeMap<(String, String), (Value, BTreeMap<String, Value>)>;

/// What is done with a slice.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packing {
    Create(Value),
    Update(Value),
    Delete(String),
}

/// The endpoints that a Service ought to have.
pub(super) fn wanted(
    service: &Value,
    pods: &[Object],
    zone: &mut dyn FnMut(&str) -> Option<String>,
) -> Wanted {
    let mut wanted = Wanted::new();
    for family in families(service) {
        for member in pods.iter().filter(|member| address::is_there(member)) {
            let addresses: Vec<&str> = address::addresses(member)
                .into_iter()
                .filter(|ip| family_of(ip) == family)
                .collect();
            if addresses.is_empty() {
                continue;
            }
            let ports = ports(service, member);
            let entry = wanted
                .entry((family.to_owned(), ports.to_string()))
                .or_insert_with(|| (ports, BTreeMap::new()));
            entry.1.insert(
                meta::name(member).to_owned(),
                endpoint(service, member, &addresses, zone),
            );
        }
    }
    wanted
}

fn families(service: &Value) -> Vec<&'static str> {
    let mut families: Vec<&str> = items(&service["spec"]["ipFamilies"])
        .iter()
        .filter_map(|family| match family.as_str() {
            Some("IPv4") => Some("IPv4"),
            Some("IPv6") => Some("IPv6"),
            _ => None,
        })
        .collect();
    if families.is_empty() {
        families.push("IPv4");
    }
    families
}

fn family_of(ip: &str) -> &'static str {
    if ip.contains(':') { "IPv6" } else { "IPv4" }
}

fn ports(service: &Value, member: &Value) -> Value {
    let ports = items(&service["spec"]["ports"]).iter().filter_map(|port| {
        let number = address::port_on(member, port)?;
        let mut own = json!({
            "name": port["name"].as_str().unwrap_or_default(), "port": number, "protocol": address::protocol(port),
        });
        if !port["appProtocol"].is_null() {
            own["appProtocol"] = port["appProtocol"].clone();
        }
        Some(own)
    });
    Value::Array(ports.collect())
}

fn endpoint(
    service: &Value,
    member: &Value,
    addresses: &[&str],
    zone: &mut dyn FnMut(&str) -> Option<String>,
) -> Value {
    let (serving, terminating) = (pod::ready(member), meta::deleting(member));
    let ready = service["spec"]["publishNotReadyAddresses"] == true || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": address::reference(member),
    });
    if let Some(node) = pod::node(member) {
        endpoint["nodeName"] = json!(node);
        if let Some(zone) = zone(node) {
            endpoint["zone"] = json!(zone);
        }
    }
    if let Some(hostname) = address::hostname(member, service) {
        endpoint["hostname"] = json!(hostname);
    }
    endpoint
}

/// What makes slices hold what is wanted: endpoints stay where they are, new ones fill what has room.
pub(super) fn pack(service: &Value, present: &[Object], wanted: Wanted, now: &str) -> Vec<Packing> {
    let mut packings = Vec::new();
    let labels = labels(service);
    let mut untouched: Vec<&Object> = present.iter().filter(|slice| !meta::deleting(slice)).collect();
    let mut kept = 0;
    for ((family, _), (ports, mut endpoints)) in wanted {
        let (own, others): (Vec<&Object>, Vec<&Object>) = untouched.into_iter().partition(|slice| {
            slice["addressType"] == family.as_str() && same_ports(&slice["ports"], &ports)
        });
        untouched = others;
        let mut slices: Vec<(Option<&Object>, Vec<Value>)> = Vec::new();
        for slice in own {
            let stay: Vec<Value> = items(&slice["endpoints"])
                .iter()
                .filter_map(|endpoint| endpoints.remove(endpoint["targetRef"]["name"].as_str()?))
                .collect();
            slices.push((Some(slice), stay));
        }
        for endpoint in endpoints.into_values() {
            match slices
                .iter_mut()
                .find(|(_, endpoints)| endpoints.len() < CAPACITY)
            {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => slices.push((None, vec![endpoint])),
            }
        }
        for (slice, endpoints) in slices {
            match slice {
                Some(slice) if endpoints.is_empty() => {
                    packings.push(Packing::Delete(meta::name(slice).to_owned()))
                }
                Some(slice) => {
                    kept += 1;
                    packings.extend(updated(slice, &labels, Value::Array(endpoints), now));
                }
                None => {
                    kept += 1;
                    packings.push(Packing::Create(new(
                        service,
                        &family,
                        &labels,
                        ports.clone(),
                        endpoints,
                        now,
                    )));
                }
            }
        }
    }
    // A Service without endpoints has one empty slice, so that it can be told from one that nobody has looked at.
    if kept == 0 {
        let mut empty = untouched
            .iter()
            .position(|slice| items(&slice["ports"]).is_empty());
        if let Some(at) = empty.take() {
            let slice = untouched.remove(at);
            packings.extend(updated(slice, &labels, Value::Null, now));
        } else {
            for family in families(service) {
                packings.push(Packing::Create(new(
                    service,
                    family,
                    &labels,
                    Value::Null,
                    Vec::new(),
                    now,
                )));
            }
        }
    }
    packings.extend(
        untouched
            .into_iter()
            .map(|slice| Packing::Delete(meta::name(slice).to_owned())),
    );
    packings
}

fn same_ports(own: &Value, wanted: &Value) -> bool {
    items(own) == items(wanted)
}

fn updated(slice: &Object, labels: &Map<String, Value>, endpoints: Value, now: &str) -> Option<Packing> {
    if slice["endpoints"] == endpoints && slice["metadata"]["labels"].as_object() == Some(labels) {
        return None;
    }
    let mut next = (**slice).clone();
    if slice["endpoints"] != endpoints {
        next["metadata"]["annotations"][legacy::TRIGGER] = json!(now);
    }
    next["endpoints"] = endpoints;
    next["metadata"]["labels"] = Value::Object(labels.clone());
    Some(Packing::Update(next))
}

fn new(
    service: &Value,
    family: &str,
    labels: &Map<String, Value>,
    ports: Value,
    endpoints: Vec<Value>,
    now: &str,
) -> Value {
    let endpoints = if endpoints.is_empty() {
        Value::Null
    } else {
        Value::Array(endpoints)
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", meta::name(service)),
            "namespace": meta::namespace(service),
            "labels": labels,
            "annotations": {legacy::TRIGGER: now},
            "ownerReferences": [meta::controlled_by(service)],
        },
        "addressType": family, "ports": ports, "endpoints": endpoints,
    })
}

fn labels(service: &Value) -> Map<String, Value> {
    let mut labels = service["metadata"]["labels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    labels.remove(legacy::HEADLESS);
    if is_headless(service) {
        labels.insert(legacy::HEADLESS.to_owned(), json!(""));
    }
    labels.insert(SERVICE.to_owned(), json!(meta::name(service)));
    labels.insert(MANAGED_BY.to_owned(), json!(MANAGER));
    labels
}
