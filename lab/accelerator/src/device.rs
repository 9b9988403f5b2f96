//! The accelerators of a node, as its driver and plugin know them.

use std::path::PathBuf;

use plimsoll_defects::Allocation;
use plimsoll_vendors::{Lab, Part, Vendor};

use crate::{
    cdi::{DeviceNode, Mount},
    config::{DeviceConfig, NodeConfig, Sharing},
    faults::Faults,
    identity::{self, HEADER_LENGTH, Identity, Role},
    installation::{InstallError, Installation},
    kernel::{self, LoopDevice},
    partition::{self, Capability, PartitionError},
};

/// One accelerator, or one part of one.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// The vendor it claims to be of.
    pub(crate) vendor: &'static Vendor,
    /// Its name in its pool, such as `gpu-0`.
    pub(crate) name: String,
    /// How pods come by it.
    pub(crate) allocation: Allocation,
    /// Where a container finds it.
    pub(crate) path: String,
    /// The loop device on the host.
    pub(crate) host_path: PathBuf,
    /// The loop device's numbers.
    pub(crate) numbers: (u32, u32),
    /// The file behind the loop device, and where in it the device starts.
    pub(crate) backing: (PathBuf, u64),
    /// Who it says it is.
    pub(crate) identity: Identity,
    /// The whole device it is a part of.
    pub(crate) parent: Option<Parent>,
    /// Which part of that it is.
    pub(crate) part: Option<Part>,
    /// Of how many slices the whole device is made; none where it is not divided.
    pub(crate) slices: u32,
    /// Whether pods can have it. A device that is only offered in parts is there all the same.
    pub(crate) is_offered: bool,
    /// What a container needs besides, to use it.
    pub(crate) capability: Option<Capability>,
    /// The version of its driver.
    pub(crate) driver_version: String,
    /// What comes into a container beside it.
    pub(crate) mounts: Vec<Mount>,
    /// How its plugin shares it among pods.
    pub(crate) sharing: Option<Sharing>,
}

/// The whole device that a part belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    /// Its name in the pool.
    pub(crate) name: String,
    /// Its uuid.
    pub(crate) uuid: String,
}

/// A device that cannot be brought up.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The kernel does not know the loop device, or not as it should.
    #[error("loop device `{path}` of {vendor} {index} on node `{node}` is not usable")]
    Loop {
        /// The loop device.
        path: PathBuf,
        /// The vendor profile.
        vendor: String,
        /// The device's number.
        index: u32,
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It cannot be divided.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// Its driver cannot be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The vendor cannot be imitated; [`NodeConfig::check`] says so earlier.
    #[error("vendor `{0}` cannot be imitated by the lab")]
    Vendor(String),
}

impl Device {
    /// The device's own node.
    pub(crate) fn node(&self) -> DeviceNode {
        DeviceNode::block(&self.path, &self.host_path, self.numbers)
    }

    /// The nodes that a container is given.
    pub(crate) fn nodes(&self) -> Vec<DeviceNode> {
        let capability = self.capability.as_ref().map(Capability::node);
        [self.node()].into_iter().chain(capability).collect()
    }

    /// The extended resource that it is one of; `None` where its vendor has none for the like of it.
    pub(crate) fn resource(&self) -> Option<String> {
        match &self.part {
            None => self.vendor.resource().map(str::to_owned),
            Some(part) => match part.profile() {
                Some(profile) => self.vendor.partitions.as_ref()?.resource_of(profile),
                None => self
                    .vendor
                    .virtual_functions
                    .as_ref()?
                    .lab
                    .as_ref()?
                    .resource
                    .clone(),
            },
        }
    }

    /// The lab's facts about its vendor.
    pub(crate) fn lab(&self) -> Option<&'static Lab> {
        self.vendor.lab.as_ref()
    }

    /// Whether it still is the device it was: attached to its own file.
    pub(crate) fn check(&self) -> std::io::Result<()> {
        let attached = LoopDevice::at(&self.host_path)?.backing()?;
        // The kernel appends a remark to files that were unlinked meanwhile.
        if attached == self.backing.0 {
            Ok(())
        } else {
            Err(std::io::Error::other(format!(
                "attached to `{}` instead",
                attached.display()
            )))
        }
    }

    /// Makes it ready for its next holder: nothing of the last one's left, and its identity in place.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        kernel::forget(&self.host_path, HEADER_LENGTH as u64, self.identity.memory)?;
        self.introduce()
    }

    /// Writes who it is into it, and into what else belongs to it.
    fn introduce(&self) -> std::io::Result<()> {
        identity::write_header(&self.host_path, &self.identity)?;
        let Some(capability) = &self.capability else {
            return Ok(());
        };
        let identity = Identity {
            role: Some(Role::Capability),
            ..self.identity.clone()
        };
        identity::write_header(&capability.host_path, &identity)
    }
}

