//! What is offered in parts, from the survey and the slices alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use plimsoll_platform::{
    Inventory, Path,
    dra::{Attribute, Device, Slice},
    survey::quantity,
};
use plimsoll_vendors::Vendor;

use crate::{dra_support::hardware::pin, probe_pod::identities};

/// What kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A hardware partition.
    Partition,
    /// A virtual function.
    Virtual,
}

/// Something that a pod can ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    /// How it is asked for.
    pub(crate) path: Path,
    /// Its profile, where it has one.
    pub(crate) profile: Option<String>,
    /// As its driver publishes it; a device plugin tells nothing of the sort.
    pub(crate) published: Option<Published>,
}

/// A device that a driver publishes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    pub(crate) pool: String,
    pub(crate) name: String,
    /// What identifies its hardware.
    pub(crate) identities: BTreeSet<String>,
    /// What identifies the device that it is a part of.
    pub(crate) parent: Option<String>,
    /// Its memory in bytes.
    pub(crate) memory: Option<u64>,
    /// The expression that selects it alone.
    pub(crate) select: Option<String>,
    consumes: BTreeMap<String, u64>,
    is_free: bool,
}

/// What one driver, or one vendor's device plugin, offers on one node.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// What its trial is called.
    pub(crate) name: String,
    pub(crate) vendor: Option<&'static Vendor>,
    pub(crate) node: String,
    /// The parts that nobody has.
    pub(crate) units: Vec<Unit>,
    /// The whole devices that they are parts of, where these are offered as well.
    pub(crate) wholes: Vec<Unit>,
    /// What is left of the counters that parts share.
    left: BTreeMap<String, u64>,
}

