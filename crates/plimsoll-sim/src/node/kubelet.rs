//! One node: its machine, what hands out its devices, and what its kubelet keeps account of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_vendors::Vendor;
use tokio::sync::watch;

use super::{
    claims::ClaimAccount,
    device::Machine,
    devices::DeviceAccount,
    images::ImageCache,
    network::{Addresses, node_address},
    processors::Processors,
    runtime::Ledger,
};
use crate::{
    Faults,
    drivers::{
        Accelerator, CdiRegistry, Layouts,
        dra::Driver,
        installation, layout,
        plugin::{self, Plugin, Shares},
        uuid,
    },
    platform::{Allocation, NodeGroup, Sharing},
};

/// A node and its kubelet.
#[derive(Debug)]
pub(crate) struct Kubelet {
    /// The node's name.
    pub(crate) name: String,
    /// Its number in the cluster.
    pub(crate) number: u32,
    /// What kind of node it is.
    pub(crate) group: Arc<NodeGroup>,
    /// The kubelet's minor version.
    pub(crate) minor: u32,
    /// What containers share.
    pub(crate) machine: Arc<Machine>,
    /// What its labeller keeps as labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// A taint that its labeller is blind to.
    pub(crate) taint: Option<&'static str>,
    /// The node's accelerators.
    pub(crate) accelerators: Vec<Accelerator>,
    /// How they can be divided anew.
    pub(crate) layouts: Vec<Layouts>,
    /// Vendors whose devices are not divided at present though their platform's file divides them.
    undivided: Mutex<BTreeSet<&'static str>>,
    /// What the runtime knows of devices by name.
    pub(crate) registry: Arc<Mutex<CdiRegistry>>,
    /// Devices of plugins.
    pub(crate) devices: DeviceAccount,
    /// Claims.
    pub(crate) claims: ClaimAccount,
    /// Processors.
    pub(crate) processors: Processors,
    /// Images.
    pub(crate) images: ImageCache,
    /// Handlers of RuntimeClasses that the runtime has.
    pub(crate) handlers: BTreeSet<String>,
    ledger: Mutex<Ledger>,
    addresses: Mutex<Addresses>,
    health: watch::Sender<Health>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// As it should be.
    Well,
    /// Its kubelet is silent; containers go on.
    Silent,
    /// It has lost its power.
    Off,
}

impl Kubelet {
    /// A node of that group.
    pub(crate) fn new(name: &str, number: u32, group: &Arc<NodeGroup>, minor: u32, faults: &Faults) -> Self {
        let accelerators = Accelerator::of_node(name, group, faults);
        let boot_id = uuid(&format!("{name}/boot"));
        let working = accelerators
            .iter()
            .filter(|accelerator| !is_sick(accelerator, faults));
        let processors = Processors::new(group, faults);
        let mut files = installation::kernel_files(&accelerators, faults);
        files.extend(processors.kernel_files());
        let machine = Machine::new(boot_id, working.flat_map(Accelerator::hardware)).telling(files);
        let mut labels = installation::labels(&accelerators, number == 0, faults);
        labels.extend(plugin::labels(&accelerators, faults));
        let mut registry = CdiRegistry::default();
        let plugins = plugins(&accelerators, &mut registry, faults);
        let registry = Arc::new(Mutex::new(registry));
        let drivers = drivers(name, &accelerators, &registry, faults);
        let handlers = accelerators
            .iter()
            .filter_map(|accelerator| Vendor::by_id(accelerator.vendor()).ok())
            .filter_map(|vendor| vendor.selectors.runtime_class.clone())
            .collect();
        Self {
            name: name.to_owned(),
            number,
            group: Arc::clone(group),
            minor: group.kubelet.unwrap_or(minor),
            labels,
            taint: installation::taint(&accelerators, number == 0, faults),
            machine: Arc::new(machine),
            layouts: Layouts::of_node(&accelerators),
            undivided: Mutex::default(),
            accelerators,
            registry,
            devices: DeviceAccount::new(plugins, faults),
            claims: ClaimAccount::new(drivers, faults),
            processors,
            images: ImageCache::default(),
            handlers,
            ledger: Mutex::default(),
            addresses: Mutex::new(Addresses::of_node(number)),
            health: watch::Sender::new(Health::Well),
        }
    }

    /// The node's address.
    pub(crate) fn address(&self) -> std::net::Ipv4Addr {
        node_address(self.number)
    }

    /// Addresses of the node's pods.
    pub(crate) fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a broken runtime remembers.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the runtime knows of devices by name.
    pub(crate) fn registry(&self) -> MutexGuard<'_, CdiRegistry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the node is.
    pub(crate) fn health(&self) -> Health {
        *self.health.borrow()
    }

    /// Lets the node be otherwise.
    pub(crate) fn set_health(&self, health: Health) {
        self.health.send_replace(health);
    }

    /// Waits until the kubelet speaks to the API server, if it does not.
    pub(crate) async fn connected(&self) {
        let mut health = self.health.subscribe();
        // The sender lives as long as this.
        let _ = health.wait_for(|health| *health == Health::Well).await;
    }

