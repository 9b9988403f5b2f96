//! The accelerators of a node, as its drivers know them.

use plimsoll_probe::protocol::{DeviceNumber, Identity, IdentitySource, NodeKind};
use plimsoll_vendors::Vendor;

use crate::{
    node::device::HardwareDevice,
    platform::{Allocation, NodeGroup},
};

/// Accelerators are block devices of this driver, as in the lab.
const MAJOR: u32 = 7;

/// The memory of a device whose vendor's profile names none.
const MEMORY: u64 = 64 << 30;

/// Parts begin behind the whole device's identity.
const FIRST_PART: u64 = 1 << 20;

/// One accelerator, or one part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accelerator {
    /// Its vendor's profile id.
    vendor: &'static str,
    /// Its name in its pool, such as `gpu-0`.
    pub(crate) name: String,
    /// How pods come by it.
    pub(crate) allocation: Allocation,
    /// Where a container finds it.
    pub(crate) path: String,
    /// Which device it is.
    pub(crate) number: DeviceNumber,
    /// Who it says it is.
    pub(crate) uuid: String,
    /// The product.
    pub(crate) model: String,
    /// The version of its kernel driver.
    pub(crate) driver_version: String,
    /// Its place among its vendor's devices on its node.
    pub(crate) index: u32,
    /// The node it is in.
    pub(crate) node: String,
    /// Its memory in bytes.
    pub(crate) memory: u64,
    /// Name and uuid of the whole device it is a part of.
    pub(crate) parent: Option<(String, String)>,
    /// Into how many parts it can be divided.
    pub(crate) partitions: u32,
}

impl Accelerator {
    /// All accelerators of a node of that group, parts included; those of vendors without a profile are left out.
    pub(crate) fn of_node(node: &str, group: &NodeGroup) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut minor = 0;
        let mut next = || {
            minor += 1;
            DeviceNumber {
                kind: NodeKind::Block,
                major: MAJOR,
                minor: minor - 1,
            }
        };
        for kind in &group.accelerators {
            let Ok(vendor) = Vendor::by_id(&kind.vendor) else {
                continue;
            };
            let first = all
                .iter()
                .filter(|other| other.vendor == vendor.id && other.parent.is_none());
            let first = u32::try_from(first.count()).unwrap_or(u32::MAX);
            for index in first..first.saturating_add(kind.count) {
                let mut whole = Self::whole(node, vendor, index, kind.allocation, next());
                whole.partitions = match kind.allocation {
                    Allocation::Dra => kind.partitions,
                    Allocation::Plugin | Allocation::ExtendedResource => 0,
                };
                let parts = (0..whole.partitions).map(|part| whole.part(part, next()));
                let parts: Vec<Self> = parts.collect();
                all.push(whole);
                all.extend(parts);
            }
        }
        all
    }

    fn whole(
        node: &str,
        vendor: &'static Vendor,
        index: u32,
        allocation: Allocation,
        number: DeviceNumber,
    ) -> Self {
        let kind = vendor.dra.as_ref().and_then(|dra| dra.device_type.as_deref());
        let lab = vendor.lab.as_ref();
        Self {
            vendor: &vendor.id,
            name: format!("{}-{index}", kind.unwrap_or("device")),
            allocation,
            path: device_path(vendor, index),
            number,
            uuid: uuid(&format!("{node}/{}/{index}", vendor.id)),
            model: lab.map_or(&vendor.name, |lab| &lab.model).clone(),
            driver_version: lab.map_or("1.0.0", |lab| &lab.driver_version).to_owned(),
            index,
            node: node.to_owned(),
            memory: lab.map_or(MEMORY, |lab| lab.memory_bytes),
            parent: None,
            partitions: 0,
        }
    }

    fn part(&self, part: u32, number: DeviceNumber) -> Self {
        let memory = (self.memory.saturating_sub(FIRST_PART) / u64::from(self.partitions.max(1)))
            / FIRST_PART
            * FIRST_PART;
        Self {
            name: format!("{}-part-{part}", self.name),
            path: format!("{}p{part}", self.path),
            number,
            uuid: uuid(&format!("{}/{}/{}/{part}", self.node, self.vendor, self.index)),
            memory,
            parent: Some((self.name.clone(), self.uuid.clone())),
            partitions: 0,
            ..self.clone()
        }
    }

    /// Its vendor's profile.
    pub(crate) fn vendor(&self) -> &'static str {
        self.vendor
    }

    /// Four devices to a NUMA node, as on a machine with two sockets and eight of them.
    pub(crate) fn numa_node(&self) -> u32 {
        self.index / 4
    }

    /// Two devices to a PCIe root.
    pub(crate) fn pcie_root(&self) -> String {
        format!("pci0000:{:02x}", self.index / 2 * 0x10)
    }

    /// The device behind it.
    pub(crate) fn hardware(&self) -> HardwareDevice {
        let identity = Identity {
            uuid: Some(self.uuid.clone()),
            model: Some(self.model.clone()),
            vendor: Some(self.vendor.to_owned()),
            index: Some(u64::from(self.index)),
            node: Some(self.node.clone()),
            memory_bytes: Some(self.memory),
            pcie_root: Some(self.pcie_root()),
            numa_node: Some(i64::from(self.numa_node())),
            ..Identity::unknown(IdentitySource::Header)
        };
        HardwareDevice {
            number: self.number,
            path: self.path.clone(),
            header: identity.to_header().unwrap_or_default(),
            bytes: self.memory,
        }
    }
}

