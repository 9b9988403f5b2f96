//! Which nodes have which vendor's accelerators, and how a pod on each comes by one.

use std::collections::BTreeMap;

use plimsoll_platform::{Inventory, Path};
use plimsoll_vendors::{Driver, Vendor};

/// All nodes with accelerators of one vendor.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    /// The vendor's id, or the path of one that nobody described.
    pub(super) name: String,
    pub(super) vendor: Option<&'static Vendor>,
    pub(super) sites: Vec<Site>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) node: String,
    /// How one is asked for there.
    pub(super) path: Path,
    /// How many nobody used when the platform was surveyed.
    pub(super) free: u32,
    /// What the devices of the node say of their driver, where the API tells them apart.
    pub(super) versions: Vec<String>,
}

impl Fleet {
    pub(super) fn driver(&self) -> Option<&'static Driver> {
        self.vendor?.driver.as_ref()
    }
}

/// Every vendor's nodes. Of several ways to the accelerators of one node, the one to whole devices, with the most free.
pub(super) fn of(inventory: &Inventory) -> Vec<Fleet> {
    let mut fleets: BTreeMap<String, (Option<&'static Vendor>, BTreeMap<&str, Site>)> = BTreeMap::new();
    let there = |pool: &&plimsoll_platform::Accelerator| pool.total > 0 && !pool.node.is_empty();
    for pool in inventory.accelerators.iter().filter(there) {
        let vendor = pool.vendor.as_deref().and_then(|id| Vendor::by_id(id).ok());
        let name = pool.vendor.clone().unwrap_or_else(|| pool.path.to_string());
        let (_, sites) = fleets.entry(name).or_insert((vendor, BTreeMap::new()));
        let versions = pool.devices.iter().filter_map(|device| stated_by(device, vendor));
        let mut versions: Vec<String> = versions.collect();
        let site = sites.entry(&pool.node).or_insert_with(|| Site {
            node: pool.node.clone(),
            path: pool.path.clone(),
            free: pool.free,
            versions: Vec::new(),
        });
        // A part of a device tells of its driver, too; but whether parts are right is for others to judge.
        let rank = |path: &Path, free: u32| (free > 0, !path.is_of_parts(), free);
        if rank(&pool.path, pool.free) > rank(&site.path, site.free) {
            site.free = pool.free;
            site.path = pool.path.clone();
        }
        site.versions.append(&mut versions);
    }
    fleets
        .into_iter()
        .map(|(name, (vendor, sites))| Fleet {
            name,
            vendor,
            sites: sites
                .into_values()
                .map(|mut site| {
                    site.versions.sort();
                    site.versions.dedup();
                    site
                })
                .collect(),
        })
        .collect()
}

/// The driver's version as a device's attribute has it.
fn stated_by(device: &plimsoll_platform::survey::Device, vendor: Option<&Vendor>) -> Option<String> {
    let named = vendor
        .and_then(|vendor| vendor.dra.as_ref())
        .and_then(|dra| dra.driver_version_attribute.as_deref());
    let name = format!("{}/{}", device.driver, named.unwrap_or("driverVersion"));
    device.attributes.get(&name)?.as_str().map(str::to_owned)
}

/// Why there is nothing to try.
pub(super) fn absence(inventory: &Inventory) -> String {
    let looked: Vec<&str> = inventory
        .accelerators
        .iter()
        .map(|pool| pool.because.as_str())
        .collect();
    if looked.is_empty() {
        "no node has an accelerator that can be allocated, so there is no driver to manage".to_owned()
    } else {
        format!(
            "no node has an accelerator that can be allocated: {}",
            looked.join("; ")
        )
    }
}
