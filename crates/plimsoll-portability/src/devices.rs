//! Which accelerators a platform offers, and on which nodes.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_apiserver::cel::DeviceSelector;
use serde_json::{Map, Value, json};

use crate::platform::{AcceleratorFacts, DeviceFacts, Platform};

/// So many devices on each node that takes pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Devices by node; the empty name is for devices that every node can reach.
    pub nodes: BTreeMap<String, u64>,
    /// How many of all of them are free now.
    pub free: u64,
    /// Why a selector could not be used.
    pub fault: Option<String>,
}

impl Offer {
    /// How many devices in all.
    #[must_use]
    pub(crate) fn total(&self) -> u64 {
        self.nodes.values().sum()
    }

    /// The most on one node.
    #[must_use]
    pub(crate) fn most(&self) -> u64 {
        self.nodes.values().copied().max().unwrap_or(0)
    }
}

/// What a device plugin offers by a name.
#[must_use]
pub(crate) fn by_resource(platform: &Platform, resource: &str) -> std::sync::Arc<Offer> {
    platform.offer(format!("plugin {resource}"), || {
        let mut offer = Offer::default();
        for node in platform.facts.nodes.iter().filter(|node| node.is_usable()) {
            if let Some(count) = node
                .accelerators
                .get(resource)
                .filter(|count| count.allocatable > 0)
            {
                offer.nodes.insert(node.name.clone(), count.allocatable);
            }
        }
        let path = format!("device-plugin/{resource}");
        let of_path = platform
            .facts
            .accelerators
            .iter()
            .filter(|found| found.path == path);
        offer.free = of_path.map(|found| found.free).sum();
        offer
    })
}

/// What a DeviceClass offers to a request with these selectors. A class that the manifests bring along (`selectors`
/// then hold its own, too) may select any device.
#[must_use]
pub(crate) fn by_class(
    platform: &Platform,
    class: Option<&str>,
    selectors: &[String],
) -> std::sync::Arc<Offer> {
    // Written so that no other selectors give the same: none and an empty one are two.
    let key = format!("class {} {selectors:?}", class.unwrap_or("*"));
    platform.offer(key, || {
        let mut compiled = Vec::new();
        for expression in selectors {
            match DeviceSelector::compile(expression) {
                Ok(selector) => compiled.push(selector),
                Err(error) => {
                    return Offer {
                        fault: Some(format!("`{expression}`: {error}")),
                        ..Offer::default()
                    };
                }
            }
        }
        let path = class.map(|class| format!("dra/{class}"));
        let of_path = |found: &&AcceleratorFacts| match &path {
            Some(path) => found.path == *path,
            None => found.path.starts_with("dra/"),
        };
        let mut offer = Offer::default();
        let mut seen = BTreeSet::new();
        for found in platform.facts.accelerators.iter().filter(of_path) {
            let usable = found.node.is_empty()
                || platform
                    .facts
                    .nodes
                    .iter()
                    .any(|node| node.name == found.node && node.is_usable());
            if !usable {
                continue;
            }
            let devices = found
                .devices
                .iter()
                .filter(|device| !device.tainted && compiled.iter().all(|selector| selects(selector, device)))
                .filter(|device| {
                    seen.insert((device.driver.as_str(), device.pool.as_str(), device.name.as_str()))
                });
            let count = devices.count() as u64;
            if count > 0 {
                *offer.nodes.entry(found.node.clone()).or_default() += count;
                offer.free += found.free.min(count);
            }
        }
        offer
    })
}

/// A fault at evaluation selects nothing, as in the scheduler.
fn selects(selector: &DeviceSelector, device: &DeviceFacts) -> bool {
    let attributes: Map<String, Value> = device
        .attributes
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), typed(name, value)?)))
        .collect();
    let capacity: Map<String, Value> = device
        .capacity
        .iter()
        .map(|(name, value)| (name.clone(), json!({"value": value})))
        .collect();
    selector
        .matches(
            &device.driver,
            &Value::Object(attributes),
            &Value::Object(capacity),
        )
        .unwrap_or(false)
}

/// An inventory has bare values; by custom, versions are called so.
fn typed(name: &str, value: &Value) -> Option<Value> {
    Some(match value {
        Value::Bool(value) => json!({"bool": value}),
        Value::Number(value) => json!({"int": value}),
        Value::String(value) if name.ends_with("ersion") => json!({"version": value}),
        Value::String(value) => json!({"string": value}),
        Value::Array(_) | Value::Object(_) | Value::Null => return None,
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_record::PlatformKind;

    use super::*;

    fn platform() -> Platform {
        let device = |name: &str, memory: &str, tainted: bool| {
            json!({
                "name": name, "pool": "n", "driver": "gpu.nvidia.com", "tainted": tainted,
                "attributes": {"gpu.nvidia.com/productName": "H100", "gpu.nvidia.com/driverVersion": "580.95.5"},
                "capacity": {"gpu.nvidia.com/memory": memory},
            })
        };
        let inventory = json!({
            "nodes": [
                {"name": "n", "ready": true, "schedulable": true, "accelerators": {"amd.com/gpu": {"allocatable": 8}}},
                {"name": "gone", "ready": false, "schedulable": true, "accelerators": {"amd.com/gpu": {"allocatable": 8}}},
            ],
            "accelerators": [{
                "path": "dra/gpu.nvidia.com", "node": "n", "total": 3, "free": 3,
                "devices": [device("a", "80Gi", false), device("b", "40Gi", false), device("c", "80Gi", true)],
            }],
        });
        Platform::surveyed("p", PlatformKind::Cluster, &inventory).unwrap()
    }

    #[test]
    fn selectors_choose_by_capacity_and_version_as_the_scheduler_does() {
        let platform = platform();
        let offered =
            |selector: &str| by_class(&platform, Some("gpu.nvidia.com"), &[selector.to_owned()]).total();
        assert_eq!(
            by_class(&platform, Some("gpu.nvidia.com"), &[]).total(),
            2,
            "tainted ones are left out"
        );
        assert!(
            by_class(&platform, Some("gpu.nvidia.com"), &[String::new()])
                .fault
                .is_some(),
            "an empty selector is none"
        );
        assert_eq!(
            offered(r#"device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("60Gi")) >= 0"#),
            1
        );
        assert_eq!(
            offered(r#"device.attributes["gpu.nvidia.com"].driverVersion.isGreaterThan(semver("570.0.0"))"#),
            2
        );
        assert_eq!(
            offered(r#"device.attributes["gpu.nvidia.com"].nothing == "x""#),
            0
        );
        assert!(
            by_class(&platform, Some("gpu.nvidia.com"), &["((".to_owned()])
                .fault
                .is_some()
        );
    }

    #[test]
    fn nodes_that_take_no_pods_offer_nothing() {
        assert_eq!(by_resource(&platform(), "amd.com/gpu").total(), 8);
    }
}
