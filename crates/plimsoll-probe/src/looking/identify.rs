//! Finding out which device a node leads to.

use std::path::{Path, PathBuf};

use crate::host::Devices;
use crate::protocol::{DeviceNumber, DeviceRole, Identity, IdentitySource, NodeKind};

/// NVIDIA's registered major.
const NVIDIA_MAJOR: u32 = 195;
const NVIDIA_GPUS: &str = "/proc/driver/nvidia/gpus";

/// Where the kernel lists the devices that are handed to virtual machines together.
const IOMMU_GROUPS: &str = "/sys/kernel/iommu_groups";

/// The size of sectors in the kernel's entries, whatever the device's own is.
const SECTOR: u64 = 512;

/// Whether a device's content may be read to identify it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// It may.
    Readable,
    /// It is left alone: reading could wait for ever, or take something from another reader.
    Untouched,
}

/// What is known of the device behind a node: what it says itself, else what its driver says, else what the kernel does.
pub(super) fn identify(
    devices: &dyn Devices,
    path: &Path,
    number: DeviceNumber,
    content: Content,
) -> Option<Identity> {
    let sysfs = sysfs(devices, number);
    let own = match content {
        Content::Readable => devices
            .first_block(path)
            .ok()
            .and_then(|block| Identity::from_header(&block)),
        Content::Untouched => None,
    };
    let mut identity = match own
        .or_else(|| nvidia(devices, number))
        .or_else(|| vfio(devices, path))
    {
        Some(mut identity) => {
            if let Some(sysfs) = sysfs {
                identity.pci_address = identity.pci_address.or(sysfs.pci_address);
                identity.pcie_root = identity.pcie_root.or(sysfs.pcie_root);
                identity.numa_node = identity.numa_node.or(sysfs.numa_node);
                identity.sysfs = sysfs.sysfs;
                identity.enforced_bytes = sysfs.enforced_bytes;
                identity.parent = identity.parent.or(sysfs.parent);
                identity.role = identity.role.or(sysfs.role);
            }
            identity
        }
        None => sysfs?,
    };
    position(devices, &mut identity);
    Some(identity)
}

/// Where the bus has the device, if nothing else said so.
fn position(devices: &dyn Devices, identity: &mut Identity) {
    let Some(address) = &identity.pci_address else {
        return;
    };
    // The kernel writes addresses in lower case, with four digits for the domain.
    let address = address.to_lowercase();
    let entry = Path::new("/sys/bus/pci/devices").join(
        address
            .strip_prefix("0000")
            .filter(|rest| rest.len() == 12)
            .unwrap_or(&address),
    );
    if identity.pcie_root.is_none() {
        identity.pcie_root = devices.link(&entry).as_deref().and_then(pcie_root);
    }
    if identity.numa_node.is_none() {
        identity.numa_node = devices
            .text(&entry.join("numa_node"))
            .as_deref()
            .and_then(numa_node);
    }
}

/// The root complex in a path such as `../../../devices/pci0000:3a/0000:3a:01.0/0000:3b:00.0`.
fn pcie_root(path: &str) -> Option<String> {
    path.split('/')
        .find(|part| part.strip_prefix("pci").is_some_and(|rest| rest.contains(':')))
        .map(str::to_owned)
}

/// A machine without NUMA says -1, which is no node.
fn numa_node(text: &str) -> Option<i64> {
    text.trim().parse().ok().filter(|node| *node >= 0)
}

/// NVIDIA's driver lists its devices by PCI address, with the minor of each one's node.
fn nvidia(devices: &dyn Devices, number: DeviceNumber) -> Option<Identity> {
    if number.kind != NodeKind::Character || number.major != NVIDIA_MAJOR {
        return None;
    }
    devices
        .names(Path::new(NVIDIA_GPUS))
        .into_iter()
        .find_map(|address| {
            let text = devices.text(&Path::new(NVIDIA_GPUS).join(&address).join("information"))?;
            let field = |name: &str| {
                text.lines()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(key, _)| key.trim() == name)
                    .map(|(_, value)| value.trim().to_owned())
            };
            (field("Device Minor")?.parse() == Ok(number.minor)).then(|| Identity {
                uuid: field("GPU UUID"),
                model: field("Model"),
                vendor: Some("nvidia".to_owned()),
                index: Some(u64::from(number.minor)),
                pci_address: Some(address),
                ..Identity::unknown(IdentitySource::NvidiaProc)
            })
        })
}

