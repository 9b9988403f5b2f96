//! Dividing a device, as partitions and virtual functions do: each part is a loop device of its own over a stretch of
//! the same file, so that what a part's holder can reach, and how large it is, is decided by the kernel too.
//!
//! A part may have a capability, as those of MIG devices have: another loop device, over a stretch that belongs to
//! nobody's memory, whose node a container needs as well.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use plimsoll_vendors::{Divided, DivisionError, Part, PartKind};
use serde::Deserialize;

use crate::{
    cdi::DeviceNode,
    device::{Device, Parent},
    faults::{Fault, Faults},
    identity::{self, Identity, Role},
    kernel::LoopDevice,
};

/// Parts start behind the whole device's identity, on a boundary that direct reads need.
const FIRST: u64 = 1 << 20;

/// Capabilities lie before that, so far apart, and are so long.
const CAPABILITY_EVERY: u64 = 64 << 10;
const CAPABILITY_LENGTH: u64 = 8 << 10;

/// Numbers of parts on a node go by device, so many for each.
const PARTS_PER_DEVICE: u32 = 16;

/// A device that cannot be divided.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// A part of it cannot be made.
    #[error("could not make part {ordinal} of `{}`", .device.display())]
    Part {
        /// The whole device.
        device: PathBuf,
        /// Which part.
        ordinal: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its vendor's devices are not divided like that.
    #[error(transparent)]
    Division(#[from] DivisionError),
}

/// A stretch of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    offset: u64,
    length: u64,
}

/// A node that opens a part without being it.
#[derive(Debug, Clone)]
pub(crate) struct Capability {
    /// Where a container finds it.
    pub(crate) path: String,
    /// The loop device on the host.
    pub(crate) host_path: PathBuf,
    /// The loop device's numbers.
    pub(crate) numbers: (u32, u32),
}

impl Capability {
    /// The node that a container is given.
    pub(crate) fn node(&self) -> DeviceNode {
        DeviceNode::block(&self.path, &self.host_path, self.numbers)
    }
}

/// Where a part lies; `None` when it would be too small to say who it is.
fn stretch(memory: u64, slices: u32, part: &Part) -> Option<Stretch> {
    let slice = memory.checked_sub(FIRST)?.checked_div(u64::from(slices))? / FIRST * FIRST;
    (slice > 0).then(|| Stretch {
        offset: FIRST + u64::from(part.slices.start) * slice,
        length: u64::from(part.slices.end - part.slices.start) * slice,
    })
}

/// Brings up the parts of a whole device; loop devices that are there already are used again.
pub(crate) fn bring_up(
    whole: &Device,
    divided: &Divided,
    faults: &Faults,
) -> Result<Vec<Device>, PartitionError> {
    if divided.parts.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |part: &Part, source| PartitionError::Part {
        device: whole.host_path.clone(),
        ordinal: part.ordinal,
        source,
    };
    let mut parts = divided.parts.clone();
    if faults.has(Fault::Overcommit) {
        parts.extend(surplus(divided));
    }
    // Parts that are too large lie as far apart, so that no one's identity is in another.
    let times = if faults.has(Fault::WrongProfile) { 2 } else { 1 };
    let place = |part: &Part| {
        let due = stretch(whole.identity.memory, divided.slices, part)?;
        Some(Stretch {
            offset: FIRST + (due.offset - FIRST) * times,
            length: due.length * times,
        })
    };
    let needed = parts.iter().filter_map(place);
    let end = needed
        .map(|stretch| stretch.offset + stretch.length)
        .max()
        .unwrap_or_default();
    if end > whole.identity.memory {
        // The whole device's size is what it was when it was attached.
        let file = std::fs::OpenOptions::new().write(true).open(&whole.backing.0);
        file.and_then(|file| file.set_len(end))
            .map_err(|source| failed(&parts[0], source))?;
    }
    let mut attached = attached(&whole.backing.0).map_err(|source| failed(&parts[0], source))?;
    let mut devices = Vec::new();
    for part in &parts {
        let too_small = || io::Error::new(io::ErrorKind::InvalidInput, "it would be too small");
        let stretch = place(part).ok_or_else(|| failed(part, too_small()))?;
        let (path, numbers) = find_or_attach(&mut attached, &whole.backing.0, stretch)
            .map_err(|source| failed(part, source))?;
        let capability = capability_path(whole, part)
            .map(|path| {
                let stretch = Stretch {
                    offset: CAPABILITY_EVERY * u64::from(part.ordinal + 1),
                    length: CAPABILITY_LENGTH,
                };
                let (host_path, numbers) = find_or_attach(&mut attached, &whole.backing.0, stretch)?;
                Ok(Capability {
                    path,
                    host_path,
                    numbers,
                })
            })
            .transpose()
            .map_err(|source| failed(part, source))?;
        devices.push(Device {
            capability,
            ..describe(whole, part, stretch, path, numbers)
        });
    }
    Ok(devices)
}

