//! The ground a keeper prepares inside its fresh namespaces, before it starts anything.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, MountPropagationFlags};

use super::protocol::{KeeperConfig, PrivateMount};

/// Why a keeper could not prepare its ground.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroundError {
    #[error("could not mount `{target}`")]
    Mount { target: PathBuf, source: io::Error },
    #[error("could not set the host name to `{name}`")]
    HostName { name: String, source: io::Error },
    #[error("could not write `{value}` to `{path}`")]
    Sysctl {
        path: PathBuf,
        value: String,
        source: io::Error,
    },
    #[error("could not bring up the loopback link: {reason}")]
    Loopback { reason: String },
}

/// Mounts, host name, loopback and kernel settings as configured.
pub(crate) fn prepare(config: &KeeperConfig) -> Result<(), GroundError> {
    // A mount namespace starts private; the kubelet needs its own mounts to be shared among its containers.
    change(
        Path::new("/"),
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    mount_proc()?;
    for mount in &config.mounts {
        apply(mount)?;
    }
    change(
        Path::new("/"),
        MountPropagationFlags::SHARED | MountPropagationFlags::REC,
    )?;
    if let Some(name) = &config.host_name {
        rustix::system::sethostname(name.as_bytes()).map_err(|error| GroundError::HostName {
            name: name.clone(),
            source: error.into(),
        })?;
    }
    if config.own_network {
        loopback()?;
    }
    for (path, value) in &config.sysctls {
        fs::write(path, value).map_err(|source| GroundError::Sysctl {
            path: path.clone(),
            value: value.clone(),
            source,
        })?;
    }
    Ok(())
}

fn change(target: &Path, flags: MountPropagationFlags) -> Result<(), GroundError> {
    rustix::mount::mount_change(target, flags).map_err(|error| failed(target, error.into()))
}

/// The PID namespace needs its own view of processes.
fn mount_proc() -> Result<(), GroundError> {
    let target = Path::new("/proc");
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", target, "proc", flags, None).map_err(|error| failed(target, error.into()))
}

fn apply(mount: &PrivateMount) -> Result<(), GroundError> {
    match mount {
        PrivateMount::Bind { source, target } => {
            rustix::mount::mount_bind(source, target).map_err(|error| failed(target, error.into()))
        }
        PrivateMount::Empty { target } => {
            let mode = CString::from(c"mode=0755");
            rustix::mount::mount(
                "plimsoll-lab",
                target,
                "tmpfs",
                MountFlags::NOSUID,
                mode.as_c_str(),
            )
            .map_err(|error| failed(target, error.into()))
        }
    }
}

fn failed(target: &Path, source: io::Error) -> GroundError {
    GroundError::Mount {
        target: target.to_owned(),
        source,
    }
}

fn loopback() -> Result<(), GroundError> {
    let output = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .output()
        .map_err(|error| GroundError::Loopback {
            reason: error.to_string(),
        })?;
    if output.status.success() {
        Ok(())
    } else {
        Err(GroundError::Loopback {
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