/// Brings up all devices of a node, parts included, each with its identity written.
pub(crate) fn bring_up(config: &NodeConfig) -> Result<Vec<Device>, DeviceError> {
    let installation = Installation::of(config);
    let faults = Faults::of(&config.defects);
    let mut devices = Vec::new();
    for entry in &config.devices {
        let mut whole = whole(&config.node, entry)?;
        if let Some(lab) = whole.lab() {
            installation.install(whole.vendor, lab)?;
        }
        whole.mounts = installation.mounts(whole.vendor);
        if let Some(version) = installation.version(&whole.vendor.id) {
            whole.driver_version = version;
        }
        let divided = whole
            .vendor
            .divide(&entry.division)
            .map_err(PartitionError::from)?;
        (whole.slices, whole.is_offered) = (divided.slices, divided.whole);
        let parts = partition::bring_up(&whole, &divided, &faults)?;
        devices.push(whole);
        devices.extend(parts);
    }
    for device in &devices {
        let written = device.check().and_then(|()| device.introduce());
        written.map_err(|source| unusable(&config.node, device, source))?;
    }
    Ok(devices)
}

fn unusable(node: &str, device: &Device, source: std::io::Error) -> DeviceError {
    DeviceError::Loop {
        path: device.host_path.clone(),
        vendor: device.vendor.id.clone(),
        index: device.identity.index,
        node: node.to_owned(),
        source,
    }
}

fn whole(node: &str, entry: &DeviceConfig) -> Result<Device, DeviceError> {
    let unimitable = || DeviceError::Vendor(entry.vendor.clone());
    let vendor = Vendor::by_id(&entry.vendor).map_err(|_| unimitable())?;
    let lab = vendor.lab.as_ref().ok_or_else(unimitable)?;
    let size = LoopDevice::at(&entry.loop_device).and_then(|device| device.size());
    let memory = size.map_err(|source| DeviceError::Loop {
        path: entry.loop_device.clone(),
        vendor: entry.vendor.clone(),
        index: entry.index,
        node: node.to_owned(),
        source,
    })?;
    Ok(describe(node, entry, vendor, lab, memory))
}

/// Four devices to a NUMA node, as on a machine with two sockets and eight of them.
pub(crate) fn numa_node(index: u32) -> u32 {
    index / 4
}

/// Two devices to a PCIe root.
pub(crate) fn pcie_root(index: u32) -> String {
    format!("pci0000:{:02x}", index / 2 * 0x10)
}

/// What an entry of the configuration stands for, given the size the kernel reports.
pub(crate) fn describe(
    node: &str,
    entry: &DeviceConfig,
    vendor: &'static Vendor,
    lab: &'static Lab,
    memory: u64,
) -> Device {
    let kind = vendor
        .dra
        .as_ref()
        .and_then(|dra| dra.device_type.as_deref())
        .unwrap_or("device");
    Device {
        vendor,
        name: format!("{kind}-{}", entry.index),
        allocation: entry.allocation,
        path: lab.device_path(entry.index),
        host_path: entry.loop_device.clone(),
        numbers: (entry.major, entry.minor),
        backing: (entry.backing.clone(), 0),
        identity: Identity {
            uuid: identity::uuid(node, &entry.vendor, &entry.index.to_string()),
            model: lab.model.clone(),
            vendor: entry.vendor.clone(),
            index: entry.index,
            node: node.to_owned(),
            memory,
            pcie_root: pcie_root(entry.index),
            numa_node: numa_node(entry.index),
            parent: None,
            role: None,
        },
        parent: None,
        part: None,
        slices: 0,
        is_offered: true,
        capability: None,
        driver_version: lab.driver_version.clone(),
        mounts: Vec::new(),
        sharing: entry.sharing,
    }
}

/// Devices for unit tests: they name loop devices that need not exist.
#[cfg(test)]
pub(crate) mod fixture {
    use plimsoll_vendors::Division;

    use super::*;

    pub(crate) fn entry(vendor: &str, index: u32, allocation: Allocation) -> DeviceConfig {
        DeviceConfig {
            vendor: vendor.to_owned(),
            index,
            allocation,
            loop_device: format!("/dev/loop{}", 10 + index).into(),
            major: 7,
            minor: 10 + index,
            backing: format!("/var/lib/lab/{vendor}-{index}").into(),
            division: Division::default(),
            sharing: None,
        }
    }

    pub(crate) fn device(vendor: &str, index: u32) -> Device {
        let vendor = Vendor::by_id(vendor).unwrap();
        describe(
            "n1",
            &entry(&vendor.id, index, Allocation::Dra),
            vendor,
            vendor.lab.as_ref().unwrap(),
            64 << 20,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{fixture::device, *};

    #[test]
    fn a_device_has_its_vendors_path_and_name() {
        let nvidia = device("nvidia", 1);
        assert_eq!(
            (nvidia.name.as_str(), nvidia.path.as_str()),
            ("gpu-1", "/dev/nvidia1")
        );
        assert_eq!(nvidia.node().host_path, PathBuf::from("/dev/loop11"));
        assert_eq!(device("amd", 1).path, "/dev/dri/renderD129");
        assert_eq!(device("huawei-ascend", 0).name, "device-0");
    }

    #[test]
    fn a_loop_device_that_is_not_there_is_named() {
        let error = whole("n1", &fixture::entry("nvidia", 989, Allocation::Dra)).unwrap_err();
        assert!(error.to_string().contains("/dev/loop999"), "{error}");
    }
}