/// As many parts again, of memory that the device does not have.
fn surplus(divided: &Divided) -> Vec<Part> {
    let count = u32::try_from(divided.parts.len()).unwrap_or(u32::MAX);
    let beyond = |part: &Part| Part {
        ordinal: part.ordinal + count,
        kind: part.kind.clone(),
        slices: part.slices.start + divided.slices..part.slices.end + divided.slices,
    };
    divided.parts.iter().map(beyond).collect()
}

/// The number of a part on its node.
fn number(whole: &Device, part: &Part) -> u32 {
    whole.identity.index * PARTS_PER_DEVICE + part.ordinal
}

fn capability_path(whole: &Device, part: &Part) -> Option<String> {
    part.profile()?;
    let geometry = whole.vendor.partitions.as_ref()?.geometry.as_ref()?;
    let template = geometry.capability.as_deref()?;
    // The first capability is the one to manage partitions.
    Some(template.replace("{index}", &(number(whole, part) + 1).to_string()))
}

fn describe(
    whole: &Device,
    part: &Part,
    stretch: Stretch,
    host_path: PathBuf,
    numbers: (u32, u32),
) -> Device {
    let place = format!("{}/{}", whole.identity.index, part.name(""));
    let functions = whole.vendor.virtual_functions.as_ref();
    let path = match (&part.kind, functions.and_then(|functions| functions.lab.as_ref())) {
        (PartKind::Virtual, Some(lab)) => lab.device_path(number(whole, part)),
        (PartKind::Virtual, None) | (PartKind::Partition(_), _) => format!("{}p{}", whole.path, part.ordinal),
    };
    let role = match part.kind {
        PartKind::Partition(_) => Role::Partition,
        PartKind::Virtual => Role::Virtual,
    };
    Device {
        name: part.name(&whole.name),
        path,
        host_path,
        numbers,
        backing: (whole.backing.0.clone(), stretch.offset),
        identity: Identity {
            uuid: identity::uuid(&whole.identity.node, &whole.identity.vendor, &place),
            memory: stretch.length,
            parent: Some(whole.identity.uuid.clone()),
            role: Some(role),
            ..whole.identity.clone()
        },
        parent: Some(Parent {
            name: whole.name.clone(),
            uuid: whole.identity.uuid.clone(),
        }),
        part: Some(part.clone()),
        slices: whole.slices,
        is_offered: true,
        sharing: None,
        ..whole.clone()
    }
}

fn numbers(path: &Path) -> io::Result<(u32, u32)> {
    let device = rustix::fs::stat(path)?.st_rdev;
    Ok((rustix::fs::major(device), rustix::fs::minor(device)))
}

/// A loop device over a file, as `losetup` lists it.
#[derive(Debug, Deserialize)]
struct Attached {
    name: PathBuf,
    offset: u64,
    #[serde(rename = "sizelimit")]
    length: u64,
}

#[derive(Debug, Deserialize)]
struct Listing {
    loopdevices: Vec<Attached>,
}

/// The loop device over that stretch. One that is there is taken out of the list: two parts may lie alike.
fn find_or_attach(
    attached: &mut Vec<Attached>,
    file: &Path,
    stretch: Stretch,
) -> io::Result<(PathBuf, (u32, u32))> {
    let there = attached
        .iter()
        .position(|entry| (entry.offset, entry.length) == (stretch.offset, stretch.length));
    let path = match there {
        Some(at) => attached.remove(at).name,
        None => attach(file, stretch)?,
    };
    let numbers = numbers(&path)?;
    Ok((path, numbers))
}

fn attached(file: &Path) -> io::Result<Vec<Attached>> {
    let columns = "NAME,OFFSET,SIZELIMIT";
    let output = losetup(&[
        "--json".as_ref(),
        "--output".as_ref(),
        columns.as_ref(),
        "--associated".as_ref(),
        file,
    ])?;
    // Nothing at all is printed when nothing is attached.
    if output.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_str::<Listing>(&output)?.loopdevices)
}