/// A node of a group of devices, `/dev/vfio/12`, stands for the first of them.
fn vfio(devices: &dyn Devices, path: &Path) -> Option<Identity> {
    let group = path.to_str()?.strip_prefix("/dev/vfio/")?;
    group.parse::<u32>().ok()?;
    let mut members = devices.names(&Path::new(IOMMU_GROUPS).join(group).join("devices"));
    members.sort();
    let first = members.into_iter().next()?;
    let entry = Path::new(IOMMU_GROUPS).join(group).join("devices").join(&first);
    let (parent, role) = physical(devices, &entry);
    let is_address = is_pci_address(&first);
    Some(Identity {
        // A mediated device is called by its uuid.
        uuid: (!is_address).then(|| first.clone()),
        pci_address: is_address.then_some(first),
        parent,
        role,
        ..Identity::unknown(IdentitySource::Sysfs)
    })
}

/// The physical function of a device, as its kernel entry links to it.
fn physical(devices: &dyn Devices, device: &Path) -> (Option<String>, Option<DeviceRole>) {
    let target = devices.link(&device.join("physfn"));
    let address = target.and_then(|target| {
        let last = target.rsplit('/').next()?;
        is_pci_address(last).then(|| last.to_owned())
    });
    let role = address.as_ref().map(|_| DeviceRole::Virtual);
    (address, role)
}

