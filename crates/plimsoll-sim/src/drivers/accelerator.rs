//! The accelerators of a node, as its drivers know them.

use plimsoll_probe::protocol::{DeviceNumber, DeviceRole, Identity, IdentitySource, NodeKind};
use plimsoll_vendors::{Divided, Part, PartKind, Vendor};

use crate::{
    Faults,
    node::device::HardwareDevice,
    platform::{Allocation, NodeGroup, Sharing},
};

/// Accelerators are block devices of this driver, as in the lab.
const MAJOR: u32 = 7;

/// The memory of a device whose vendor's profile names none.
const MEMORY: u64 = 64 << 30;

/// Parts begin behind the whole device's identity.
const FIRST_PART: u64 = 1 << 20;

/// How large a capability is.
const CAPABILITY: u64 = 8 << 10;

/// Numbers of parts on a node go by device, so many for each.
const PARTS_PER_DEVICE: u32 = 16;

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
    /// Which part of that it is.
    pub(crate) part: Option<Part>,
    /// Of how many slices the whole device is made; none where it is not divided.
    pub(crate) slices: u32,
    /// Whether pods can have it. A device that is only offered in parts is there all the same.
    pub(crate) is_offered: bool,
    /// Path and number of what a container needs besides, to use it.
    pub(crate) capability: Option<(String, DeviceNumber)>,
    /// Into how many shares of its memory its driver divides it among claims; none where it does not.
    pub(crate) shares: u32,
    /// How its plugin shares it.
    pub(crate) sharing: Option<Sharing>,
    /// Whether the node's exporter tells of it.
    pub(crate) exported: bool,
}

