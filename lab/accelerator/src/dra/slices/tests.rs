//! What a pool of each kind of device is published as.

use super::*;
use crate::device::{Parent, fixture};

fn pool(vendor: &str, defects: &[&str]) -> Pool {
    let dra = plimsoll_vendors::Vendor::by_id(vendor)
        .unwrap()
        .dra
        .as_ref()
        .unwrap();
    let defects: Vec<String> = defects.iter().map(|id| (*id).to_owned()).collect();
    Pool {
        node: "n1".into(),
        node_uid: "u1".into(),
        dra,
        faults: Faults::of(&defects),
    }
}

fn devices() -> Vec<Device> {
    vec![fixture::device("nvidia", 0), fixture::device("nvidia", 1)]
}

fn build(defects: &[&str]) -> Vec<ResourceSlice> {
    slices(&pool("nvidia", defects), &devices(), &BTreeSet::new(), 3)
}

fn names(slice: &ResourceSlice) -> Vec<&str> {
    slice
        .spec
        .devices
        .iter()
        .flatten()
        .map(|device| device.name.as_str())
        .collect()
}

fn uuid_of<'a>(slices: &'a [ResourceSlice], name: &str) -> &'a str {
    let all = slices
        .iter()
        .flat_map(|slice| slice.spec.devices.iter().flatten());
    let device = all.into_iter().find(|device| device.name == name).unwrap();
    device.attributes.as_ref().unwrap()["uuid"]
        .string
        .as_deref()
        .unwrap()
}

#[test]
fn a_sound_pool_is_complete_and_owned_by_its_node() {
    let slices = build(&[]);
    assert_eq!(slices.len(), 1);
    let spec = &slices[0].spec;
    assert_eq!(
        (
            spec.pool.name.as_str(),
            spec.pool.generation,
            spec.pool.resource_slice_count
        ),
        ("n1", 3, 1)
    );
    assert_eq!(
        (spec.driver.as_str(), spec.node_name.as_deref()),
        ("gpu.nvidia.com", Some("n1"))
    );
    assert_eq!(names(&slices[0]), ["gpu-0", "gpu-1"]);
    let owner = &slices[0].metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str()), ("Node", "u1"));
}

#[test]
fn a_device_carries_its_vendors_attributes() {
    let slices = build(&[]);
    let device = &slices[0].spec.devices.as_ref().unwrap()[1];
    let attributes = device.attributes.as_ref().unwrap();
    assert_eq!(
        attributes["uuid"].string.as_deref(),
        Some(devices()[1].identity.uuid.as_str())
    );
    assert_eq!(
        attributes["productName"].string.as_deref(),
        Some("NVIDIA H100 80GB HBM3")
    );
    assert_eq!(attributes["driverVersion"].version.as_deref(), Some("580.95.5"));
    assert_eq!(attributes["type"].string.as_deref(), Some("gpu"));
    assert_eq!(attributes["numaNode"].int, Some(0));
    assert_eq!(
        attributes["resource.kubernetes.io/pcieRoot"].string.as_deref(),
        Some("pci0000:00")
    );
    assert_eq!(
        device.capacity.as_ref().unwrap()["memory"].value.0,
        (64 << 20).to_string()
    );

    let amd = slices_of_amd();
    let attributes = amd[0].spec.devices.as_ref().unwrap()[0]
        .attributes
        .as_ref()
        .unwrap();
    assert_eq!(attributes["deviceID"], attributes["uuid"]);
}

fn slices_of_amd() -> Vec<ResourceSlice> {
    slices(
        &pool("amd", &[]),
        &[fixture::device("amd", 0)],
        &BTreeSet::new(),
        1,
    )
}

#[test]
fn an_unhealthy_device_is_tainted_and_its_neighbour_is_not() {
    let unhealthy = BTreeSet::from([devices()[0].identity.uuid.clone()]);
    let slices = slices(&pool("nvidia", &[]), &devices(), &unhealthy, 1);
    let published = slices[0].spec.devices.as_ref().unwrap();
    assert_eq!(
        published[0].taints.as_ref().unwrap()[0].key,
        "gpu.nvidia.com/unhealthy"
    );
    assert_eq!(published[1].taints, None);
}

fn divided(defects: &[&str]) -> Vec<ResourceSlice> {
    let whole = Device {
        slices: 8,
        ..fixture::device("nvidia", 0)
    };
    let layout = whole
        .vendor
        .divide(&"whole|3g.40gb+1g.10gb".parse().unwrap())
        .unwrap();
    let part = |part: &plimsoll_vendors::Part| Device {
        name: part.name(&whole.name),
        parent: Some(Parent {
            name: whole.name.clone(),
            uuid: whole.identity.uuid.clone(),
        }),
        part: Some(part.clone()),
        ..whole.clone()
    };
    let mut devices = vec![whole.clone()];
    devices.extend(layout.parts.iter().map(part));
    slices(&pool("nvidia", defects), &devices, &BTreeSet::new(), 1)
}

