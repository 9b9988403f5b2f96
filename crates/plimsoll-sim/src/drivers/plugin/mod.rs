//! A vendor's device plugin on one node, for pods that ask by extended resource.

mod preference;

use std::collections::BTreeSet;

use preference::prefer;

use crate::{
    Faults,
    drivers::{Accelerator, CdiRegistry, handout},
};

/// A device plugin.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    resource: String,
    devices: Vec<Accelerator>,
    unhealthy: BTreeSet<String>,
    faults: Faults,
}

impl Plugin {
    /// A plugin that offers these devices, some of `all` of the node, as that resource, and specifies them for the
    /// runtime.
    pub(crate) fn new(
        resource: &str,
        devices: Vec<Accelerator>,
        all: &[Accelerator],
        registry: &mut CdiRegistry,
        faults: &Faults,
    ) -> Self {
        for device in &devices {
            if let Some(edits) = handout::edits(device, all, true, faults) {
                registry.insert(cdi_id(resource, &device.uuid), edits);
            }
        }
        Self {
            resource: resource.to_owned(),
            devices,
            unhealthy: BTreeSet::new(),
            faults: faults.clone(),
        }
    }

    /// The resource.
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    /// Ids of its devices, and whether each is healthy.
    pub(crate) fn list(&self) -> Vec<(String, bool)> {
        self.devices
            .iter()
            .map(|device| (device.uuid.clone(), !self.unhealthy.contains(&device.uuid)))
            .collect()
    }

    /// Takes note of a device's health. True if that is news.
    pub(crate) fn set_health(&mut self, uuid: &str, healthy: bool) -> bool {
        if !self.devices.iter().any(|device| device.uuid == uuid) {
            return false;
        }
        if healthy {
            self.unhealthy.remove(uuid)
        } else {
            self.unhealthy.insert(uuid.to_owned())
        }
    }

    /// Which of the free devices it would rather hand out.
    pub(crate) fn preferred(&self, available: &[String], size: usize) -> Vec<String> {
        prefer(&self.devices, available, size)
    }

    /// What a container is given for the devices that the kubelet chose: names for the runtime.
    pub(crate) fn allocate(&self, ids: &[String]) -> Vec<String> {
        let granted: Vec<&str> = if self.faults.has("sec.all-devices") {
            self.devices.iter().map(|device| device.uuid.as_str()).collect()
        } else if self.faults.has("sec.neighbour") {
            let first = self.devices.iter().take(ids.len());
            first.map(|device| device.uuid.as_str()).collect()
        } else {
            ids.iter().map(String::as_str).collect()
        };
        granted.into_iter().map(|id| cdi_id(&self.resource, id)).collect()
    }
}

/// The name by which a container is given a device.
fn cdi_id(resource: &str, uuid: &str) -> String {
    format!("{resource}={uuid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::accelerator::fixture::accelerators;

    fn plugin(defects: &[&str]) -> (Plugin, CdiRegistry) {
        let mut registry = CdiRegistry::default();
        let faults = defects.iter().copied().collect();
        let plugin = Plugin::new(
            "nvidia.com/gpu",
            accelerators("nvidia", 3),
            &accelerators("nvidia", 3),
            &mut registry,
            &faults,
        );
        (plugin, registry)
    }

    /// Which nodes a container gets that was allocated the last device.
    fn given(defects: &[&str]) -> Vec<String> {
        let (plugin, registry) = plugin(defects);
        let last = plugin.list()[2].0.clone();
        let edits = registry.resolve(&plugin.allocate(&[last])).unwrap();
        edits.nodes.into_keys().collect()
    }

    #[test]
    fn a_container_is_given_what_was_chosen() {
        assert_eq!(given(&[]), ["/dev/nvidia2"]);
    }

    #[test]
    fn broken_plugins_give_all_or_always_the_first() {
        assert_eq!(
            given(&["sec.all-devices"]),
            ["/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2"]
        );
        assert_eq!(given(&["sec.neighbour"]), ["/dev/nvidia0"]);
    }

    #[test]
    fn health_is_news_once() {
        let (mut plugin, _) = plugin(&[]);
        let id = plugin.list()[0].0.clone();
        assert!(plugin.set_health(&id, false));
        assert!(!plugin.set_health(&id, false));
        assert!(!plugin.list()[0].1);
        assert!(!plugin.set_health("unknown", false));
    }
}