impl Accelerator {
    /// All accelerators of a node of that group, parts included; those of vendors without a profile are left out.
    pub(crate) fn of_node(node: &str, group: &NodeGroup, faults: &Faults) -> Vec<Self> {
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
                whole.sharing = kind.sharing;
                whole.exported = kind.exporter;
                // Whoever reads a platform file sees to it that its devices can be divided.
                let divided = vendor.divide(&kind.division).unwrap_or(Divided {
                    whole: true,
                    slices: 0,
                    parts: Vec::new(),
                });
                (whole.slices, whole.is_offered) = (divided.slices, divided.whole);
                let mut parts = divided.parts;
                if faults.has("mig.overcommit") {
                    parts.extend(surplus(divided.slices, &parts));
                }
                let parts: Vec<Self> = parts
                    .iter()
                    .map(|part| whole.part(vendor, part, &mut next, faults))
                    .collect();
                whole.shares = kind.shares;
                let shares: Vec<Self> = (0..kind.shares).map(|at| whole.share(at, next())).collect();
                all.push(whole);
                all.extend(parts);
                all.extend(shares);
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
            part: None,
            slices: 0,
            is_offered: true,
            capability: None,
            shares: 0,
            sharing: None,
            exported: true,
        }
    }

    fn part(
        &self,
        vendor: &Vendor,
        part: &Part,
        next: &mut impl FnMut() -> DeviceNumber,
        faults: &Faults,
    ) -> Self {
        let slice = self
            .memory
            .saturating_sub(FIRST_PART)
            .checked_div(u64::from(self.slices))
            .unwrap_or_default()
            / FIRST_PART
            * FIRST_PART;
        let size = u64::from(part.slices.end - part.slices.start);
        let times = if faults.has("mig.wrong-profile") { 2 } else { 1 };
        let number = self.index * PARTS_PER_DEVICE + part.ordinal;
        let lab = vendor
            .virtual_functions
            .as_ref()
            .and_then(|functions| functions.lab.as_ref());
        let path = match (&part.kind, lab) {
            (PartKind::Virtual, Some(lab)) => lab.device_path(number),
            (PartKind::Virtual, None) | (PartKind::Partition(_), _) => {
                format!("{}p{}", self.path, part.ordinal)
            }
        };
        let geometry = vendor
            .partitions
            .as_ref()
            .and_then(|partitions| partitions.geometry.as_ref());
        let capability = geometry
            .and_then(|geometry| geometry.capability.as_deref())
            .filter(|_| part.profile().is_some())
            // The first capability is the one to manage partitions.
            .map(|template| template.replace("{index}", &(number + 1).to_string()));
        Self {
            name: part.name(&self.name),
            path,
            number: next(),
            uuid: uuid(&format!(
                "{}/{}/{}/{}",
                self.node,
                self.vendor,
                self.index,
                part.name("")
            )),
            memory: slice * size * times,
            parent: Some((self.name.clone(), self.uuid.clone())),
            part: Some(part.clone()),
            is_offered: true,
            capability: capability.map(|path| (path, next())),
            ..self.clone()
        }
    }

    /// One of equal shares of its memory. Nobody asks for it by name: claims are given as many as they take.
    fn share(&self, at: u32, number: DeviceNumber) -> Self {
        Self {
            name: format!("{}-share-{at}", self.name),
            path: format!("{}s{at}", self.path),
            number,
            uuid: uuid(&format!(
                "{}/{}/{}/share-{at}",
                self.node, self.vendor, self.index
            )),
            memory: self.memory / u64::from(self.shares.max(1)),
            parent: Some((self.name.clone(), self.uuid.clone())),
            is_offered: false,
            shares: 0,
            exported: false,
            ..self.clone()
        }
    }

    /// What its profile and its place say of its memory, whatever it really is.
    pub(crate) fn stated_memory(&self, faults: &Faults) -> u64 {
        match self.part {
            Some(_) if faults.has("mig.wrong-profile") => self.memory / 2,
            Some(_) | None => self.memory,
        }
    }

    /// The extended resource that it is one of; `None` where its vendor has none for the like of it.
    pub(crate) fn resource(&self) -> Option<String> {
        let vendor = Vendor::by_id(self.vendor).ok()?;
        match &self.part {
            None => vendor.resource().map(str::to_owned),
            Some(part) => match part.profile() {
                Some(profile) => vendor.partitions.as_ref()?.resource_of(profile),
                None => vendor.virtual_functions.as_ref()?.lab.as_ref()?.resource.clone(),
            },
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

    /// The devices behind it: itself, and its capability.
    pub(crate) fn hardware(&self) -> Vec<HardwareDevice> {
        let role = self.part.as_ref().map(|part| match part.kind {
            PartKind::Partition(_) => DeviceRole::Partition,
            PartKind::Virtual => DeviceRole::Virtual,
        });
        let capability = self.capability.as_ref().map(|(path, number)| HardwareDevice {
            number: *number,
            path: path.clone(),
            header: self.header(Some(DeviceRole::Capability)),
            bytes: CAPABILITY,
        });
        let own = HardwareDevice {
            number: self.number,
            path: self.path.clone(),
            header: self.header(role),
            bytes: self.memory,
        };
        [own].into_iter().chain(capability).collect()
    }

    fn header(&self, role: Option<DeviceRole>) -> Vec<u8> {
        let identity = Identity {
            uuid: Some(self.uuid.clone()),
            model: Some(self.model.clone()),
            vendor: Some(self.vendor.to_owned()),
            index: Some(u64::from(self.index)),
            node: Some(self.node.clone()),
            memory_bytes: Some(self.memory),
            pcie_root: Some(self.pcie_root()),
            numa_node: Some(i64::from(self.numa_node())),
            parent: self.parent.as_ref().map(|(_, uuid)| uuid.clone()),
            role,
            ..Identity::unknown(IdentitySource::Header)
        };
        identity.to_header().unwrap_or_default()
    }
}

/// As many parts again, of memory that the device does not have.
fn surplus(slices: u32, parts: &[Part]) -> Vec<Part> {
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let beyond = |part: &Part| Part {
        ordinal: part.ordinal + count,
        kind: part.kind.clone(),
        slices: part.slices.start + slices..part.slices.end + slices,
    };
    parts.iter().map(beyond).collect()
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
            division: plimsoll_vendors::Division::default(),
            sharing: None,
            shares: 0,
            exporter: true,
        }];
        group
    }

    /// So many accelerators of a vendor on node `n1`.
    pub(crate) fn accelerators(vendor: &str, count: u32) -> Vec<Accelerator> {
        Accelerator::of_node("n1", &group(vendor, count, Allocation::Dra), &Faults::default())
    }

    /// The accelerators of node `n1`, divided like that.
    pub(crate) fn divided(vendor: &str, count: u32, division: &str, defects: &[&str]) -> Vec<Accelerator> {
        let mut group = group(vendor, count, Allocation::Dra);
        group.accelerators[0].division = division.parse().unwrap();
        Accelerator::of_node("n1", &group, &defects.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{fixture::*, *};

    #[test]
    fn every_vendors_device_is_recognised_by_its_own_profile() {
        for vendor in Vendor::all() {
            let devices = Accelerator::of_node(
                "n1",
                &group(&vendor.id, 2, Allocation::Plugin),
                &Faults::default(),
            );
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
        let devices = divided("nvidia", 2, "whole|3g.40gb+1g.10gb", &[]);
        let names: Vec<&str> = devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "gpu-0",
                "gpu-0-3g-40gb-0",
                "gpu-0-1g-10gb-1",
                "gpu-1",
                "gpu-1-3g-40gb-0",
                "gpu-1-1g-10gb-1",
            ]
        );
        let behind = devices.iter().flat_map(Accelerator::hardware);
        let numbers: BTreeSet<_> = behind.map(|device| device.number).collect();
        let uuids: BTreeSet<_> = devices.iter().map(|device| &device.uuid).collect();
        assert_eq!((numbers.len(), uuids.len()), (10, 6), "four capabilities besides");
        assert_eq!(devices, divided("nvidia", 2, "whole|3g.40gb+1g.10gb", &[]));
        let elsewhere = Accelerator::of_node("n2", &group("nvidia", 1, Allocation::Dra), &Faults::default());
        assert_ne!(devices[0].uuid, elsewhere[0].uuid);
    }

    #[test]
    fn a_part_is_as_large_as_its_profile_says_unless_it_is_broken() {
        let memory = |defects: &[&str]| divided("nvidia", 1, "3g.40gb+1g.10gb", defects)[2].memory;
        let due = plimsoll_vendors::memory_of_profile("1g.10gb").unwrap();
        assert!(due.contains(&memory(&[])));
        assert!(!due.contains(&memory(&["mig.wrong-profile"])));
        assert_eq!(
            divided("nvidia", 1, "3g.40gb+1g.10gb", &["mig.overcommit"]).len(),
            5
        );
    }

    #[test]
    fn a_virtual_function_says_what_it_belongs_to() {
        let devices = divided("intel-gpu", 1, "whole|vf2", &[]);
        let identity = Identity::from_header(&devices[2].hardware()[0].header).unwrap();
        assert_eq!(identity.parent.as_deref(), Some(devices[0].uuid.as_str()));
        assert_eq!(identity.role, Some(DeviceRole::Virtual));
        assert_eq!(devices[2].path, "/dev/vfio/21");
    }

    #[test]
    fn a_device_says_who_it_is() {
        let device = &accelerators("nvidia", 1)[0];
        let identity = Identity::from_header(&device.hardware()[0].header).unwrap();
        assert_eq!(identity.uuid.as_deref(), Some(device.uuid.as_str()));
        assert_eq!(identity.model.as_deref(), Some("NVIDIA H100 80GB HBM3"));
        let lengths: Vec<usize> = device.uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