/// Where a container finds a vendor's device: as the lab has it, else by the vendor's own pattern.
fn device_path(vendor: &Vendor, index: u32) -> String {
    if let Some(lab) = &vendor.lab {
        return lab.device_path(index);
    }
    match vendor.devices.exclusive.patterns().first() {
        Some(pattern) => pattern
            .replace("[0-9]*", "*")
            .replacen('*', &index.to_string(), 1),
        None => format!("/dev/{}{index}", vendor.id),
    }
}

/// The same for the same place, in any run.
pub(crate) fn uuid(place: &str) -> String {
    let half = |salt: u64| {
        place
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325 ^ salt, |hash: u64, byte| {
                (hash ^ u64::from(byte))
                    .wrapping_mul(0x0100_0000_01b3)
                    .rotate_left(7)
            })
    };
    let (one, two) = (half(0), half(0x9e37_79b9_7f4a_7c15));
    format!(
        "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
        one >> 32,
        one >> 16 & 0xffff,
        one & 0xfff,
        two >> 48 & 0x3fff | 0x8000,
        two & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::platform::Accelerators;

    /// A group with one kind of accelerators.
    pub(crate) fn group(vendor: &str, count: u32, allocation: Allocation) -> NodeGroup {
        let mut group = NodeGroup::new("node", 1);
        group.accelerators = vec![Accelerators {
            vendor: vendor.to_owned(),
            count,
            allocation,
            busy: 0,
            partitions: 0,
        }];
        group
    }

    /// So many accelerators of a vendor on node `n1`.
    pub(crate) fn accelerators(vendor: &str, count: u32) -> Vec<Accelerator> {
        Accelerator::of_node("n1", &group(vendor, count, Allocation::Dra))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{fixture::*, *};

    #[test]
    fn every_vendors_device_is_recognised_by_its_own_profile() {
        for vendor in Vendor::all() {
            let devices = Accelerator::of_node("n1", &group(&vendor.id, 2, Allocation::Plugin));
            assert_eq!(devices.len(), 2, "{}", vendor.id);
            assert_ne!(devices[0].path, devices[1].path, "{}", vendor.id);
            if !vendor.devices.exclusive.patterns().is_empty() {
                assert!(
                    vendor.matches_device(&devices[1].path).is_some(),
                    "{}",
                    devices[1].path
                );
            }
        }
    }

    #[test]
    fn devices_differ_in_number_and_identity_and_stay_the_same() {
        let mut group = group("nvidia", 2, Allocation::Dra);
        group.accelerators[0].partitions = 2;
        group.accelerators.push(crate::platform::Accelerators {
            vendor: "nvidia".to_owned(),
            count: 1,
            allocation: Allocation::Plugin,
            busy: 0,
            partitions: 0,
        });
        let devices = Accelerator::of_node("n1", &group);
        let names: Vec<&str> = devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "gpu-0",
                "gpu-0-part-0",
                "gpu-0-part-1",
                "gpu-1",
                "gpu-1-part-0",
                "gpu-1-part-1",
                "gpu-2"
            ]
        );
        let numbers: BTreeSet<_> = devices.iter().map(|device| device.number).collect();
        let uuids: BTreeSet<_> = devices.iter().map(|device| &device.uuid).collect();
        assert_eq!((numbers.len(), uuids.len()), (7, 7));
        assert_eq!(devices, Accelerator::of_node("n1", &group));
        assert_ne!(devices[0].uuid, Accelerator::of_node("n2", &group)[0].uuid);
    }

    #[test]
    fn a_device_says_who_it_is() {
        let device = &accelerators("nvidia", 1)[0];
        let identity = Identity::from_header(&device.hardware().header).unwrap();
        assert_eq!(identity.uuid.as_deref(), Some(device.uuid.as_str()));
        assert_eq!(identity.model.as_deref(), Some("NVIDIA H100 80GB HBM3"));
        let lengths: Vec<usize> = device.uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
