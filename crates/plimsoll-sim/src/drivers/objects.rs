//! Objects that drivers bring to a cluster as a whole: DeviceClasses, and the RuntimeClasses of their runtimes.

use std::collections::BTreeMap;

use plimsoll_vendors::{Metrics, Vendor};
use serde_json::{Value, json};

use super::dra::classes;
use crate::platform::{Allocation, NodeGroup};

/// What the drivers of all these nodes bring together.
pub(crate) fn cluster_objects<'a>(groups: impl IntoIterator<Item = &'a NodeGroup>) -> Vec<Value> {
    let mut vendors: BTreeMap<&str, (&'static Vendor, Vec<Allocation>, bool)> = BTreeMap::new();
    for kind in groups.into_iter().flat_map(|group| &group.accelerators) {
        if let Ok(vendor) = Vendor::by_id(&kind.vendor) {
            let (_, allocations, exported) = vendors.entry(&vendor.id).or_insert((vendor, Vec::new(), false));
            allocations.push(kind.allocation);
            *exported |= kind.exporter;
        }
    }
    let mut objects = Vec::new();
    for (vendor, allocations, exported) in vendors.into_values() {
        if vendor.dra.is_some()
            && allocations
                .iter()
                .any(|allocation| *allocation != Allocation::Plugin)
        {
            let extended = allocations.contains(&Allocation::ExtendedResource);
            objects.extend(classes(vendor, vendor.resource().filter(|_| extended)));
        }
        if let Some(metrics) = vendor.metrics.as_ref().filter(|_| exported) {
            objects.push(exporter_service(metrics));
        }
        if let Some(name) = &vendor.selectors.runtime_class {
            objects.push(json!({
                "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
                "metadata": {"name": name}, "handler": name,
            }));
        }
    }
    objects
}

/// Where exporters of a vendor are found, and their port.
const EXPORTERS: &str = "kube-system";
const PORT: &str = "metrics";

/// The name of an exporter's Service, and the label that it is found by.
fn exporter_name(metrics: &Metrics) -> (&str, &str, &str) {
    let label = metrics.found_by.first().map_or("app=exporter", String::as_str);
    let (key, name) = label.split_once('=').unwrap_or(("app", label));
    (name, key, name)
}

/// The Service in front of a vendor's exporters. It selects no pods: what stands behind it is said by `exporter_slice`.
fn exporter_service(metrics: &Metrics) -> Value {
    let (name, key, value) = exporter_name(metrics);
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": EXPORTERS, "labels": {key: value}},
        "spec": {
            "type": "ClusterIP", "clusterIP": "None",
            "ports": [{"name": PORT, "protocol": "TCP", "port": metrics.port, "targetPort": metrics.port}],
        },
    })
}

/// Where a node's exporter of a vendor is.
pub(crate) fn exporter_slice(
    metrics: &Metrics,
    node: &str,
    node_uid: &str,
    address: std::net::Ipv4Addr,
) -> Value {
    let (name, ..) = exporter_name(metrics);
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{name}-{node}"), "namespace": EXPORTERS,
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "exporters"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": node_uid}],
        },
        "addressType": "IPv4",
        "endpoints": [{
            "addresses": [address.to_string()], "nodeName": node,
            "conditions": {"ready": true, "serving": true, "terminating": false},
        }],
        "ports": [{"name": PORT, "protocol": "TCP", "port": metrics.port}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::accelerator::fixture::group;

    fn names(allocation: Allocation) -> Vec<String> {
        cluster_objects([&group("nvidia", 1, allocation), &group("nvidia", 1, allocation)])
            .iter()
            .map(|object| {
                format!(
                    "{} {}",
                    object["kind"].as_str().unwrap(),
                    object["metadata"]["name"].as_str().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn classes_come_once_and_only_with_the_driver() {
        assert_eq!(
            names(Allocation::Dra),
            [
                "DeviceClass gpu.nvidia.com",
                "DeviceClass mig.nvidia.com",
                "Service dcgm-exporter",
                "RuntimeClass nvidia"
            ]
        );
        assert_eq!(
            names(Allocation::Plugin),
            ["Service dcgm-exporter", "RuntimeClass nvidia"]
        );
    }

    #[test]
    fn an_extended_resource_is_named_by_the_class_behind_it() {
        let objects = cluster_objects([&group("nvidia", 1, Allocation::ExtendedResource)]);
        assert_eq!(objects[0]["spec"]["extendedResourceName"], "nvidia.com/gpu");
        assert_eq!(objects[1]["spec"].get("extendedResourceName"), None);
    }
}
