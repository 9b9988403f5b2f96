//! What the installation of vendors' drivers has left on a node.
//!
//! Nobody can add to the kernel's own files, so the version that a loaded driver would tell stands in a file of the
//! node's, which is mounted into containers beside their device. That file is the truth: the DRA driver and the
//! labeller read it, too, so that what they state can really be stale.

use std::{
    io,
    path::{Path, PathBuf},
};

use plimsoll_vendors::{Lab, Vendor};

use crate::{
    cdi::Mount,
    config::NodeConfig,
    faults::{Fault, Faults},
};

/// One node's installed drivers.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    root: PathBuf,
    faults: Faults,
    is_first_node: bool,
}

/// A driver that can't be installed.
#[derive(Debug, thiserror::Error)]
#[error("could not install the driver of `{vendor}` below `{root}`")]
pub struct InstallError {
    /// Whose.
    pub vendor: String,
    /// Where.
    pub root: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Installation {
    pub(crate) fn of(config: &NodeConfig) -> Self {
        Self::beside(&config.cdi_dir, &config.node, &config.defects)
    }

    /// That of a node with CDI specifications in `cdi_dir`.
    pub(crate) fn beside(cdi_dir: &Path, node: &str, defects: &[String]) -> Self {
        Self::below(cdi_dir.parent().unwrap_or(cdi_dir), node, defects)
    }

    fn below(folder: &Path, node: &str, defects: &[String]) -> Self {
        Self {
            root: folder.join("drivers"),
            faults: Faults::of(defects),
            is_first_node: is_first(node),
        }
    }

    /// Whether a defect of later nodes does not show here.
    pub(crate) fn is_first_node(&self) -> bool {
        self.is_first_node
    }

    /// Installs a vendor's driver, unless it is installed already.
    pub(crate) fn install(&self, vendor: &Vendor, lab: &Lab) -> Result<(), InstallError> {
        let write = || {
            std::fs::create_dir_all(self.folder(&vendor.id))?;
            let version = self.version_file(&vendor.id);
            if !version.exists() {
                std::fs::write(version, format!("{}\n", lab.driver_version))?;
            }
            std::fs::write(self.library(&vendor.id), "")
        };
        write().map_err(|source| InstallError {
            vendor: vendor.id.clone(),
            root: self.root.clone(),
            source,
        })
    }

    /// The version of a vendor's driver as it is now.
    pub(crate) fn version(&self, vendor: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.version_file(vendor)).ok()?;
        Some(text.trim().to_owned()).filter(|version| !version.is_empty())
    }

    /// What comes into a container beside a vendor's device.
    pub(crate) fn mounts(&self, vendor: &Vendor) -> Vec<Mount> {
        let mut mounts = Vec::new();
        if !self.faults.has(Fault::Premarked) {
            mounts.push(Mount::read_only(
                self.version_file(&vendor.id),
                Lab::version_file(&vendor.id),
            ));
        }
        let unconfigured = self.faults.has(Fault::RuntimeUnconfigured)
            || (self.faults.has(Fault::SecondNode) && !self.is_first_node);
        mounts.extend(self.library_mount(vendor).filter(|_| !unconfigured));
        mounts
    }

    /// The vendor's library, as it comes into a container.
    pub(crate) fn library_mount(&self, vendor: &Vendor) -> Option<Mount> {
        let library = vendor.driver.as_ref()?.runtime_file()?;
        Some(Mount::read_only(self.library(&vendor.id), library))
    }

    fn folder(&self, vendor: &str) -> PathBuf {
        self.root.join(vendor)
    }

    fn version_file(&self, vendor: &str) -> PathBuf {
        self.folder(vendor).join("driver-version")
    }

    fn library(&self, vendor: &str) -> PathBuf {
        self.folder(vendor).join("library")
    }
}

/// Nodes are numbered from 1 in their names.
fn is_first(node: &str) -> bool {
    let digits = node.rsplit(|character: char| !character.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse::<u32>().ok())
        .is_none_or(|number| number <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nvidia() -> &'static Vendor {
        Vendor::by_id("nvidia").unwrap()
    }

    fn targets(node: &str, defects: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let defects: Vec<String> = defects.iter().map(|id| (*id).to_owned()).collect();
        let installation = Installation::below(folder.path(), node, &defects);
        installation
            .install(nvidia(), nvidia().lab.as_ref().unwrap())
            .unwrap();
        installation
            .mounts(nvidia())
            .into_iter()
            .map(|mount| mount.container_path)
            .collect()
    }

    const VERSION: &str = "/run/plimsoll-lab/nvidia/driver-version";
    const LIBRARY: &str = "/usr/lib64/libnvidia-ml.so.1";

    #[test]
    fn version_and_library_come_with_a_device() {
        assert_eq!(targets("node-1", &[]), [VERSION, LIBRARY]);
        assert_eq!(targets("node-2", &[]), [VERSION, LIBRARY]);
    }

    #[test]
    fn each_can_be_missing_as_a_defect_says() {
        assert_eq!(targets("node-1", &["drv.premarked"]), [LIBRARY]);
        assert_eq!(targets("node-1", &["drv.runtime-unconfigured"]), [VERSION]);
        assert_eq!(targets("node-1", &["drv.second-node"]), [VERSION, LIBRARY]);
        assert_eq!(targets("node-2", &["drv.second-node"]), [VERSION]);
    }

    #[test]
    fn an_upgraded_driver_is_not_installed_over() {
        let folder = tempfile::tempdir().unwrap();
        let installation = Installation::below(folder.path(), "node-1", &[]);
        let lab = nvidia().lab.as_ref().unwrap();
        assert_eq!(installation.version("nvidia"), None);
        installation.install(nvidia(), lab).unwrap();
        assert_eq!(installation.version("nvidia").as_ref(), Some(&lab.driver_version));
        std::fs::write(installation.version_file("nvidia"), "590.1.2\n").unwrap();
        installation.install(nvidia(), lab).unwrap();
        assert_eq!(installation.version("nvidia").as_deref(), Some("590.1.2"));
    }
}
