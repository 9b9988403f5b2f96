//! What a node's pool looks like in the API. Pure: devices in, ResourceSlices out.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use k8s_openapi::{
    api::resource::v1::{
        Counter, CounterSet, Device as ApiDevice, DeviceAttribute, DeviceCapacity, DeviceCounterConsumption,
        DeviceTaint, ResourcePool, ResourceSlice, ResourceSliceSpec,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use plimsoll_vendors::{Dra, PartKind};

use crate::{
    device::{Device, numa_node, pcie_root},
    faults::{Fault, Faults},
};

/// Most sets of counters that a slice may hold.
const COUNTER_SETS_PER_SLICE: usize = 8;

/// Most devices that a slice may hold when any of them is tainted or consumes counters.
const DEVICES_PER_SLICE: usize = 64;

/// Whose pool it is.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    /// The node, also the pool's name.
    pub(crate) node: String,
    /// The node's uid: slices go when it goes.
    pub(crate) node_uid: String,
    /// The driver's facts.
    pub(crate) dra: &'static Dra,
    /// What is wrong with the driver.
    pub(crate) faults: Faults,
}

/// All slices of a pool at a generation; `unhealthy` holds uuids.
pub(crate) fn slices(
    pool: &Pool,
    devices: &[Device],
    unhealthy: &BTreeSet<String>,
    generation: i64,
) -> Vec<ResourceSlice> {
    let (all, devices): (&[Device], Vec<Device>) = (
        devices,
        devices
            .iter()
            .filter(|device| device.is_offered)
            .cloned()
            .collect(),
    );
    let devices = devices.as_slice();
    let mut published: Vec<ApiDevice> = Vec::new();
    for (at, device) in devices.iter().enumerate() {
        let described = if pool.faults.has(Fault::SelectorLies) {
            neighbour(devices, at)
        } else {
            device
        };
        published.push(api_device(
            pool,
            &device.name,
            described,
            unhealthy.contains(&device.identity.uuid),
        ));
    }
    if pool.faults.has(Fault::DoubleAllocation) {
        let again = devices.iter().map(|device| {
            let bad = unhealthy.contains(&device.identity.uuid);
            api_device(pool, &second_name(&device.name), device, bad)
        });
        published.extend(again.collect::<Vec<_>>());
    }
    let counters: Vec<CounterSet> = all
        .iter()
        .filter(|device| device.part.is_none() && device.slices > 0)
        .map(|device| counter_set(device, &pool.faults))
        .collect();

    // Counters and devices may not share a slice.
    let mut specs = Vec::new();
    for chunk in counters.chunks(COUNTER_SETS_PER_SLICE) {
        specs.push(ResourceSliceSpec {
            shared_counters: Some(chunk.to_vec()),
            ..ResourceSliceSpec::default()
        });
    }
    for chunk in published.chunks(DEVICES_PER_SLICE) {
        specs.push(ResourceSliceSpec {
            devices: Some(chunk.to_vec()),
            ..ResourceSliceSpec::default()
        });
    }
    let mut count = specs.len() as i64;
    if pool.faults.has(Fault::StalePool) {
        count += 1;
    }
    let finished = specs.into_iter().enumerate();
    let mut slices: Vec<ResourceSlice> = finished
        .map(|(at, spec)| slice(pool, &at.to_string(), spec, generation, count))
        .collect();
    if pool.faults.has(Fault::StalePool)
        && let Some(device) = devices.first()
    {
        let gone = ApiDevice {
            name: format!("{}-gone", device.name),
            ..api_device(pool, "", device, false)
        };
        let spec = ResourceSliceSpec {
            devices: Some(vec![gone]),
            ..ResourceSliceSpec::default()
        };
        slices.push(slice(pool, "old", spec, generation - 1, 1));
    }
    slices
}

/// The name under which a device is published a second time by [`Fault::DoubleAllocation`].
pub(crate) fn second_name(name: &str) -> String {
    format!("{name}-b")
}

fn neighbour(devices: &[Device], at: usize) -> &Device {
    &devices[(at + 1) % devices.len()]
}