#[test]
fn a_divided_device_and_its_parts_draw_on_the_same_counters() {
    let slices = divided(&[]);
    assert_eq!(slices.len(), 2);
    assert!(
        slices
            .iter()
            .all(|slice| slice.spec.pool.resource_slice_count == 2)
    );
    let available = &slices[0].spec.shared_counters.as_ref().unwrap()[0];
    assert_eq!(
        (available.name.as_str(), available.counters.len()),
        ("gpu-0-slices", 8)
    );
    assert_eq!(slices[0].spec.devices, None);
    let taken: Vec<Vec<&str>> = slices[1]
        .spec
        .devices
        .iter()
        .flatten()
        .map(|device| {
            let consumed = &device.consumes_counters.as_ref().unwrap()[0];
            consumed.counters.keys().map(String::as_str).collect()
        })
        .collect();
    assert_eq!(taken[0].len(), 8);
    let own = [
        "memory-slice-0",
        "memory-slice-1",
        "memory-slice-2",
        "memory-slice-3",
    ];
    assert_eq!(
        (taken[1].as_slice(), taken[2].as_slice()),
        (&own[..], &["memory-slice-4"][..])
    );
}

#[test]
fn a_partition_names_its_profile_and_its_device() {
    let slices = divided(&[]);
    let devices = slices[1].spec.devices.as_ref().unwrap();
    let text = |at: usize, name: &str| {
        let attributes = devices[at].attributes.as_ref().unwrap();
        attributes.get(name).and_then(|value| value.string.clone())
    };
    assert_eq!(text(1, "profile").as_deref(), Some("3g.40gb"));
    assert_eq!(text(1, "parentUUID"), text(0, "uuid"));
    assert_eq!(
        (text(1, "type").as_deref(), text(0, "type").as_deref()),
        (Some("mig"), Some("gpu"))
    );
    assert_eq!((text(0, "parentUUID"), text(0, "profile")), (None, None));
}

#[test]
fn counters_that_are_out_of_date_promise_twice_what_there_is() {
    let sets = divided(&["mig.overcommit"])[0]
        .spec
        .shared_counters
        .clone()
        .unwrap();
    assert_eq!(sets[0].counters.len(), 16);
}

#[test]
fn a_device_that_is_only_offered_in_parts_is_not_published() {
    let whole = Device {
        is_offered: false,
        ..fixture::device("nvidia", 0)
    };
    let slices = slices(
        &pool("nvidia", &[]),
        &[whole, fixture::device("nvidia", 1)],
        &BTreeSet::new(),
        1,
    );
    assert_eq!(names(&slices[0]), ["gpu-1"]);
}

#[test]
fn lying_selectors_swap_attributes_but_not_names() {
    let (sound, lying) = (build(&[]), build(&["dra.selector-lies"]));
    assert_eq!(names(&sound[0]), names(&lying[0]));
    assert_eq!(uuid_of(&lying, "gpu-0"), uuid_of(&sound, "gpu-1"));
    assert_eq!(uuid_of(&lying, "gpu-1"), uuid_of(&sound, "gpu-0"));
}

#[test]
fn double_allocation_gives_one_uuid_two_names() {
    let slices = build(&["dra.double-allocation"]);
    assert_eq!(names(&slices[0]), ["gpu-0", "gpu-1", "gpu-0-b", "gpu-1-b"]);
    assert_eq!(uuid_of(&slices, "gpu-0"), uuid_of(&slices, "gpu-0-b"));
}

#[test]
fn a_stale_pool_lacks_a_slice_and_keeps_an_old_one() {
    let slices = build(&["dra.stale-pool"]);
    let newest: Vec<_> = slices
        .iter()
        .filter(|slice| slice.spec.pool.generation == 3)
        .collect();
    assert_eq!((newest.len(), newest[0].spec.pool.resource_slice_count), (1, 2));
    let old: Vec<_> = slices
        .iter()
        .filter(|slice| slice.spec.pool.generation == 2)
        .collect();
    assert_eq!(names(old[0]), ["gpu-0-gone"]);
}

#[test]
fn no_devices_make_no_slices() {
    assert!(slices(&pool("nvidia", &["dra.stale-pool"]), &[], &BTreeSet::new(), 1).is_empty());
}

#[test]
fn many_devices_are_spread_over_slices_that_agree_on_their_number() {
    let many: Vec<Device> = (0..100).map(|index| fixture::device("nvidia", index)).collect();
    let slices = slices(&pool("nvidia", &[]), &many, &BTreeSet::new(), 1);
    assert_eq!(slices.len(), 2);
    assert!(
        slices
            .iter()
            .all(|slice| slice.spec.pool.resource_slice_count == 2)
    );
}
