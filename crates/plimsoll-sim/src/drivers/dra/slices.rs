//! What a node's pool looks like in the API. Pure: devices in, ResourceSlices out.

use std::{collections::BTreeSet, ops::Range};

use plimsoll_vendors::{Dra, PartKind, Vendor};
use serde_json::{Map, Value, json};

use crate::{Faults, drivers::Accelerator};

/// Most devices that a slice may hold when any of them is tainted or consumes counters.
const DEVICES_PER_SLICE: usize = 64;

/// Most sets of counters that a slice may hold.
const COUNTER_SETS_PER_SLICE: usize = 8;

/// The first minor version whose API server keeps counters and taints of devices.
const COUNTERS_AND_TAINTS: u32 = 36;

/// Whose pool it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool<'a> {
    /// The node, also the pool's name.
    pub(crate) node: &'a str,
    /// The node's uid: slices go when it goes.
    pub(crate) node_uid: &'a str,
    /// The driver's facts.
    pub(crate) dra: &'a Dra,
    /// The minor version of Kubernetes.
    pub(crate) minor: u32,
    /// What is wrong with the driver.
    pub(crate) faults: &'a Faults,
}

impl Pool<'_> {
    fn has_counters_and_taints(&self) -> bool {
        self.minor >= COUNTERS_AND_TAINTS
    }
}

/// All slices of a pool at a generation; `unhealthy` holds uuids. Where the API has no taints, an unhealthy device is not
/// published; where it has no counters, no parts are.
pub(crate) fn slices(
    pool: &Pool<'_>,
    devices: &[Accelerator],
    unhealthy: &BTreeSet<String>,
    generation: i64,
) -> Vec<Value> {
    let all = devices;
    // Without counters, only what does not overlap: the whole device, or its parts where it is not offered itself.
    let is_apart = |device: &Accelerator| match &device.parent {
        Some((_, parent)) => !all.iter().any(|other| other.uuid == *parent && other.is_offered),
        None => true,
    };
    let devices: Vec<&Accelerator> = all
        .iter()
        .filter(|device| device.is_offered)
        .filter(|device| {
            pool.has_counters_and_taints() || (is_apart(device) && !unhealthy.contains(&device.uuid))
        })
        .collect();
    let mut published: Vec<Value> = Vec::new();
    for (at, device) in devices.iter().enumerate() {
        let described = if pool.faults.has("dra.selector-lies") {
            devices[(at + 1) % devices.len()]
        } else {
            device
        };
        published.push(api_device(
            pool,
            &device.name,
            described,
            unhealthy.contains(&device.uuid),
        ));
    }
    if pool.faults.has("dra.double-allocation") {
        for device in &devices {
            let bad = unhealthy.contains(&device.uuid);
            published.push(api_device(pool, &second_name(&device.name), device, bad));
        }
    }
    let counters: Vec<Value> = all
        .iter()
        .filter(|device| device.part.is_none() && device.slices > 0 && pool.has_counters_and_taints())
        .map(|device| {
            let times = if pool.faults.has("mig.overcommit") { 2 } else { 1 };
            json!({"name": counters_of(&device.name), "counters": counters(device, 0..device.slices * times)})
        })
        .collect();

    // Counters and devices may not share a slice.
    let mut specs = Vec::new();
    for chunk in counters.chunks(COUNTER_SETS_PER_SLICE) {
        specs.push(json!({"sharedCounters": chunk}));
    }
    for chunk in published.chunks(DEVICES_PER_SLICE) {
        specs.push(json!({"devices": chunk}));
    }
    let stale = pool.faults.has("dra.stale-pool");
    let count = specs.len() + usize::from(stale);
    let mut slices: Vec<Value> = specs
        .into_iter()
        .enumerate()
        .map(|(at, spec)| slice(pool, &at.to_string(), spec, generation, count))
        .collect();
    if stale && let Some(device) = devices.first() {
        let gone = api_device(pool, &format!("{}-gone", device.name), device, false);
        slices.push(slice(pool, "old", json!({"devices": [gone]}), generation - 1, 1));
    }
    slices
}

/// The name under which a device is published a second time by `dra.double-allocation`.
pub(crate) fn second_name(name: &str) -> String {
    format!("{name}-b")
}

