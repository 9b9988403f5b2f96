//! A vendor's device plugin on one node, for pods that ask by extended resource.

pub(crate) mod pods;
mod preference;
mod shares;

use std::collections::BTreeSet;

use preference::prefer;
pub(crate) use shares::{Shares, labels};

use crate::{
    Faults,
    drivers::{Accelerator, CdiRegistry, handout},
};

/// A device plugin.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    resource: String,
    devices: Vec<Accelerator>,
    shares: Shares,
    unhealthy: BTreeSet<String>,
    is_connected: bool,
    faults: Faults,
}

impl Plugin {
    /// A plugin that offers these devices, some of `all` of the node, as that resource, and specifies them for the
    /// runtime.
    pub(crate) fn new(
        resource: &str,
        devices: Vec<Accelerator>,
        all: &[Accelerator],
        shares: Shares,
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
            shares,
            unhealthy: BTreeSet::new(),
            is_connected: true,
            faults: faults.clone(),
        }
    }

    /// The resource.
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    /// Takes note of whether its process is there to be asked.
    pub(crate) fn connect(&mut self, connected: bool) {
        self.is_connected = connected;
    }

    /// Offers nothing any more.
    pub(crate) fn withdraw(&mut self) {
        self.devices.clear();
    }

    /// Ids of its devices, and whether each is healthy.
    pub(crate) fn list(&self) -> Vec<(String, bool)> {
        let real = self.devices.iter().flat_map(|device| {
            let healthy = self.is_connected && !self.unhealthy.contains(&device.uuid);
            self.shares.ids(&device.uuid).map(move |id| (id, healthy))
        });
        let phantoms = self.devices.iter().filter(|_| self.faults.has("dp.phantom"));
        real.chain(phantoms.map(|device| (format!("{}-again", device.uuid), true)))
            .collect()
    }

    /// Why it can't give a container these ids while others have `taken`.
    pub(crate) fn excludes(&self, ids: &[String], taken: &BTreeSet<String>) -> Option<String> {
        if !self.faults.has("share.serial") {
            return None;
        }
        let device = |id: &String| Shares::device(id).to_owned();
        let held: BTreeSet<String> = taken.iter().map(device).collect();
        let locked = ids.iter().map(device).find(|uuid| held.contains(uuid))?;
        Some(format!("device {locked} is in exclusive use"))
    }

    /// Why it answers no request at present.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.faults.has("dp.dead-plugin").then_some(
            "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: \
             connect: connection refused\"",
        )
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
        if self.shares.is_shared() {
            return self.shares.prefer(available, size);
        }
        let mut chosen = prefer(&self.devices, available, size);
        let unknown = available.iter().filter(|id| !chosen.contains(*id)).cloned();
        let unknown: Vec<String> = unknown.take(size - chosen.len()).collect();
        chosen.extend(unknown);
        chosen
    }

    /// What a container is given for the devices that the kubelet chose: names for the runtime.
    pub(crate) fn allocate(&self, ids: &[String]) -> Vec<String> {
        let granted: Vec<&str> = if self.faults.has("sec.all-devices") {
            self.devices.iter().map(|device| device.uuid.as_str()).collect()
        } else if self.faults.has("sec.neighbour") {
            let first = self.devices.iter().take(ids.len());
            first.map(|device| device.uuid.as_str()).collect()
        } else if self.faults.has("dp.wrong-node")
            && self.devices.iter().any(|device| is_second(&device.node))
        {
            Vec::new()
        } else if self.faults.has("dp.first-of-many") {
            ids.iter().take(1).map(String::as_str).collect()
        } else {
            ids.iter().map(String::as_str).collect()
        };
        granted
            .into_iter()
            .map(|id| cdi_id(&self.resource, Shares::device(id)))
            .collect()
    }
}

/// Whether it is the second node of its kind.
fn is_second(node: &str) -> bool {
    node.ends_with("-2")
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
            Shares::none(),
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
    fn a_plugin_may_offer_what_is_not_there_or_give_less_than_was_chosen() {
        let (phantom, registry) = plugin(&["dp.phantom"]);
        let ids: Vec<String> = phantom.list().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), 6);
        assert_eq!(
            phantom.preferred(&ids, 6).len(),
            6,
            "what is not there is chosen last"
        );
        assert_eq!(phantom.preferred(&ids, 3), ids[..3]);
        assert!(registry.resolve(&phantom.allocate(&ids[3..4])).is_err());
        let (first, _) = plugin(&["dp.first-of-many"]);
        assert_eq!(first.allocate(&ids[..2]).len(), 1);
    }

    #[test]
    fn of_a_plugin_that_is_gone_nothing_is_healthy() {
        let (mut plugin, _) = plugin(&[]);
        plugin.connect(false);
        assert!(plugin.list().iter().all(|(_, healthy)| !healthy));
        plugin.connect(true);
        assert!(plugin.list().iter().all(|(_, healthy)| *healthy));
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
