//! Specifications of the Container Device Interface: what a runtime puts into a container that names a device.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The oldest version of the interface that knows `hostPath` and dots in vendor names.
const VERSION: &str = "0.6.0";

/// One device node of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceNode {
    /// Where the container finds it.
    pub(crate) path: String,
    /// Where it is on the host.
    pub(crate) host_path: PathBuf,
    /// `b` for block devices.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Major number.
    pub(crate) major: u32,
    /// Minor number.
    pub(crate) minor: u32,
    /// Who may open it, as far as files go; users in containers are rarely root.
    pub(crate) file_mode: u32,
    /// What the device cgroup lets the container do.
    pub(crate) permissions: String,
}

/// A file of the host in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount {
    /// Where it is on the host.
    pub(crate) host_path: PathBuf,
    /// Where the container finds it.
    pub(crate) container_path: String,
    /// How it is mounted.
    pub(crate) options: Vec<String>,
}

impl Mount {
    /// A file that can only be read.
    pub(crate) fn read_only(host_path: PathBuf, container_path: String) -> Self {
        Self {
            host_path,
            container_path,
            options: ["ro", "nosuid", "nodev", "bind"].map(str::to_owned).to_vec(),
        }
    }
}

impl DeviceNode {
    /// The node of a block device that may be read and written.
    pub(crate) fn block(path: &str, host_path: &Path, (major, minor): (u32, u32)) -> Self {
        Self {
            path: path.to_owned(),
            host_path: host_path.to_owned(),
            kind: "b".to_owned(),
            major,
            minor,
            file_mode: 0o666,
            permissions: "rw".to_owned(),
        }
    }
}

/// What a device of a specification brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerEdits {
    /// Nodes under the container's `/dev`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) device_nodes: Vec<DeviceNode>,
    /// Files of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mounts: Vec<Mount>,
}

/// A named device of a specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CdiDevice {
    /// Unique within its kind.
    pub(crate) name: String,
    /// What it brings.
    pub(crate) container_edits: ContainerEdits,
}

/// A file of devices of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Specification {
    cdi_version: String,
    kind: String,
    devices: Vec<CdiDevice>,
}

impl Specification {
    /// A specification of devices of `kind`, such as `k8s.gpu.nvidia.com/claim`.
    pub(crate) fn new(kind: &str, devices: Vec<CdiDevice>) -> Self {
        Self {
            cdi_version: VERSION.to_owned(),
            kind: kind.to_owned(),
            devices,
        }
    }

    /// Writes it so that a runtime that looks at any moment sees all of it or nothing.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> Result<(), CdiError> {
        let path = file(folder, name);
        let write = || {
            std::fs::create_dir_all(folder)?;
            // Runtimes read `.json` and `.yaml` only, so they never see this one.
            let unfinished = path.with_extension("unfinished");
            std::fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
            std::fs::rename(&unfinished, &path)
        };
        write().map_err(|source| CdiError {
            path: path.clone(),
            source,
        })
    }
}

/// Removes a specification; that there is none is fine.
pub(crate) fn remove(folder: &Path, name: &str) -> Result<(), CdiError> {
    let path = file(folder, name);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(CdiError { path, source }),
        _ => Ok(()),
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// A specification that could not be written or removed.
#[derive(Debug, thiserror::Error)]
#[error("could not change the CDI specification `{path}`")]
pub struct CdiError {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn specification() -> Specification {
        let node = DeviceNode {
            path: "/dev/nvidia0".into(),
            host_path: "/dev/loop7".into(),
            kind: "b".into(),
            major: 7,
            minor: 7,
            file_mode: 0o666,
            permissions: "rw".into(),
        };
        let edits = ContainerEdits {
            device_nodes: vec![node],
            mounts: Vec::new(),
        };
        Specification::new(
            "k8s.gpu.nvidia.com/claim",
            vec![CdiDevice {
                name: "u-gpu-0".into(),
                container_edits: edits,
            }],
        )
    }

    #[test]
    fn a_specification_has_the_interfaces_field_names() {
        let expected = json!({
            "cdiVersion": "0.6.0",
            "kind": "k8s.gpu.nvidia.com/claim",
            "devices": [{"name": "u-gpu-0", "containerEdits": {"deviceNodes": [
                {"path": "/dev/nvidia0", "hostPath": "/dev/loop7", "type": "b", "major": 7, "minor": 7, "fileMode": 438, "permissions": "rw"}
            ]}}]
        });
        assert_eq!(serde_json::to_value(specification()).unwrap(), expected);
    }

    #[test]
    fn writing_twice_leaves_one_file_and_removing_twice_none() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("cdi");
        specification().write(&folder, "claim-u").unwrap();
        specification().write(&folder, "claim-u").unwrap();
        let names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["claim-u.json"]);
        remove(&folder, "claim-u").unwrap();
        remove(&folder, "claim-u").unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = specification()
            .write(Path::new("/proc/nowhere"), "x")
            .unwrap_err();
        assert!(error.to_string().contains("/proc/nowhere/x.json"), "{error}");
    }
}