fn slice(pool: &Pool<'_>, suffix: &str, mut spec: Value, generation: i64, count: usize) -> Value {
    spec["driver"] = json!(pool.dra.driver);
    spec["nodeName"] = json!(pool.node);
    spec["pool"] = json!({"name": pool.node, "generation": generation, "resourceSliceCount": count});
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice",
        "metadata": {
            "name": format!("{}-{}-{suffix}", pool.node, pool.dra.driver),
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Node", "name": pool.node, "uid": pool.node_uid, "controller": true,
            }],
        },
        "spec": spec,
    })
}

fn api_device(pool: &Pool<'_>, name: &str, device: &Accelerator, unhealthy: bool) -> Value {
    let dra = pool.dra;
    let memory = dra.memory_capacity.as_deref().unwrap_or("memory");
    let mut published = json!({
        "name": name,
        "attributes": attributes(dra, device),
        "capacity": {memory: {"value": device.stated_memory(pool.faults).to_string()}},
    });
    if pool.faults.has("topo.fictional") {
        published["attributes"]["numaNode"] = json!({"int": 0});
        published["attributes"]["resource.kubernetes.io/pcieRoot"] = json!({"string": "pci0000:00"});
    }
    if device.shares > 0 {
        let share = (device.memory / u64::from(device.shares)).to_string();
        published["allowMultipleAllocations"] = json!(true);
        // Who names no amount has the whole.
        published["capacity"][memory]["requestPolicy"] = json!({
            "default": device.memory.to_string(), "validRange": {"min": share, "step": share},
        });
    }
    if pool.has_counters_and_taints() {
        if let Some((set, slices)) = consumption(device, pool.faults) {
            published["consumesCounters"] =
                json!([{"counterSet": counters_of(set), "counters": counters(device, slices)}]);
        }
        if unhealthy {
            published["taints"] = json!([{
                "key": format!("{}/unhealthy", dra.driver), "value": "true", "effect": "NoSchedule",
            }]);
        }
    }
    published
}

fn attributes(dra: &Dra, device: &Accelerator) -> Map<String, Value> {
    let vendor = Vendor::by_id(device.vendor()).ok();
    let partitions = vendor.and_then(|vendor| vendor.partitions.as_ref());
    let functions = vendor.and_then(|vendor| vendor.virtual_functions.as_ref());
    let part = device.part.as_ref();
    let kind = match part.map(|part| &part.kind) {
        Some(PartKind::Partition(_)) => dra.partition_type.as_deref().unwrap_or("partition"),
        Some(PartKind::Virtual) => functions
            .and_then(|functions| functions.device_type.as_deref())
            .unwrap_or("virtual-function"),
        None => dra.device_type.as_deref().unwrap_or("device"),
    };
    let named = |name: &Option<String>, usual: &str| name.clone().unwrap_or_else(|| usual.to_owned());
    let text = |value: &str| json!({"string": value});
    let domain = format!("{}-{}", device.node, device.vendor());
    let mut attributes = Map::from_iter([
        ("uuid".to_owned(), text(&device.uuid)),
        (dra.identity_attribute().to_owned(), text(&device.uuid)),
        (named(&dra.model_attribute, "model"), text(&device.model)),
        ("index".to_owned(), json!({"int": device.index})),
        ("numaNode".to_owned(), json!({"int": device.numa_node()})),
        ("interconnectDomain".to_owned(), text(&domain)),
        (
            "resource.kubernetes.io/pcieRoot".to_owned(),
            text(&device.pcie_root()),
        ),
        (
            named(&dra.driver_version_attribute, "driverVersion"),
            json!({"version": device.driver_version}),
        ),
        (named(&dra.type_attribute, "type"), text(kind)),
    ]);
    let attribute = if part.is_some_and(|part| part.kind == PartKind::Virtual) {
        functions.and_then(|functions| functions.parent_attribute.as_deref())
    } else {
        partitions.map(|partitions| partitions.parent_attribute.as_str())
    };
    // Some vendors have parts tell what they belong to by an attribute that the whole device has as well.
    let belongs = device.parent.as_ref().map(|(_, uuid)| uuid);
    let is_common = |attribute: &str| partitions.is_some() && attribute.starts_with("pci");
    if let Some(attribute) = attribute
        && let Some(uuid) = belongs.or_else(|| is_common(attribute).then_some(&device.uuid))
    {
        attributes.insert(attribute.to_owned(), text(uuid));
    }
    if let Some(profile) = part.and_then(|part| part.profile())
        && let Some(partitions) = partitions
    {
        attributes.insert(partitions.profile_attribute.clone(), text(profile));
    }
    attributes
}