    /// Waits until the node loses its power.
    pub(crate) async fn power_loss(&self) {
        let mut health = self.health.subscribe();
        if health.wait_for(|health| *health == Health::Off).await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether a vendor's devices are not divided at present.
    pub(crate) fn is_undivided(&self, vendor: &str) -> bool {
        self.undivided().contains(vendor)
    }

    /// Divides a vendor's devices as their platform's file says or, undivided, not at all. What holds them is not asked.
    pub(crate) fn lay_out(&self, vendor: &'static str, undivided: bool, faults: &Faults) {
        let changed = {
            let mut vendors = self.undivided();
            if undivided {
                vendors.insert(vendor);
            } else {
                vendors.remove(vendor);
            }
            vendors.clone()
        };
        let laid_out = changed.iter().fold(self.accelerators.clone(), |devices, vendor| {
            layout::undivided(&devices, vendor)
        });
        self.devices
            .replace(plugins(&laid_out, &mut self.registry(), faults));
        for driver in self.claims.drivers() {
            driver.lay_out(&laid_out);
        }
    }

    /// Uids of pods that hold a device of that vendor.
    pub(crate) fn holders(&self, vendor: &str) -> Vec<String> {
        let driver = Vendor::by_id(vendor).ok().and_then(|vendor| vendor.dra.as_ref());
        let by_claim = driver.map(|dra| self.claims.holders(&dra.driver));
        let mut holders = self.devices.holders(vendor);
        holders.extend(by_claim.into_iter().flatten());
        holders
    }

    fn undivided(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.undivided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pod is gone from the node for good.
    pub(crate) fn forget(&self, pod: &str) {
        self.ledger().forget(pod);
        self.images.forget(pod);
    }
}

fn plugins(accelerators: &[Accelerator], registry: &mut CdiRegistry, faults: &Faults) -> Vec<Plugin> {
    let mut by_resource: BTreeMap<String, (Shares, Vec<Accelerator>)> = BTreeMap::new();
    for (accelerator, sharing) in offered(accelerators, faults) {
        let Some(resource) = accelerator.resource() else {
            continue;
        };
        let suffix = if sharing.is_some_and(|sharing| sharing.renamed) {
            ".shared"
        } else {
            ""
        };
        by_resource
            .entry(format!("{resource}{suffix}"))
            .or_insert((Shares::of(sharing, faults), Vec::new()))
            .1
            .push(accelerator.clone());
    }
    by_resource
        .into_iter()
        .map(|(resource, (shares, devices))| {
            Plugin::new(&resource, devices, accelerators, shares, registry, faults)
        })
        .collect()
}

/// What plugins offer, and how they share it.
fn offered<'a>(
    accelerators: &'a [Accelerator],
    faults: &Faults,
) -> impl Iterator<Item = (&'a Accelerator, Option<Sharing>)> {
    // Two stacks at once: what the driver publishes, the plugin offers as well, whole or in shares.
    let twice = if faults.has("share.mixed") {
        Some(Some(Sharing {
            replicas: 4,
            renamed: true,
        }))
    } else {
        faults.has("dp.counted-twice").then_some(None)
    };
    let there = accelerators.iter().filter(|accelerator| accelerator.is_offered);
    there.filter_map(move |accelerator| match accelerator.allocation {
        Allocation::Plugin => Some((accelerator, accelerator.sharing)),
        Allocation::Dra if accelerator.parent.is_none() => Some((accelerator, twice?)),
        Allocation::Dra | Allocation::ExtendedResource => None,
    })
}

fn drivers(
    node: &str,
    accelerators: &[Accelerator],
    registry: &Arc<Mutex<CdiRegistry>>,
    faults: &Faults,
) -> Vec<Arc<Driver>> {
    let mut by_vendor: BTreeMap<&str, Vec<Accelerator>> = BTreeMap::new();
    for accelerator in of(accelerators, &[Allocation::Dra, Allocation::ExtendedResource]) {
        by_vendor
            .entry(accelerator.vendor())
            .or_default()
            .push(accelerator.clone());
    }
    by_vendor
        .into_iter()
        .filter_map(|(vendor, devices)| {
            let dra = Vendor::by_id(vendor).ok()?.dra.as_ref()?;
            Some(Arc::new(Driver::new(
                dra,
                node,
                devices,
                Arc::clone(registry),
                faults,
            )))
        })
        .collect()
}

/// A device that no longer answers.
fn is_sick(accelerator: &Accelerator, faults: &Faults) -> bool {
    faults.has("dp.sick-stays") && accelerator.allocation == Allocation::Plugin && accelerator.index > 0
}

fn of<'a>(
    accelerators: &'a [Accelerator],
    allocations: &'a [Allocation],
) -> impl Iterator<Item = &'a Accelerator> {
    accelerators
        .iter()
        .filter(|accelerator| allocations.contains(&accelerator.allocation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::fixture::group;

    #[test]
    fn accelerators_are_handed_out_by_the_driver_or_by_the_plugin() {
        let node = |allocation| {
            let group = Arc::new(group("nvidia", 2, allocation));
            let node = Kubelet::new("n1", 0, &group, 36, &Faults::default());
            let (capacity, _) = node.devices.resources();
            (node.claims.drivers().len(), capacity.len())
        };
        assert_eq!(node(Allocation::Dra), (1, 0));
        assert_eq!(node(Allocation::Plugin), (0, 1));
        assert_eq!(node(Allocation::ExtendedResource), (1, 0));
    }
}