impl Unit {
    /// Whether both are made of the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let counters = |unit: &Self| -> BTreeSet<String> {
            let published = unit.published.iter();
            published
                .flat_map(|device| device.consumes.keys().cloned())
                .collect()
        };
        !counters(self).is_disjoint(&counters(other))
    }

    /// What identifies the device that it is a part of.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.published.as_ref()?.parent.as_deref()
    }

    /// Whether it is the device that `part` is a part of.
    pub(crate) fn is_parent_of(&self, part: &Self) -> bool {
        let identities = self.published.as_ref().map(|device| &device.identities);
        part.parent()
            .is_some_and(|parent| identities.is_some_and(|own| own.contains(parent)))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.published, &self.path) {
            (Some(device), _) => write!(f, "`{}` of pool `{}`", device.name, device.pool)?,
            (None, Path::DevicePlugin { resource }) => write!(f, "one `{resource}`")?,
            (None, Path::Dra { class, .. }) => write!(f, "one of class `{class}`")?,
        }
        match &self.profile {
            Some(profile) => write!(f, " (profile `{profile}`)"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
impl Offer {
    /// Nothing is offered.
    pub(crate) fn empty() -> Self {
        Self {
            name: "dra/nobody".to_owned(),
            vendor: None,
            node: "n1".to_owned(),
            units: Vec::new(),
            wholes: Vec::new(),
            left: BTreeMap::new(),
        }
    }
}

impl Offer {
    /// Places of units that can be had at the same time, at most so many; those of one device follow each other.
    pub(crate) fn together(&self, most: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.units.len()).collect();
        order.sort_by_key(|at| self.units[*at].parent());
        let mut left = self.left.clone();
        let mut chosen = Vec::new();
        for at in order {
            let consumes = self.units[at].published.as_ref().map(|device| &device.consumes);
            let fits = consumes
                .into_iter()
                .flatten()
                .all(|(counter, amount)| left.get(counter).is_some_and(|left| left >= amount));
            if !fits || chosen.len() == most {
                continue;
            }
            for (counter, amount) in consumes.into_iter().flatten() {
                if let Some(left) = left.get_mut(counter) {
                    *left -= amount;
                }
            }
            chosen.push(at);
        }
        chosen
    }

    /// The whole device that a unit is a part of, where nobody has it.
    pub(crate) fn whole_of(&self, unit: &Unit) -> Option<&Unit> {
        self.wholes.iter().find(|whole| {
            whole.is_parent_of(unit) && whole.published.as_ref().is_some_and(|device| device.is_free)
        })
    }

    /// The ways to ask for its units, each once.
    pub(crate) fn paths(&self) -> BTreeSet<Path> {
        self.units.iter().map(|unit| unit.path.clone()).collect()
    }
}

/// What is offered of that kind, the best node of each driver and each vendor's device plugin; `slices` are those of
/// all drivers.
pub(crate) fn offers(inventory: &Inventory, slices: &[Slice], kind: Kind) -> Vec<Offer> {
    let mut all: BTreeMap<(String, String), Offer> = BTreeMap::new();
    for slice in newest(slices) {
        by_driver(inventory, slices, slice, kind, &mut all);
    }
    by_plugin(inventory, kind, &mut all);
    let mut best: BTreeMap<String, Offer> = BTreeMap::new();
    for ((source, _), offer) in all {
        if offer.units.is_empty() {
            continue;
        }
        let better = best
            .get(&source)
            .is_none_or(|known| known.units.len() < offer.units.len());
        if better {
            best.insert(source, offer);
        }
    }
    best.into_values().collect()
}

fn newest(slices: &[Slice]) -> impl Iterator<Item = &Slice> {
    let newest = |slice: &Slice| {
        slices
            .iter()
            .filter(|other| other.driver == slice.driver && other.pool == slice.pool)
            .map(|other| other.generation)
            .max()
    };
    slices
        .iter()
        .filter(move |slice| newest(slice) == Some(slice.generation))
}

fn by_driver(
    inventory: &Inventory,
    slices: &[Slice],
    slice: &Slice,
    kind: Kind,
    all: &mut BTreeMap<(String, String), Offer>,
) {
    let vendor = Vendor::by_driver(&slice.driver);
    let siblings: Vec<&Device> = newest(slices)
        .filter(|other| other.driver == slice.driver)
        .flat_map(|other| &other.devices)
        .collect();
    for device in &slice.devices {
        let Some(node) = device.node.as_ref().or(slice.node.as_ref()) else {
            continue;
        };
        let Some((path, is_free)) = asked_by(inventory, node, slice, device) else {
            continue;
        };
        let found = kind_of(&slice.driver, device, vendor);
        let belongs_to = found.and_then(|_| parent(&slice.driver, device, vendor));
        let offer = all
            .entry((slice.driver.clone(), node.clone()))
            .or_insert_with(|| Offer {
                name: format!("dra/{}", slice.driver),
                vendor,
                node: node.clone(),
                units: Vec::new(),
                wholes: Vec::new(),
                left: left(inventory, slices, slice),
            });
        let unit = Unit {
            path,
            profile: attribute(&slice.driver, device, profile_attribute(vendor, device)),
            published: Some(Published {
                pool: slice.pool.clone(),
                name: device.name.clone(),
                identities: identities(&slice.driver, device, vendor)
                    .into_iter()
                    .chain(common_parent(&slice.driver, device, vendor))
                    // What a part has in common with its device identifies the device.
                    .filter(|identity| Some(identity) != belongs_to.as_ref())
                    .collect(),
                parent: belongs_to,
                memory: memory(&slice.driver, device, vendor),
                select: pin(&slice.driver, device, &siblings),
                consumes: device
                    .consumes
                    .iter()
                    .map(|(counter, amount)| (counter.clone(), quantity::whole(amount)))
                    .collect(),
                is_free,
            }),
        };
        match found {
            None => offer.wholes.push(unit),
            Some(found) if found == kind && is_free => offer.units.push(unit),
            Some(Kind::Partition | Kind::Virtual) => {}
        }
    }
}

/// What is left of a pool's counters after what claims have.
fn left(inventory: &Inventory, slices: &[Slice], of: &Slice) -> BTreeMap<String, u64> {
    let pool: Vec<&Slice> = newest(slices)
        .filter(|slice| slice.driver == of.driver && slice.pool == of.pool)
        .collect();
    let totals = pool.iter().flat_map(|slice| &slice.shared_counters);
    let mut left: BTreeMap<String, u64> = totals
        .map(|(counter, total)| (counter.clone(), quantity::whole(total)))
        .collect();
    let taken: BTreeSet<&str> = inventory
        .accelerators
        .iter()
        .flat_map(|accelerator| &accelerator.devices)
        .filter(|device| device.allocated && device.driver == of.driver && device.pool == of.pool)
        .map(|device| device.name.as_str())
        .collect();
    let held = pool.iter().flat_map(|slice| &slice.devices);
    for device in held.filter(|device| taken.contains(device.name.as_str())) {
        for (counter, amount) in &device.consumes {
            if let Some(left) = left.get_mut(counter) {
                *left = left.saturating_sub(quantity::whole(amount));
            }
        }
    }
    left
}

/// The way to ask for a device that leaves the least choice, and whether it can be had.
fn asked_by(inventory: &Inventory, node: &str, slice: &Slice, device: &Device) -> Option<(Path, bool)> {
    let same = |known: &plimsoll_platform::survey::Device| {
        known.driver == slice.driver && known.pool == slice.pool && known.name == device.name
    };
    inventory
        .accelerators
        .iter()
        .filter(|accelerator| accelerator.node == node && accelerator.free > 0)
        .filter_map(|accelerator| {
            let known = accelerator.devices.iter().find(|known| same(known))?;
            Some((accelerator, !known.allocated && !known.tainted))
        })
        .min_by_key(|(accelerator, _)| accelerator.devices.len())
        .map(|(accelerator, is_free)| (accelerator.path.clone(), is_free))
}

/// What kind of part a device is; none where it is a whole one. Of a vendor nobody described, what names both a profile
/// and a parent is a partition, and what names a parent alone a virtual function.
fn kind_of(driver: &str, device: &Device, vendor: Option<&Vendor>) -> Option<Kind> {
    let Some(vendor) = vendor else {
        let has = |prefix: &str| {
            let names = device
                .attributes
                .keys()
                .filter_map(|name| name.rsplit('/').next());
            names
                .into_iter()
                .any(|name| name.to_lowercase().starts_with(prefix))
        };
        return match (has("parent"), has("profile")) {
            (true, true) => Some(Kind::Partition),
            (true, false) => Some(Kind::Virtual),
            (false, _) => None,
        };
    };
    let dra = vendor.dra.as_ref()?;
    let stated = attribute(driver, device, dra.type_attribute.as_deref());
    if stated.is_some() && stated.as_deref() == dra.partition_type.as_deref() {
        return Some(Kind::Partition);
    }
    let functions = vendor.virtual_functions.as_ref()?;
    let is_virtual = stated.is_some() && stated.as_deref() == functions.device_type.as_deref();
    is_virtual.then_some(Kind::Virtual)
}

fn profile_attribute<'a>(vendor: Option<&'a Vendor>, device: &Device) -> Option<&'a str> {
    match vendor {
        Some(vendor) => Some(vendor.partitions.as_ref()?.profile_attribute.as_str()),
        None => device
            .attributes
            .keys()
            .any(|name| name.ends_with("/profile"))
            .then_some("profile"),
    }
}