fn attach(file: &Path, stretch: Stretch) -> io::Result<PathBuf> {
    let (offset, length) = (stretch.offset.to_string(), stretch.length.to_string());
    let arguments = ["--find", "--show", "--offset", &offset, "--sizelimit", &length].map(AsRef::as_ref);
    let output = losetup(&[&arguments[..], &[file]].concat())?;
    let path = PathBuf::from(output.trim());
    LoopDevice::at(&path)?;
    Ok(path)
}

fn losetup(arguments: &[&Path]) -> io::Result<String> {
    let output = Command::new("losetup").args(arguments).output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(io::Error::other(format!(
            "losetup: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    const GIB: u64 = 1 << 30;

    fn parts(vendor: &str, division: &str) -> (Device, Divided) {
        let whole = fixture::device(vendor, 1);
        let divided = whole.vendor.divide(&division.parse().unwrap()).unwrap();
        let memory = whole.vendor.lab.as_ref().unwrap().memory_bytes;
        let identity = Identity {
            memory,
            ..whole.identity.clone()
        };
        let slices = divided.slices;
        (
            Device {
                identity,
                slices,
                ..whole
            },
            divided,
        )
    }

    fn described(vendor: &str, division: &str) -> Vec<Device> {
        let (whole, divided) = parts(vendor, division);
        let describe = |part: &Part| {
            let stretch = stretch(whole.identity.memory, divided.slices, part).unwrap();
            describe(&whole, part, stretch, "/dev/loop20".into(), (7, 20))
        };
        divided.parts.iter().map(describe).collect()
    }

    #[test]
    fn parts_lie_side_by_side_behind_the_header_and_are_as_large_as_their_profile_says() {
        let (whole, divided) = parts("nvidia", "3g.40gb+2g.20gb+1g.10gb");
        let lie: Vec<Stretch> = divided
            .parts
            .iter()
            .map(|part| stretch(whole.identity.memory, divided.slices, part).unwrap())
            .collect();
        assert_eq!(lie[0].offset, FIRST);
        for pair in lie.windows(2) {
            assert_eq!(pair[0].offset + pair[0].length, pair[1].offset);
        }
        assert!(lie[2].offset + lie[2].length <= whole.identity.memory);
        for (part, lies) in divided.parts.iter().zip(&lie) {
            let due = plimsoll_vendors::memory_of_profile(part.profile().unwrap()).unwrap();
            assert!(due.contains(&lies.length), "{part:?}: {}", lies.length / GIB);
        }
    }

    #[test]
    fn a_device_too_small_for_its_parts_is_not_divided() {
        let (_, divided) = parts("nvidia", "1g.10gb");
        assert_eq!(stretch(8 << 20, 8, &divided.parts[0]), None);
        assert_eq!(stretch(0, 1, &divided.parts[0]), None);
        assert_eq!(stretch(64 << 20, 0, &divided.parts[0]), None);
    }

    #[test]
    fn a_part_is_a_device_of_its_vendor_with_an_identity_of_its_own() {
        let parts = described("nvidia", "1g.10gb+1g.10gb");
        let (whole, _) = self::parts("nvidia", "whole");
        assert_eq!(
            (parts[1].name.as_str(), parts[1].path.as_str()),
            ("gpu-1-1g-10gb-1", "/dev/nvidia1p1")
        );
        assert!(parts[1].vendor.matches_device(&parts[1].path).is_some());
        assert_ne!(parts[0].identity.uuid, parts[1].identity.uuid);
        assert_ne!(parts[0].identity.uuid, whole.identity.uuid);
        assert_eq!(
            parts[0].identity.parent.as_deref(),
            Some(whole.identity.uuid.as_str())
        );
        let capability = capability_path(&whole, parts[1].part.as_ref().unwrap());
        assert_eq!(capability.as_deref(), Some("/dev/nvidia-caps/nvidia-cap18"));
    }

    #[test]
    fn a_virtual_function_is_reached_by_its_group() {
        let parts = described("intel-gpu", "whole|vf4");
        assert_eq!(parts[2].path, "/dev/vfio/38");
        assert_eq!(parts[2].identity.role, Some(Role::Virtual));
        assert_eq!(capability_path(&parts[0], parts[0].part.as_ref().unwrap()), None);
    }

    #[test]
    fn parts_that_an_overcommitted_device_does_not_have_lie_behind_its_end() {
        let (whole, divided) = parts("nvidia", "3g.40gb+3g.40gb");
        let surplus = surplus(&divided);
        let lies = stretch(whole.identity.memory, divided.slices, &surplus[0]).unwrap();
        assert!(lies.offset + FIRST * 8 >= whole.identity.memory, "{lies:?}");
        assert_eq!(surplus[1].ordinal, 3);
    }
}
