//! Nodes and their accelerators, as the survey found them.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::words::seen;
use crate::RecordedRun;

/// How many nodes are drawn; more are only counted.
const DRAWN_NODES: usize = 24;
/// How many devices of a node are drawn.
const DRAWN_DEVICES: usize = 32;

/// The picture; nothing if the run did not get as far as a survey.
pub(super) fn topology(run: &RecordedRun) -> Markup {
    let Some(inventory) = &run.inventory else {
        return html! {};
    };
    let nodes = list(inventory, "nodes");
    if nodes.is_empty() {
        return html! {};
    }
    let accelerators = list(inventory, "accelerators");
    // Those with accelerators first: they are what the run is about.
    let mut cards: Vec<(&Value, Vec<&Value>)> = nodes
        .iter()
        .map(|node| {
            let name = text(node, "name");
            let own = accelerators
                .iter()
                .filter(|accelerator| text(accelerator, "node") == name);
            (node, own.collect())
        })
        .collect();
    cards.sort_by_key(|(_, own)| own.is_empty());
    let total: u64 = accelerators
        .iter()
        .filter_map(|accelerator| accelerator.get("total")?.as_u64())
        .sum();
    html! {
        section.topology aria-labelledby="topology-title" {
            h2 #topology-title { "Nodes and accelerators" }
            p.about {
                (count(nodes.len() as u64, "node")) ", " (count(total, "accelerator"))
                " as the survey found them. A frame is a NUMA node or a PCIe root; "
                "filled: free; hatched: in use by others; crossed: tainted."
            }
            ul.nodes { @for (node, own) in cards.iter().take(DRAWN_NODES) { (card(node, own)) } }
            (shared(nodes, accelerators))
            @if cards.len() > DRAWN_NODES {
                p.cut { (cards.len() - DRAWN_NODES) " more nodes are in the record." }
            }
            (software(inventory))
        }
    }
}

/// Accelerators that belong to no one node.
fn shared(nodes: &[Value], accelerators: &[Value]) -> Markup {
    let shared: Vec<&Value> = accelerators
        .iter()
        .filter(|accelerator| {
            !nodes
                .iter()
                .any(|node| text(node, "name") == text(accelerator, "node"))
        })
        .collect();
    if shared.is_empty() {
        return html! {};
    }
    html! {
        div.node.shared {
            p.name { strong { "reachable from several nodes" } }
            @for accelerator in shared { (path(accelerator)) }
        }
    }
}

fn card(node: &Value, accelerators: &[&Value]) -> Markup {
    let facts: Vec<String> = ["kubelet", "runtime", "arch", "kernel"]
        .into_iter()
        .map(|field| text(node, field))
        .filter(|text| !text.is_empty())
        .map(seen)
        .collect();
    let ready = node.get("ready").and_then(Value::as_bool).unwrap_or(true);
    let schedulable = node.get("schedulable").and_then(Value::as_bool).unwrap_or(true);
    html! {
        li.node {
            p.name {
                strong { (seen(text(node, "name"))) }
                @if !ready { " " span.tag.bad { "not ready" } }
                @if !schedulable { " " span.tag.unsure { "unschedulable" } }
            }
            p.small { (facts.join(" · ")) }
            @for accelerator in accelerators { (path(accelerator)) }
            @if accelerators.is_empty() { p.small.empty { "no accelerator" } }
        }
    }
}

fn path(accelerator: &Value) -> Markup {
    let number = |field| accelerator.get(field).and_then(Value::as_u64).unwrap_or(0);
    let (total, free) = (number("total"), number("free"));
    let devices = list(accelerator, "devices");
    let models: Vec<&str> = distinct(
        devices
            .iter()
            .filter_map(|device| attribute(device, "productName")),
    );
    let told = format!("{free} of {total} free");
    html! {
        div.path {
            p.small {
                strong { (seen(text(accelerator, "path"))) }
                @if !models.is_empty() { " · " (seen(&models.join(", "))) }
                " · " (told)
            }
            @if devices.is_empty() {
                // A device plugin publishes a number, not devices.
                span.frame {
                    @for index in 0..total.min(DRAWN_DEVICES as u64) {
                        span class=(if index < free { "chip" } else { "chip used" }) aria-hidden="true" {}
                    }
                    @if total > DRAWN_DEVICES as u64 { "+" (total - DRAWN_DEVICES as u64) }
                }
            } @else {
                @for (place, devices) in places(devices) {
                    span.frame {
                        @if !place.is_empty() { span.place { (seen(&place)) } }
                        @for device in devices { (chip(device)) }
                    }
                }
                @if devices.len() > DRAWN_DEVICES { span.small { "+" (devices.len() - DRAWN_DEVICES) } }
            }
        }
    }
}

fn chip(device: &Value) -> Markup {
    let is = |field| device.get(field).and_then(Value::as_bool) == Some(true);
    let (class, state) = if is("tainted") {
        ("chip named tainted", "tainted")
    } else if is("allocated") {
        ("chip named used", "in use")
    } else {
        ("chip named", "free")
    };
    let name = seen(text(device, "name"));
    html! { span class=(class) title={ (name) ", " (state) } { (name) span.hidden { ", " (state) } } }
}

/// The devices by where they sit, as far as their driver says.
fn places(devices: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut places: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for device in devices.iter().take(DRAWN_DEVICES) {
        let numa = attribute_number(device, "numaNode").map(|node| format!("NUMA {node}"));
        let root = attribute(device, "pcieRoot").map(str::to_owned);
        let place: Vec<String> = numa.into_iter().chain(root).collect();
        places.entry(place.join(" · ")).or_default().push(device);
    }
    places
}

/// What else the survey found, a line for each kind.
fn software(inventory: &Value) -> Markup {
    let kinds = [
        ("schedulers", "schedulers"),
        ("gang_apis", "gang scheduling"),
        ("operators", "operators"),
        ("gateways", "gateways"),
        ("autoscalers", "autoscalers"),
        ("metrics", "metrics"),
        ("networks", "networks"),
        ("storage", "storage"),
        ("runtime_classes", "runtime classes"),
        ("dra_versions", "resource.k8s.io"),
    ];
    let found = kinds
        .map(|(field, name)| {
            (
                name,
                list(inventory, field).iter().map(finding).collect::<Vec<_>>(),
            )
        })
        .into_iter()
        .filter(|(_, found)| !found.is_empty());
    html! { dl.facts.software { @for (name, found) in found { (super::overview::fact(name, &found.join(", "))) } } }
}

fn finding(value: &Value) -> String {
    let field = |name| value.get(name).and_then(Value::as_str);
    let name = value
        .as_str()
        .or(field("name"))
        .or(field("adapter"))
        .unwrap_or("?");
    match field("version") {
        Some(version) => seen(&format!("{name} {version}")),
        None => seen(name),
    }
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// An attribute of a device, whatever domain its driver qualifies it with.
fn attribute_value<'v>(device: &'v Value, name: &str) -> Option<&'v Value> {
    let attributes = device.get("attributes")?.as_object()?;
    attributes
        .iter()
        .find(|(key, _)| key.rsplit('/').next() == Some(name))
        .map(|(_, value)| value)
}

fn attribute<'v>(device: &'v Value, name: &str) -> Option<&'v str> {
    attribute_value(device, name)?.as_str()
}

fn attribute_number(device: &Value, name: &str) -> Option<i64> {
    attribute_value(device, name)?.as_i64()
}

fn distinct<'v>(texts: impl Iterator<Item = &'v str>) -> Vec<&'v str> {
    let mut distinct: Vec<&str> = texts.collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
