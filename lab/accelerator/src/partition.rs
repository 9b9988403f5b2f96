//! Dividing a device, as MIG does: each part is a loop device of its own over a stretch of the same file, so
//! that what a part's holder can reach is decided by the kernel too.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::{
    device::{Device, Parent},
    identity::{self, Identity},
    kernel::LoopDevice,
};

/// Parts start behind the whole device's identity, on a boundary that direct reads need.
const FIRST: u64 = 1 << 20;

/// A device that cannot be divided.
#[derive(Debug, thiserror::Error)]
#[error("could not divide `{}` into {parts} parts", .device.display())]
pub struct PartitionError {
    /// The whole device.
    pub device: PathBuf,
    /// Into how many parts.
    pub parts: u32,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A stretch of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    offset: u64,
    length: u64,
}

/// The stretches of `parts` equal parts; `None` when a part would be too small to say who it is.
fn stretches(memory: u64, parts: u32) -> Option<Vec<Stretch>> {
    let length = memory.checked_sub(FIRST)?.checked_div(u64::from(parts))? / FIRST * FIRST;
    (length > 0).then(|| {
        (0..u64::from(parts))
            .map(|part| Stretch {
                offset: FIRST + part * length,
                length,
            })
            .collect()
    })
}

/// Brings up the parts of a whole device; loop devices that are there already are used again.
pub(crate) fn bring_up(whole: &Device, parts: u32) -> Result<Vec<Device>, PartitionError> {
    if parts == 0 {
        return Ok(Vec::new());
    }
    let failed = |source| PartitionError {
        device: whole.host_path.clone(),
        parts,
        source,
    };
    let stretches = stretches(whole.identity.memory, parts).ok_or_else(|| {
        failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the parts would be too small",
        ))
    })?;
    let attached = attached(&whole.backing.0).map_err(failed)?;
    let mut devices = Vec::new();
    for (part, stretch) in (0..).zip(stretches) {
        let existing = attached
            .iter()
            .find(|entry| (entry.offset, entry.length) == (stretch.offset, stretch.length));
        let path = match existing {
            Some(entry) => entry.name.clone(),
            None => attach(&whole.backing.0, stretch).map_err(failed)?,
        };
        let numbers = numbers(&path).map_err(failed)?;
        devices.push(describe(whole, part, stretch, path, numbers));
    }
    Ok(devices)
}

fn describe(whole: &Device, part: u32, stretch: Stretch, host_path: PathBuf, numbers: (u32, u32)) -> Device {
    let place = format!("{}/{part}", whole.identity.index);
    Device {
        name: format!("{}-part-{part}", whole.name),
        path: format!("{}p{part}", whole.path),
        host_path,
        numbers,
        backing: (whole.backing.0.clone(), stretch.offset),
        identity: Identity {
            uuid: identity::uuid(&whole.identity.node, &whole.identity.vendor, &place),
            memory: stretch.length,
            ..whole.identity.clone()
        },
        parent: Some(Parent {
            name: whole.name.clone(),
            uuid: whole.identity.uuid.clone(),
        }),
        partitions: 0,
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

    #[test]
    fn parts_lie_side_by_side_behind_the_header() {
        let parts = stretches(64 << 20, 3).unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(
            parts[0],
            Stretch {
                offset: 1 << 20,
                length: 21 << 20
            }
        );
        for pair in parts.windows(2) {
            assert_eq!(pair[0].offset + pair[0].length, pair[1].offset);
        }
        assert!(parts[2].offset + parts[2].length <= 64 << 20);
    }

    #[test]
    fn a_device_too_small_for_its_parts_is_not_divided() {
        assert_eq!(stretches(2 << 20, 2), None);
        assert_eq!(stretches(0, 1), None);
        assert_eq!(stretches(64 << 20, 0), None);
    }

    #[test]
    fn a_part_is_a_device_of_its_vendor_with_an_identity_of_its_own() {
        let whole = fixture::device("nvidia", 0);
        let stretch = Stretch {
            offset: FIRST,
            length: FIRST,
        };
        let part = describe(&whole, 1, stretch, "/dev/loop20".into(), (7, 20));
        assert_eq!(
            (part.name.as_str(), part.path.as_str()),
            ("gpu-0-part-1", "/dev/nvidia0p1")
        );
        assert!(part.vendor.matches_device(&part.path).is_some());
        assert_ne!(part.identity.uuid, whole.identity.uuid);
        assert_eq!(part.identity.memory, FIRST);
        assert_eq!(part.parent.unwrap().uuid, whole.identity.uuid);
    }
}
