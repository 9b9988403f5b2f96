//! Where a lab keeps its things: one folder for all of it, so that removing the folder removes the lab's files.

use std::path::{Path, PathBuf};

use crate::name::LabName;

/// The folder that holds all labs of this machine.
#[derive(Clone, Debug)]
pub(crate) struct LabsRoot(PathBuf);

/// Why a folder cannot hold labs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RootError {
    #[error("`{0}` cannot hold labs: the path must be absolute")]
    Relative(PathBuf),
    #[error("`{0}` cannot hold labs: nodes see folders of their own at /run and /var/log")]
    Hidden(PathBuf),
    #[error("`{0}` cannot hold labs: with more than {max} characters the paths of sockets get too long", max = LabsRoot::MAX)]
    TooLong(PathBuf),
}

impl LabsRoot {
    /// Unix socket paths end at 107 bytes, and the longest of a lab with a long name takes 85 below this.
    const MAX: usize = 22;

    /// The folder named by `PLIMSOLL_LAB_STATE`, or `/var/lib/plimsoll-lab`.
    pub(crate) fn new(path: PathBuf) -> Result<Self, RootError> {
        if !path.is_absolute() {
            return Err(RootError::Relative(path));
        }
        if ["/run", "/var/run", "/var/log", "/proc"]
            .iter()
            .any(|hidden| path.starts_with(hidden))
        {
            return Err(RootError::Hidden(path));
        }
        if path.as_os_str().len() > Self::MAX {
            return Err(RootError::TooLong(path));
        }
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// One lab's folder.
    pub(crate) fn lab(&self, name: &LabName) -> LabFolder {
        LabFolder(self.0.join(name.as_str()))
    }

    /// Held while slots are given out.
    pub(crate) fn slots_lock(&self) -> PathBuf {
        self.0.join(".slots.lock")
    }

    /// What of the machine was changed, to be put back.
    pub(crate) fn machine(&self) -> PathBuf {
        self.0.join(".machine.json")
    }

    /// Held while a lab is changed; outside its folder, which `down` removes.
    pub(crate) fn lab_lock(&self, name: &LabName) -> PathBuf {
        self.0.join(format!(".{name}.lock"))
    }
}

/// One lab's folder.
#[derive(Clone, Debug)]
pub(crate) struct LabFolder(PathBuf);

impl LabFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("lab.json")
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    /// The control plane's configuration, data and logs.
    pub(crate) fn control_plane(&self) -> PathBuf {
        self.0.join("control-plane")
    }

    /// A node's configuration, data and logs.
    pub(crate) fn node(&self, node: &str) -> PathBuf {
        self.0.join("nodes").join(node)
    }
}

/// The socket of the keeper whose things lie in `folder`.
pub(crate) fn keeper_socket(folder: &Path) -> PathBuf {
    folder.join("keeper.sock")
}

/// The log of a process of the keeper whose things lie in `folder`.
pub(crate) fn log(folder: &Path, process: &str) -> PathBuf {
    folder.join("logs").join(format!("{process}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_nodes_could_not_see_are_refused() {
        for path in ["/run/labs", "/var/run/labs", "/var/log/labs"] {
            assert_eq!(
                LabsRoot::new(path.into()).err(),
                Some(RootError::Hidden(path.into()))
            );
        }
        assert!(matches!(
            LabsRoot::new("labs".into()),
            Err(RootError::Relative(_))
        ));
        assert!(matches!(
            LabsRoot::new(format!("/{}", "x".repeat(60)).into()),
            Err(RootError::TooLong(_))
        ));
    }

    #[test]
    fn socket_paths_of_the_longest_names_fit() {
        let root = LabsRoot::new(format!("/{}", "x".repeat(LabsRoot::MAX - 1)).into()).unwrap();
        let node = root.lab(&"twenty-characters-ok".parse().unwrap()).node("node-8");
        let drivers = plimsoll_vendors::Vendor::all()
            .iter()
            .filter_map(|vendor| vendor.dra.as_ref());
        for dra in drivers {
            let longest = node
                .join("kubelet/plugins_registry")
                .join(format!("{}-reg.sock", dra.driver));
            assert!(
                longest.as_os_str().len() < 108,
                "{}: {}",
                dra.driver,
                longest.as_os_str().len()
            );
        }
    }
}