/// The kernel's own entry for the number.
fn sysfs(devices: &dyn Devices, number: DeviceNumber) -> Option<Identity> {
    let kind = match number.kind {
        NodeKind::Block => "block",
        NodeKind::Character => "char",
    };
    let entry = PathBuf::from(format!("/sys/dev/{kind}/{}:{}", number.major, number.minor));
    let target = devices.link(&entry)?;
    let device = entry.join("device");
    let fact = |name: &str| {
        let text = devices.text(&device.join(name))?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let enforced_bytes = match number.kind {
        NodeKind::Block => devices
            .text(&entry.join("size"))
            .and_then(|text| text.trim().parse::<u64>().ok())
            .and_then(|sectors| sectors.checked_mul(SECTOR)),
        NodeKind::Character => None,
    };
    let (parent, role) = physical(devices, &device);
    Some(Identity {
        enforced_bytes,
        parent,
        role,
        uuid: fact("unique_id"),
        model: fact("product_name").or_else(|| fact("model")),
        vendor: fact("vendor"),
        pcie_root: pcie_root(&target),
        numa_node: devices
            .text(&device.join("numa_node"))
            .as_deref()
            .and_then(numa_node),
        pci_address: target
            .rsplit('/')
            .find(|part| is_pci_address(part))
            .map(str::to_owned),
        sysfs: Some(target),
        ..Identity::unknown(IdentitySource::Sysfs)
    })
}

/// `0000:3b:00.0`: domain, bus, device, function.
fn is_pci_address(text: &str) -> bool {
    let hex = |part: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut parts = text.split(':');
    let (Some(domain), Some(bus), Some(rest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some((device, function)) = rest.split_once('.') else {
        return false;
    };
    hex(domain, 4..=8) && hex(bus, 2..=2) && hex(device, 2..=2) && hex(function, 1..=1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::looking::fake::FakeDevices;

    fn number(text: &str) -> DeviceNumber {
        text.parse().unwrap()
    }

    #[test]
    fn a_device_speaks_for_itself_first() {
        let own = Identity {
            uuid: Some("GPU-1".to_owned()),
            ..Identity::unknown(IdentitySource::Header)
        };
        let devices = FakeDevices::default()
            .content("b:7:3", &own.to_header().unwrap())
            .node("/dev/nvidia0", "b:7:3")
            .allow("b:7:3")
            .linked("/sys/dev/block/7:3", "../../devices/virtual/block/loop3");
        let path = Path::new("/dev/nvidia0");
        let identity = identify(&devices, path, number("b:7:3"), Content::Readable).unwrap();
        assert_eq!(identity.uuid.as_deref(), Some("GPU-1"));
        assert_eq!(
            identity.sysfs.as_deref(),
            Some("../../devices/virtual/block/loop3")
        );

        let untouched = identify(&devices, path, number("b:7:3"), Content::Untouched).unwrap();
        assert_eq!((untouched.source, untouched.uuid), (IdentitySource::Sysfs, None));
    }

    #[test]
    fn nvidias_driver_knows_its_devices_by_minor() {
        let information = |minor: u32, uuid: &str| {
            format!(
                "Model: \t\t NVIDIA H100\nGPU UUID: \t {uuid}\nBus Location: \t 0000:0a:00.0\nDevice Minor: \t {minor}\n"
            )
        };
        let devices = FakeDevices::default()
            .text_file(
                "/proc/driver/nvidia/gpus/0000:0a:00.0/information",
                &information(0, "GPU-a"),
            )
            .text_file(
                "/proc/driver/nvidia/gpus/0000:0b:00.0/information",
                &information(1, "GPU-b"),
            );
        let path = Path::new("/dev/nvidia1");
        let identity = identify(&devices, path, number("c:195:1"), Content::Untouched).unwrap();
        assert_eq!(identity.uuid.as_deref(), Some("GPU-b"));
        assert_eq!(identity.pci_address.as_deref(), Some("0000:0b:00.0"));
        assert_eq!(
            identify(&devices, path, number("c:195:255"), Content::Untouched),
            None,
            "the control node"
        );
    }

    #[test]
    fn the_kernel_knows_the_pci_address_and_the_unique_id() {
        let devices = FakeDevices::default()
            .linked(
                "/sys/dev/char/226:128",
                "../../devices/pci0000:00/0000:00:03.0/0000:03:00.0/drm/renderD128",
            )
            .text_file("/sys/dev/char/226:128/device/unique_id", "7f3a\n");
        let identity = identify(
            &devices,
            Path::new("/dev/dri/renderD128"),
            number("c:226:128"),
            Content::Untouched,
        )
        .unwrap();
        assert_eq!(identity.pci_address.as_deref(), Some("0000:03:00.0"));
        assert_eq!(identity.uuid.as_deref(), Some("7f3a"));
    }

    #[test]
    fn a_device_is_where_the_bus_has_it() {
        let devices = FakeDevices::default()
            .linked(
                "/sys/dev/char/226:128",
                "../../devices/pci0000:80/0000:80:03.0/0000:83:00.0/drm/renderD128",
            )
            .text_file("/sys/dev/char/226:128/device/numa_node", "1\n");
        let path = Path::new("/dev/dri/renderD128");
        let identity = identify(&devices, path, number("c:226:128"), Content::Untouched).unwrap();
        assert_eq!(identity.pcie_root.as_deref(), Some("pci0000:80"));
        assert_eq!(identity.numa_node, Some(1));

        let information = "GPU UUID: \t GPU-a\nDevice Minor: \t 0\n";
        let devices = FakeDevices::default()
            .text_file("/proc/driver/nvidia/gpus/0000:3b:00.0/information", information)
            .linked(
                "/sys/bus/pci/devices/0000:3b:00.0",
                "../../../devices/pci0000:3a/0000:3a:01.0/0000:3b:00.0",
            )
            .text_file("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "-1\n");
        let path = Path::new("/dev/nvidia0");
        let identity = identify(&devices, path, number("c:195:0"), Content::Untouched).unwrap();
        assert_eq!(identity.pcie_root.as_deref(), Some("pci0000:3a"));
        assert_eq!(identity.numa_node, None, "a machine without NUMA");
    }

    #[test]
    fn the_kernel_says_how_large_a_block_device_is() {
        let devices = FakeDevices::default()
            .linked("/sys/dev/block/7:3", "../../devices/virtual/block/loop3")
            .text_file("/sys/dev/block/7:3/size", "2048\n");
        let identity = identify(&devices, Path::new("/dev/x"), number("b:7:3"), Content::Untouched).unwrap();
        assert_eq!(identity.enforced_bytes, Some(1 << 20));
    }

    #[test]
    fn a_virtual_function_leads_to_its_physical_one() {
        let node = "/sys/dev/char/226:129";
        let devices = FakeDevices::default()
            .linked(node, "../../devices/pci0000:00/0000:03:00.1/drm/renderD129")
            .linked("/sys/dev/char/226:129/device/physfn", "../0000:03:00.0");
        let path = Path::new("/dev/dri/renderD129");
        let identity = identify(&devices, path, number("c:226:129"), Content::Untouched).unwrap();
        assert_eq!(identity.parent.as_deref(), Some("0000:03:00.0"));
        assert_eq!(identity.role, Some(DeviceRole::Virtual));
    }

    #[test]
    fn a_vfio_node_stands_for_what_is_in_its_group() {
        let folder = "/sys/kernel/iommu_groups/12/devices";
        let devices = FakeDevices::default()
            .text_file(&format!("{folder}/0000:03:00.2"), "")
            .linked(&format!("{folder}/0000:03:00.2/physfn"), "../0000:03:00.0");
        let path = Path::new("/dev/vfio/12");
        let identity = identify(&devices, path, number("c:240:0"), Content::Untouched).unwrap();
        assert_eq!(identity.pci_address.as_deref(), Some("0000:03:00.2"));
        assert_eq!(identity.parent.as_deref(), Some("0000:03:00.0"));
        assert_eq!(
            identify(
                &devices,
                Path::new("/dev/vfio/vfio"),
                number("c:10:196"),
                Content::Untouched
            ),
            None
        );
    }

    #[test]
    fn pci_addresses_are_told_from_other_names() {
        assert!(is_pci_address("0000:3b:00.0"));
        assert!(is_pci_address("00000000:3B:00.0"));
        for other in [
            "pci0000:00",
            "0000:3b:00",
            "drm",
            "7:3",
            "0000:3b:00.10",
            "0000:3b:00.0:1",
        ] {
            assert!(!is_pci_address(other), "{other}");
        }
    }
}