fn parent_attributes(vendor: Option<&Vendor>) -> Vec<&str> {
    let Some(vendor) = vendor else {
        return vec!["parentUUID", "parentUid", "parent"];
    };
    let partitions = vendor
        .partitions
        .as_ref()
        .map(|partitions| partitions.parent_attribute.as_str());
    let functions = vendor
        .virtual_functions
        .as_ref()
        .and_then(|functions| functions.parent_attribute.as_deref());
    partitions.into_iter().chain(functions).collect()
}

fn parent(driver: &str, device: &Device, vendor: Option<&Vendor>) -> Option<String> {
    parent_attributes(vendor)
        .into_iter()
        .find_map(|name| attribute(driver, device, Some(name)))
}

/// Where parts and wholes have the parent's identity in one attribute, that one; for a part it is no identity of its own.
fn common_parent(driver: &str, device: &Device, vendor: Option<&Vendor>) -> Option<String> {
    match kind_of(driver, device, vendor) {
        None => parent(driver, device, vendor),
        Some(Kind::Partition | Kind::Virtual) => None,
    }
}

fn memory(driver: &str, device: &Device, vendor: Option<&Vendor>) -> Option<u64> {
    let name = vendor
        .and_then(|vendor| vendor.dra.as_ref()?.memory_capacity.as_deref())
        .unwrap_or("memory");
    let stated = device.capacity.get(&format!("{driver}/{name}"))?;
    Some(quantity::whole(stated)).filter(|bytes| *bytes > 0)
}

