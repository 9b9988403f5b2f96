//! What a container is given that was allocated a device: the device's own nodes, unless a defect has it otherwise.

use plimsoll_vendors::PartKind;

use crate::{
    cdi::DeviceNode,
    device::Device,
    faults::{Fault, Faults},
    partition::Capability,
};

/// The nodes that come with `device`, one of `all`; `None` where there is nothing behind it.
pub(crate) fn nodes<'a>(
    device: &'a Device,
    all: impl IntoIterator<Item = &'a Device> + Clone,
    faults: &Faults,
) -> Option<Vec<DeviceNode>> {
    let kind = device.part.as_ref().map(|part| &part.kind);
    let is_partition = matches!(kind, Some(PartKind::Partition(_)));
    let is_virtual = matches!(kind, Some(PartKind::Virtual));
    if is_virtual && faults.has(Fault::NoBacking) {
        return None;
    }
    if (is_partition && faults.has(Fault::Unpartitioned)) || (is_virtual && faults.has(Fault::VirtualWhole)) {
        let whole = parent(device, all).unwrap_or(device);
        return Some(whole.nodes());
    }
    if is_virtual && faults.has(Fault::SharedGroup) {
        let first = parts_of(device.parent.as_ref().map(|parent| parent.uuid.as_str()), all).next();
        return Some(first.unwrap_or(device).nodes());
    }
    let mut nodes = device.nodes();
    if is_partition && faults.has(Fault::CapsOpen) {
        let capabilities = all.into_iter().filter_map(|other| other.capability.as_ref());
        for node in capabilities.map(Capability::node) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }
    Some(nodes)
}

fn parent<'a>(device: &Device, all: impl IntoIterator<Item = &'a Device>) -> Option<&'a Device> {
    let uuid = &device.parent.as_ref()?.uuid;
    all.into_iter().find(|other| other.identity.uuid == *uuid)
}

fn parts_of<'a>(
    parent: Option<&str>,
    all: impl IntoIterator<Item = &'a Device>,
) -> impl Iterator<Item = &'a Device> {
    let mut parts: Vec<&Device> = all
        .into_iter()
        .filter(|other| other.parent.as_ref().map(|parent| parent.uuid.as_str()) == parent)
        .filter(|other| other.part.is_some())
        .collect();
    parts.sort_by_key(|part| part.part.as_ref().map(|part| part.ordinal));
    parts.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Parent, fixture};

    /// A whole device and the parts of it.
    fn devices(vendor: &str, division: &str) -> Vec<Device> {
        let whole = fixture::device(vendor, 0);
        let divided = whole.vendor.divide(&division.parse().unwrap()).unwrap();
        let part = |part: &plimsoll_vendors::Part| {
            let path = format!("/dev/part{}", part.ordinal);
            Device {
                name: part.name("gpu-0"),
                parent: Some(Parent {
                    name: whole.name.clone(),
                    uuid: whole.identity.uuid.clone(),
                }),
                capability: part.profile().map(|_| Capability {
                    path: format!("/dev/nvidia-caps/nvidia-cap{}", part.ordinal + 1),
                    host_path: "/dev/loop9".into(),
                    numbers: (7, 90 + part.ordinal),
                }),
                identity: crate::identity::Identity {
                    uuid: part.name("u"),
                    ..whole.identity.clone()
                },
                part: Some(part.clone()),
                path,
                ..whole.clone()
            }
        };
        let mut devices = vec![whole.clone()];
        devices.extend(divided.parts.iter().map(part));
        devices
    }

    fn given(vendor: &str, division: &str, defect: &str) -> Option<Vec<String>> {
        let devices = devices(vendor, division);
        let faults = Faults::of(&[defect.to_owned()]);
        let nodes = nodes(&devices[2], &devices, &faults)?;
        Some(nodes.into_iter().map(|node| node.path).collect())
    }

    #[test]
    fn a_partition_comes_with_its_own_capability_alone() {
        let given = given("nvidia", "1g.10gb+1g.10gb", "").unwrap();
        assert_eq!(given, ["/dev/part1", "/dev/nvidia-caps/nvidia-cap2"]);
    }

    #[test]
    fn broken_drivers_give_the_whole_device_or_the_siblings_capabilities() {
        let given = |defect| given("nvidia", "1g.10gb+1g.10gb", defect).unwrap();
        assert_eq!(given("mig.unpartitioned"), ["/dev/nvidia0"]);
        assert_eq!(given("mig.caps-open").len(), 3);
    }

    #[test]
    fn a_virtual_function_may_be_another_or_none_or_the_physical_one() {
        let given = |defect| given("intel-gpu", "vf2", defect);
        assert_eq!(given("").unwrap(), ["/dev/part1"]);
        assert_eq!(given("virt.shared-group").unwrap(), ["/dev/part0"]);
        assert_eq!(given("virt.whole").unwrap(), ["/dev/dri/renderD128"]);
        assert_eq!(given("virt.no-backing"), None);
    }

    #[test]
    fn whole_devices_are_what_they_are_whatever_is_wrong_with_their_parts() {
        let devices = devices("intel-gpu", "whole|vf2");
        for defect in ["virt.shared-group", "virt.whole", "virt.no-backing"] {
            let faults = Faults::of(&[defect.to_owned()]);
            assert_eq!(nodes(&devices[0], &devices, &faults), Some(devices[0].nodes()));
        }
    }
}