fn slice(
    pool: &Pool,
    suffix: &str,
    spec: ResourceSliceSpec,
    generation: i64,
    resource_slice_count: i64,
) -> ResourceSlice {
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: pool.node.clone(),
        uid: pool.node_uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    ResourceSlice {
        metadata: ObjectMeta {
            name: Some(format!("{}-{}-{suffix}", pool.node, pool.dra.driver)),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: ResourceSliceSpec {
            driver: pool.dra.driver.clone(),
            node_name: Some(pool.node.clone()),
            pool: ResourcePool {
                name: pool.node.clone(),
                generation,
                resource_slice_count,
            },
            ..spec
        },
    }
}

fn api_device(pool: &Pool, name: &str, device: &Device, unhealthy: bool) -> ApiDevice {
    let taint = || DeviceTaint {
        key: format!("{}/unhealthy", pool.dra.driver),
        value: Some("true".to_owned()),
        effect: "NoSchedule".to_owned(),
        time_added: None,
    };
    let memory = DeviceCapacity {
        value: Quantity(stated_memory(device, &pool.faults).to_string()),
        ..DeviceCapacity::default()
    };
    let mut attributes = attributes(pool.dra, device);
    if pool.faults.has(Fault::Fictional) {
        let (first, root) = (numa_node(0), pcie_root(0));
        attributes
            .entry("numaNode".to_owned())
            .and_modify(|node| node.int = Some(first.into()));
        attributes
            .entry("resource.kubernetes.io/pcieRoot".to_owned())
            .and_modify(|attribute| attribute.string = Some(root));
    }
    ApiDevice {
        name: name.to_owned(),
        attributes: Some(attributes),
        capacity: Some(BTreeMap::from([(memory_capacity(pool.dra), memory)])),
        consumes_counters: consumption(device, &pool.faults).map(|consumption| vec![consumption]),
        taints: unhealthy.then(|| vec![taint()]),
        ..ApiDevice::default()
    }
}

/// What the profile of a part says of its memory, whatever it really has.
fn stated_memory(device: &Device, faults: &Faults) -> u64 {
    match device.part {
        Some(_) if faults.has(Fault::WrongProfile) => device.identity.memory / 2,
        Some(_) | None => device.identity.memory,
    }
}

fn memory_capacity(dra: &Dra) -> String {
    dra.memory_capacity.clone().unwrap_or_else(|| "memory".to_owned())
}

fn attributes(dra: &Dra, device: &Device) -> BTreeMap<String, DeviceAttribute> {
    let text = |value: &str| DeviceAttribute {
        string: Some(value.to_owned()),
        ..DeviceAttribute::default()
    };
    let number = |value: u32| DeviceAttribute {
        int: Some(i64::from(value)),
        ..DeviceAttribute::default()
    };
    let identity = &device.identity;
    let mut attributes = BTreeMap::from([
        ("uuid".to_owned(), text(&identity.uuid)),
        (dra.identity_attribute().to_owned(), text(&identity.uuid)),
        (
            dra.model_attribute.clone().unwrap_or_else(|| "model".to_owned()),
            text(&identity.model),
        ),
        ("index".to_owned(), number(identity.index)),
        ("numaNode".to_owned(), number(identity.numa_node)),
        (
            "interconnectDomain".to_owned(),
            text(&format!("{}-{}", identity.node, identity.vendor)),
        ),
        (
            "resource.kubernetes.io/pcieRoot".to_owned(),
            text(&identity.pcie_root),
        ),
    ]);
    let version = DeviceAttribute {
        version: Some(device.driver_version.clone()),
        ..DeviceAttribute::default()
    };
    let name = dra
        .driver_version_attribute
        .clone()
        .unwrap_or_else(|| "driverVersion".to_owned());
    attributes.insert(name, version);
    let functions = device.vendor.virtual_functions.as_ref();
    let kind = match device.part.as_ref().map(|part| &part.kind) {
        Some(PartKind::Partition(_)) => dra.partition_type.as_deref().unwrap_or("partition"),
        Some(PartKind::Virtual) => functions
            .and_then(|functions| functions.device_type.as_deref())
            .unwrap_or("virtual-function"),
        None => dra.device_type.as_deref().unwrap_or("device"),
    };
    attributes.insert(
        dra.type_attribute.clone().unwrap_or_else(|| "type".to_owned()),
        text(kind),
    );
    let partitions = device.vendor.partitions.as_ref();
    let is_virtual = device
        .part
        .as_ref()
        .is_some_and(|part| part.kind == PartKind::Virtual);
    let attribute = if is_virtual {
        functions.and_then(|functions| functions.parent_attribute.clone())
    } else {
        partitions.map(|partitions| partitions.parent_attribute.clone())
    };
    // Some vendors have parts tell what they belong to by an attribute that the whole device has as well.
    let belongs = device.parent.as_ref().map(|parent| &parent.uuid);
    let is_common = |attribute: &str| partitions.is_some() && attribute.starts_with("pci");
    if let Some(attribute) = attribute
        && let Some(uuid) = belongs.or_else(|| is_common(&attribute).then_some(&identity.uuid))
    {
        attributes.insert(attribute, text(uuid));
    }
    if let Some(profile) = device.part.as_ref().and_then(|part| part.profile())
        && let Some(partitions) = partitions
    {
        attributes.insert(partitions.profile_attribute.clone(), text(profile));
    }
    attributes
}

fn counter_set(device: &Device, faults: &Faults) -> CounterSet {
    let slices = if faults.has(Fault::Overcommit) {
        0..device.slices * 2
    } else {
        0..device.slices
    };
    CounterSet {
        name: counters_of(&device.name),
        counters: counters(device, slices),
    }
}

fn counters_of(device: &str) -> String {
    format!("{device}-slices")
}

/// A whole device takes all of its slices; a part those that it is made of.
fn consumption(device: &Device, faults: &Faults) -> Option<DeviceCounterConsumption> {
    if device.slices == 0 {
        return None;
    }
    let (name, slices) = match (&device.parent, &device.part) {
        (Some(parent), Some(part)) => (&parent.name, part.slices.clone()),
        (None, _) | (_, None) => (&device.name, 0..device.slices),
    };
    // Whoever forgets that a device and its parts are made of the same has each of them by itself.
    if faults.has(Fault::DoubleCount) && device.part.is_none() {
        return None;
    }
    Some(DeviceCounterConsumption {
        counter_set: counters_of(name),
        counters: counters(device, slices),
        ..DeviceCounterConsumption::default()
    })
}

fn counters(device: &Device, slices: Range<u32>) -> BTreeMap<String, Counter> {
    let partitions = device.vendor.partitions.as_ref();
    let geometry = partitions.and_then(|partitions| partitions.geometry.as_ref());
    let name = geometry.map_or("slice", |geometry| geometry.counter.as_str());
    let one = || Counter {
        value: Quantity("1".to_owned()),
    };
    slices.map(|slice| (format!("{name}-{slice}"), one())).collect()
}

#[cfg(test)]
mod tests;