fn attribute(driver: &str, device: &Device, name: Option<&str>) -> Option<String> {
    device
        .attribute(driver, name?)
        .and_then(Attribute::as_str)
        .map(str::to_owned)
}

fn by_plugin(inventory: &Inventory, kind: Kind, all: &mut BTreeMap<(String, String), Offer>) {
    for accelerator in &inventory.accelerators {
        let Path::DevicePlugin { resource } = &accelerator.path else {
            continue;
        };
        let Some(vendor) = Vendor::by_resource(resource) else {
            continue;
        };
        let profile = vendor.profile_of_resource(resource);
        let found = if vendor.is_virtual_resource(resource) {
            Kind::Virtual
        } else if profile.is_some() {
            Kind::Partition
        } else {
            continue;
        };
        if found != kind {
            continue;
        }
        let name = format!("device-plugin/{}", vendor.id);
        let offer = all
            .entry((name.clone(), accelerator.node.clone()))
            .or_insert_with(|| Offer {
                name,
                vendor: Some(vendor),
                node: accelerator.node.clone(),
                units: Vec::new(),
                wholes: Vec::new(),
                left: BTreeMap::new(),
            });
        offer.units.extend((0..accelerator.free).map(|_| Unit {
            path: accelerator.path.clone(),
            profile: profile.filter(|_| kind == Kind::Partition).map(str::to_owned),
            published: None,
        }));
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::survey::Accelerator;
    use serde_json::{Value, json};

    use super::*;

    fn device(name: &str, kind: &str, parent: Option<&str>, slices: std::ops::Range<u32>) -> Value {
        let mut attributes = json!({"uuid": {"string": format!("U-{name}")}, "type": {"string": kind}});
        if let Some(parent) = parent {
            attributes["parentUUID"] = json!({"string": parent});
            attributes["profile"] = json!({"string": "1g.10gb"});
        }
        let counters: serde_json::Map<String, Value> = slices
            .map(|slice| (format!("memory-slice-{slice}"), json!({"value": "1"})))
            .collect();
        json!({"name": name, "attributes": attributes, "capacity": {"memory": {"value": "10Gi"}},
            "consumesCounters": [{"counterSet": "gpu-0", "counters": counters}]})
    }

    fn slices() -> Vec<Slice> {
        let pool = json!({"name": "n1", "generation": 1, "resourceSliceCount": 2});
        let counters: serde_json::Map<String, Value> = (0..4)
            .map(|slice| (format!("memory-slice-{slice}"), json!({"value": "1"})))
            .collect();
        let devices = json!([
            device("gpu-0", "gpu", None, 0..4),
            device("half-0", "mig", Some("U-gpu-0"), 0..2),
            device("half-1", "mig", Some("U-gpu-0"), 2..4),
            device("quarter", "mig", Some("U-gpu-0"), 0..1),
        ]);
        [
            json!({"metadata": {"name": "c"}, "spec": {"driver": "gpu.nvidia.com", "nodeName": "n1", "pool": pool,
                "sharedCounters": [{"name": "gpu-0", "counters": counters}]}}),
            json!({"metadata": {"name": "d"}, "spec": {"driver": "gpu.nvidia.com", "nodeName": "n1", "pool": pool,
                "devices": devices}}),
        ]
        .iter()
        .map(|slice| Slice::read(slice).unwrap())
        .collect()
    }

    fn inventory(taken: &[&str]) -> Inventory {
        let accelerator = |class: &str, names: &[&str]| Accelerator {
            path: Path::Dra {
                driver: "gpu.nvidia.com".to_owned(),
                class: class.to_owned(),
                api: "v1".to_owned(),
            },
            vendor: Some("nvidia".to_owned()),
            node: "n1".to_owned(),
            devices: names
                .iter()
                .map(|name| plimsoll_platform::survey::Device {
                    name: (*name).to_owned(),
                    pool: "n1".to_owned(),
                    driver: "gpu.nvidia.com".to_owned(),
                    attributes: std::sync::Arc::default(),
                    capacity: std::sync::Arc::default(),
                    tainted: false,
                    allocated: taken.contains(name),
                })
                .collect(),
            total: 1,
            free: 1,
            because: String::new(),
        };
        Inventory {
            accelerators: vec![
                accelerator("gpu.nvidia.com", &["gpu-0"]),
                accelerator("mig.nvidia.com", &["half-0", "half-1", "quarter"]),
            ],
            ..Inventory::default()
        }
    }

    fn names(offer: &Offer, places: &[usize]) -> Vec<String> {
        let name = |at: &usize| offer.units[*at].published.as_ref().unwrap().name.clone();
        places.iter().map(name).collect()
    }

    #[test]
    fn partitions_are_offered_with_the_device_they_are_made_of() {
        let offers = offers(&inventory(&[]), &slices(), Kind::Partition);
        assert_eq!(offers.len(), 1);
        let offer = &offers[0];
        assert_eq!((offer.units.len(), offer.wholes.len()), (3, 1));
        assert!(offer.whole_of(&offer.units[0]).is_some());
        assert_eq!(
            offer.units[0].to_string(),
            "`half-0` of pool `n1` (profile `1g.10gb`)"
        );
        assert!(self::offers(&inventory(&[]), &slices(), Kind::Virtual).is_empty());
    }

    #[test]
    fn what_overlaps_is_not_asked_for_together() {
        let offer = offers(&inventory(&[]), &slices(), Kind::Partition).remove(0);
        assert_eq!(names(&offer, &offer.together(16)), ["half-0", "half-1"]);
        assert_eq!(offer.together(1).len(), 1);
        assert!(offer.units[0].overlaps(&offer.units[2]) && !offer.units[1].overlaps(&offer.units[2]));
    }

    #[test]
    fn what_others_have_is_left_to_them_with_what_it_is_made_of() {
        let offer = offers(&inventory(&["half-0"]), &slices(), Kind::Partition).remove(0);
        assert_eq!(names(&offer, &offer.together(16)), ["half-1"]);
        let all = offers(&inventory(&["gpu-0"]), &slices(), Kind::Partition).remove(0);
        assert!(all.together(16).is_empty());
        assert!(all.whole_of(&all.units[0]).is_none());
    }

    #[test]
    fn a_plugin_offers_partitions_by_profile() {
        let accelerator = |resource: &str, free| Accelerator {
            path: Path::DevicePlugin {
                resource: resource.to_owned(),
            },
            vendor: Some("nvidia".to_owned()),
            node: "n1".to_owned(),
            devices: Vec::new(),
            total: free,
            free,
            because: String::new(),
        };
        let inventory = Inventory {
            accelerators: vec![
                accelerator("nvidia.com/gpu", 2),
                accelerator("nvidia.com/mig-1g.10gb", 2),
                accelerator("nvidia.com/mig-3g.40gb", 1),
                accelerator("nvidia.com/NVIDIA_A16-4Q", 3),
            ],
            ..Inventory::default()
        };
        let offer = offers(&inventory, &[], Kind::Partition).remove(0);
        assert_eq!(
            (offer.units.len(), offer.together(16).len(), offer.paths().len()),
            (3, 3, 2)
        );
        assert_eq!(offers(&inventory, &[], Kind::Virtual)[0].units.len(), 3);
    }

    #[test]
    fn an_empty_platform_offers_nothing() {
        assert!(offers(&Inventory::default(), &[], Kind::Partition).is_empty());
    }
}
