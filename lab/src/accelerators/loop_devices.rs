//! Loop devices over sparse files of the node's folder: what accelerators are made of.
//!
//! They are found again by the file behind them (see [`crate::traces`]), so nothing about them is recorded.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use plimsoll_accelerator::DeviceConfig;
use plimsoll_vendors::Vendor;

use super::request::AcceleratorRequest;
use crate::files::{self, FileError};
use crate::tool::{self, ToolError};

/// What a device's file can hold; as it is sparse, only what is written takes room. A device that is divided is as large
/// as the real one, so that its parts are as large as their profiles say.
const CAPACITY: u64 = 64 << 20;

fn capacity(request: &AcceleratorRequest) -> u64 {
    let lab = Vendor::by_id(&request.vendor)
        .ok()
        .and_then(|vendor| vendor.lab.as_ref());
    match lab {
        Some(lab) if !request.division.is_whole() => lab.memory_bytes,
        Some(_) | None => CAPACITY,
    }
}

/// Why a loop device could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoopError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("could not make the file `{path}` of {bytes} bytes")]
    Backing {
        path: PathBuf,
        bytes: u64,
        source: io::Error,
    },
    #[error("could not attach a loop device")]
    Attach(#[from] ToolError),
    #[error("could not look at the loop device `{path}`")]
    Numbers { path: PathBuf, source: io::Error },
}

/// Makes the devices that `requests` ask for, with their files in `folder`.
pub(super) async fn create(
    folder: &Path,
    requests: &[AcceleratorRequest],
) -> Result<Vec<DeviceConfig>, LoopError> {
    files::create_folder(folder)?;
    let mut devices = Vec::new();
    for request in requests {
        for index in 0..u32::from(request.count) {
            devices.push(create_one(folder, request, index).await?);
        }
    }
    Ok(devices)
}

async fn create_one(
    folder: &Path,
    request: &AcceleratorRequest,
    index: u32,
) -> Result<DeviceConfig, LoopError> {
    let bytes = capacity(request);
    let backing = folder.join(format!("{}-{index}.img", request.vendor));
    File::create(&backing)
        .and_then(|file| file.set_len(bytes))
        .map_err(|source| LoopError::Backing {
            path: backing.clone(),
            bytes,
            source,
        })?;
    let attached = tool::run(
        "losetup",
        ["--find".as_ref(), "--show".as_ref(), backing.as_os_str()],
    )
    .await?;
    let loop_device = PathBuf::from(attached.trim());
    let (major, minor) = numbers(&loop_device)?;
    Ok(DeviceConfig {
        vendor: request.vendor.clone(),
        index,
        allocation: request.allocation,
        loop_device,
        major,
        minor,
        backing,
        division: request.division.clone(),
        sharing: request.sharing,
    })
}

fn numbers(device: &Path) -> Result<(u32, u32), LoopError> {
    let number = fs::metadata(device)
        .map_err(|source| LoopError::Numbers {
            path: device.to_owned(),
            source,
        })?
        .rdev();
    Ok((rustix::fs::major(number), rustix::fs::minor(number)))
}