/// A whole device takes all of its slices; a part those that it is made of.
fn consumption<'a>(device: &'a Accelerator, faults: &Faults) -> Option<(&'a str, Range<u32>)> {
    if device.slices == 0 {
        return None;
    }
    match (&device.parent, &device.part) {
        (Some((parent, _)), Some(part)) => Some((parent, part.slices.clone())),
        // Whoever forgets that a device and its parts are made of the same has each of them by itself.
        (None, _) | (_, None) if (faults.has("virt.double-count") || faults.has("mig.double-count")) => None,
        (None, _) | (_, None) => Some((&device.name, 0..device.slices)),
    }
}

fn counters_of(device: &str) -> String {
    format!("{device}-slices")
}

fn counters(device: &Accelerator, slices: Range<u32>) -> Value {
    let vendor = Vendor::by_id(device.vendor()).ok();
    let geometry = vendor.and_then(|vendor| vendor.partitions.as_ref()?.geometry.as_ref());
    let name = geometry.map_or("slice", |geometry| geometry.counter.as_str());
    let counters = slices.map(|slice| (format!("{name}-{slice}"), json!({"value": "1"})));
    Value::Object(counters.collect())
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;

    use super::*;
    use crate::drivers::fixture::{accelerators, divided};

    fn build(defects: &[&str], devices: &[Accelerator], unhealthy: &[usize], minor: u32) -> Vec<Value> {
        let dra = Vendor::by_id("nvidia").unwrap().dra.as_ref().unwrap();
        let faults = defects.iter().copied().collect();
        let pool = Pool {
            node: "n1",
            node_uid: "u1",
            dra,
            minor,
            faults: &faults,
        };
        let unhealthy = unhealthy.iter().map(|at| devices[*at].uuid.clone()).collect();
        slices(&pool, devices, &unhealthy, 3)
    }

    fn names(slice: &Value) -> Vec<&str> {
        let devices = slice["spec"]["devices"].as_array().unwrap();
        devices
            .iter()
            .map(|device| device["name"].as_str().unwrap())
            .collect()
    }

    fn uuid_of<'a>(slices: &'a [Value], name: &str) -> &'a str {
        let mut devices = slices
            .iter()
            .flat_map(|slice| slice["spec"]["devices"].as_array().unwrap());
        let device = devices.find(|device| device["name"] == name).unwrap();
        device
            .pointer("/attributes/uuid/string")
            .unwrap()
            .as_str()
            .unwrap()
    }

    #[test]
    fn a_sound_pool_is_complete_and_owned_by_its_node() {
        let slices = build(&[], &accelerators("nvidia", 2), &[], 36);
        assert_eq!(slices.len(), 1);
        assert_eq!(
            slices[0]["spec"]["pool"],
            json!({"name": "n1", "generation": 3, "resourceSliceCount": 1})
        );
        assert_eq!(names(&slices[0]), ["gpu-0", "gpu-1"]);
        assert_eq!(slices[0]["metadata"]["name"], "n1-gpu.nvidia.com-0");
        assert_eq!(
            slices[0].pointer("/metadata/ownerReferences/0/uid"),
            Some(&json!("u1"))
        );
    }

    #[test]
    fn a_device_carries_its_vendors_attributes() {
        let devices = accelerators("nvidia", 2);
        let slices = build(&[], &devices, &[], 36);
        let attributes = &slices[0]["spec"]["devices"][1]["attributes"];
        assert_eq!(attributes["uuid"]["string"], devices[1].uuid.as_str());
        assert_eq!(attributes["productName"]["string"], "NVIDIA H100 80GB HBM3");
        assert_eq!(attributes["driverVersion"]["version"], "580.95.5");
        assert_eq!(attributes["type"]["string"], "gpu");
        assert_eq!(attributes["numaNode"]["int"], 0);
        assert_eq!(
            attributes["resource.kubernetes.io/pcieRoot"]["string"],
            "pci0000:00"
        );
    }

    #[test]
    fn an_unhealthy_device_is_tainted_or_where_there_are_no_taints_left_out() {
        let devices = accelerators("nvidia", 2);
        let slices = build(&[], &devices, &[0], 36);
        let published = &slices[0]["spec"]["devices"];
        assert_eq!(published[0]["taints"][0]["key"], "gpu.nvidia.com/unhealthy");
        assert_eq!(published[1].get("taints"), None);
        assert_eq!(names(&build(&[], &devices, &[0], 34)[0]), ["gpu-1"]);
    }

    #[test]
    fn a_divided_device_and_its_parts_draw_on_the_same_counters() {
        let devices = divided("nvidia", 1, "whole|3g.40gb+1g.10gb", &[]);
        let slices = build(&[], &devices, &[], 36);
        assert_eq!(slices.len(), 2);
        let available = slices[0].pointer("/spec/sharedCounters/0").unwrap();
        assert_eq!(available["name"], "gpu-0-slices");
        assert_eq!(available["counters"].as_object().unwrap().len(), 8);
        let taken: Vec<usize> = slices[1]["spec"]["devices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| {
                device
                    .pointer("/consumesCounters/0/counters")
                    .unwrap()
                    .as_object()
                    .unwrap()
                    .len()
            })
            .collect();
        assert_eq!(taken, [8, 4, 1]);
        let part = &slices[1]["spec"]["devices"][1]["attributes"];
        assert_eq!(part["profile"]["string"], "3g.40gb");
        assert_eq!(part["parentUUID"]["string"], devices[0].uuid.as_str());
        assert_eq!(names(&build(&[], &devices, &[], 34)[0]), ["gpu-0"]);
        let parts_only = divided("nvidia", 1, "3g.40gb+1g.10gb", &[]);
        assert_eq!(
            names(&build(&[], &parts_only, &[], 34)[0]),
            ["gpu-0-3g-40gb-0", "gpu-0-1g-10gb-1"]
        );
    }

    #[test]
    fn counters_that_are_out_of_date_promise_twice_what_there_is() {
        let devices = divided("nvidia", 1, "whole|3g.40gb+1g.10gb", &["mig.overcommit"]);
        let slices = build(&["mig.overcommit"], &devices, &[], 36);
        let counters = slices[0].pointer("/spec/sharedCounters/0/counters").unwrap();
        assert_eq!(counters.as_object().unwrap().len(), 16);
        assert_eq!(names(&slices[1]).len(), 5);
    }

    #[test]
    fn a_physical_device_that_is_counted_twice_takes_nothing_from_its_virtual_functions() {
        let devices = divided("intel-gpu", 1, "whole|vf2", &[]);
        let dra = Vendor::by_id("intel-gpu").unwrap().dra.as_ref().unwrap();
        let taken = |defects: &[&str]| {
            let faults = defects.iter().copied().collect();
            let pool = Pool {
                node: "n1",
                node_uid: "u1",
                dra,
                minor: 36,
                faults: &faults,
            };
            let slices = slices(&pool, &devices, &BTreeSet::new(), 1);
            slices[1].pointer("/spec/devices/0/consumesCounters").is_some()
        };
        assert!(taken(&[]));
        assert!(!taken(&["virt.double-count"]));
    }

    #[test]
    fn lying_selectors_swap_attributes_but_not_names() {
        let devices = accelerators("nvidia", 2);
        let lying = build(&["dra.selector-lies"], &devices, &[], 36);
        assert_eq!(uuid_of(&lying, "gpu-0"), devices[1].uuid);
        assert_eq!(uuid_of(&lying, "gpu-1"), devices[0].uuid);
    }

    #[test]
    fn double_allocation_gives_one_uuid_two_names() {
        let slices = build(&["dra.double-allocation"], &accelerators("nvidia", 2), &[], 36);
        assert_eq!(names(&slices[0]), ["gpu-0", "gpu-1", "gpu-0-b", "gpu-1-b"]);
        assert_eq!(uuid_of(&slices, "gpu-0"), uuid_of(&slices, "gpu-0-b"));
    }

    #[test]
    fn a_stale_pool_lacks_a_slice_and_keeps_an_old_one() {
        let slices = build(&["dra.stale-pool"], &accelerators("nvidia", 2), &[], 36);
        let pool = |at: usize| &slices[at]["spec"]["pool"];
        assert_eq!(
            (&pool(0)["generation"], &pool(0)["resourceSliceCount"]),
            (&json!(3), &json!(2))
        );
        assert_eq!(pool(1)["generation"], 2);
        assert_eq!(names(&slices[1]), ["gpu-0-gone"]);
        assert!(build(&["dra.stale-pool"], &[], &[], 36).is_empty());
    }

    #[test]
    fn many_devices_are_spread_over_slices_that_agree_on_their_number() {
        let slices = build(&[], &accelerators("nvidia", 100), &[], 36);
        assert_eq!(slices.len(), 2);
        assert!(
            slices
                .iter()
                .all(|slice| slice["spec"]["pool"]["resourceSliceCount"] == 2)
        );
    }
}
