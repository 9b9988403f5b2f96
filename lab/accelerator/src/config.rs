//! What one node's accelerator process is told.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use plimsoll_defects::{Allocation, Defect, UnknownDefect};
use plimsoll_vendors::{Division, DivisionError, UnknownVendor, Vendor};
use serde::{Deserialize, Serialize};

/// The configuration of a node's accelerators; a JSON file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The node's name.
    pub node: String,
    /// How to reach the API server.
    pub kubeconfig: PathBuf,
    /// The kubelet's root folder; sockets of plugins live below it.
    pub kubelet_root: PathBuf,
    /// Where the node's container runtime looks for CDI specifications.
    pub cdi_dir: PathBuf,
    /// Where to serve metrics, each vendor's at its usual port; none are served without it.
    #[serde(default)]
    pub exporter_address: Option<IpAddr>,
    /// The node's accelerators.
    pub devices: Vec<DeviceConfig>,
    /// Ids of seeded defects. Those of other components are none of this process's business.
    #[serde(default)]
    pub defects: Vec<String>,
}

/// One accelerator of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// A vendor profile's id.
    pub vendor: String,
    /// The device's number among that vendor's on this node.
    pub index: u32,
    /// How pods come by it.
    pub allocation: Allocation,
    /// The loop device's path on the host.
    #[serde(rename = "loop")]
    pub loop_device: PathBuf,
    /// The loop device's major number.
    pub major: u32,
    /// The loop device's minor number.
    pub minor: u32,
    /// The file behind the loop device.
    pub backing: PathBuf,
    /// How it is divided, if it is.
    #[serde(default)]
    pub division: Division,
    /// How its plugin shares it among pods; not at all without.
    #[serde(default)]
    pub sharing: Option<Sharing>,
}

/// Time-slicing of a device plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// How many pods can have the device at a time.
    pub replicas: u32,
    /// Whether shares go by a resource name of their own, `….shared`.
    #[serde(default)]
    pub renamed: bool,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("could not read the accelerators' configuration `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no such configuration.
    #[error("`{path}` is no accelerators' configuration")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A device names a vendor that has no profile.
    #[error("device {index} of node `{node}`")]
    Vendor {
        /// The node.
        node: String,
        /// The device's place in the list.
        index: usize,
        /// The name, and what it could have been.
        #[source]
        source: UnknownVendor,
    },
    /// A vendor that the lab cannot imitate, or not in that way.
    #[error("device {index} of node `{node}`: vendor `{vendor}` {lacks}")]
    Unsupported {
        /// The node.
        node: String,
        /// The device's place in the list.
        index: usize,
        /// The vendor.
        vendor: String,
        /// What its profile does not have.
        lacks: &'static str,
    },
    /// A vendor whose devices are not divided like that.
    #[error("device {index} of node `{node}`")]
    Division {
        /// The node.
        node: String,
        /// The device's place in the list.
        index: usize,
        /// Why.
        #[source]
        source: DivisionError,
    },
    /// Two entries are the same device.
    #[error("node `{node}` lists device {index} of vendor `{vendor}` twice")]
    Twice {
        /// The node.
        node: String,
        /// The device's number.
        index: u32,
        /// The vendor.
        vendor: String,
    },
    /// A defect that does not exist.
    #[error(transparent)]
    Defect(#[from] UnknownDefect),
}

impl NodeConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = serde_json::from_slice(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source,
        })?;
        config.check()?;
        Ok(config)
    }

    /// Whether every name in it means something.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        for defect in &self.defects {
            Defect::by_id(defect)?;
        }
        for (index, device) in self.devices.iter().enumerate() {
            let node = || self.node.clone();
            let vendor = Vendor::by_id(&device.vendor).map_err(|source| ConfigError::Vendor {
                node: node(),
                index,
                source,
            })?;
            let lacks = match device.allocation {
                _ if vendor.lab.is_none() => Some("cannot be imitated by the lab"),
                Allocation::Dra if vendor.dra.is_none() => Some("has no DRA driver"),
                Allocation::Plugin if vendor.resource().is_none() => Some("has no extended resource"),
                Allocation::Dra | Allocation::Plugin => None,
            };
            if let Some(lacks) = lacks {
                let vendor = device.vendor.clone();
                return Err(ConfigError::Unsupported {
                    node: node(),
                    index,
                    vendor,
                    lacks,
                });
            }
            vendor
                .divide(&device.division)
                .map_err(|source| ConfigError::Division {
                    node: node(),
                    index,
                    source,
                })?;
            let same = |other: &&DeviceConfig| other.vendor == device.vendor && other.index == device.index;
            if self.devices.iter().filter(same).count() > 1 {
                return Err(ConfigError::Twice {
                    node: node(),
                    index: device.index,
                    vendor: device.vendor.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(devices: &str, defects: &str) -> Result<NodeConfig, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{"node":"n1","kubeconfig":"/k","kubelet_root":"/r","cdi_dir":"/c","exporter_address":"127.0.0.1",
                "devices":[{devices}],"defects":[{defects}]}}"#
        ))
    }

    fn device(vendor: &str, index: u32, allocation: &str) -> String {
        format!(
            r#"{{"vendor":"{vendor}","index":{index},"allocation":"{allocation}","loop":"/dev/loop7","major":7,"minor":7,
                "backing":"/b"}}"#
        )
    }

    #[test]
    fn a_node_may_have_devices_of_several_kinds() {
        let devices = [
            device("nvidia", 0, "dra"),
            device("nvidia", 1, "dra"),
            device("amd", 0, "plugin"),
        ];
        config(&devices.join(","), r#""dra.api-only""#)
            .unwrap()
            .check()
            .unwrap();
        config("", "").unwrap().check().unwrap();
    }

    #[test]
    fn what_means_nothing_is_refused_by_name() {
        let error = config(&device("nvdia", 0, "dra"), "")
            .unwrap()
            .check()
            .unwrap_err();
        assert!(
            matches!(error, ConfigError::Vendor { ref source, .. } if source.nearest == Some("nvidia")),
            "{error}"
        );
        let error = config("", r#""dra.apionly""#).unwrap().check().unwrap_err();
        assert!(error.to_string().contains("dra.api-only"), "{error}");
        let error = config(&device("huawei-ascend", 0, "dra"), "")
            .unwrap()
            .check()
            .unwrap_err();
        assert!(error.to_string().contains("has no DRA driver"), "{error}");
        let error = config(&device("example", 0, "dra"), "")
            .unwrap()
            .check()
            .unwrap_err();
        assert!(error.to_string().contains("cannot be imitated"), "{error}");
        let twice = [device("amd", 0, "plugin"), device("amd", 0, "dra")].join(",");
        assert!(matches!(
            config(&twice, "").unwrap().check().unwrap_err(),
            ConfigError::Twice { .. }
        ));
        assert!(config(&device("amd", 0, "both"), "").is_err());
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let error = NodeConfig::read(Path::new("/does/not/exist")).unwrap_err();
        assert!(error.to_string().contains("/does/not/exist"), "{error}");
    }
}
