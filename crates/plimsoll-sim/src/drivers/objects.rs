//! Objects that drivers bring to a cluster as a whole: DeviceClasses, and the RuntimeClasses of their runtimes.

use std::collections::BTreeMap;

use plimsoll_vendors::Vendor;
use serde_json::{Value, json};

use super::dra::classes;
use crate::platform::{Allocation, NodeGroup};

/// What the drivers of all these nodes bring together.
pub(crate) fn cluster_objects<'a>(groups: impl IntoIterator<Item = &'a NodeGroup>) -> Vec<Value> {
    let mut vendors: BTreeMap<&str, (&'static Vendor, Vec<Allocation>)> = BTreeMap::new();
    for kind in groups.into_iter().flat_map(|group| &group.accelerators) {
        if let Ok(vendor) = Vendor::by_id(&kind.vendor) {
            let (_, allocations) = vendors.entry(&vendor.id).or_insert((vendor, Vec::new()));
            allocations.push(kind.allocation);
        }
    }
    let mut objects = Vec::new();
    for (vendor, allocations) in vendors.into_values() {
        if vendor.dra.is_some()
            && allocations
                .iter()
                .any(|allocation| *allocation != Allocation::Plugin)
        {
            let extended = allocations.contains(&Allocation::ExtendedResource);
            objects.extend(classes(vendor, vendor.resource().filter(|_| extended)));
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
                "RuntimeClass nvidia"
            ]
        );
        assert_eq!(names(Allocation::Plugin), ["RuntimeClass nvidia"]);
    }

    #[test]
    fn an_extended_resource_is_named_by_the_class_behind_it() {
        let objects = cluster_objects([&group("nvidia", 1, Allocation::ExtendedResource)]);
        assert_eq!(objects[0]["spec"]["extendedResourceName"], "nvidia.com/gpu");
        assert_eq!(objects[1]["spec"].get("extendedResourceName"), None);
    }
}
