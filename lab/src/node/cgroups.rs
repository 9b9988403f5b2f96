//! The cgroups below which a node's containers live: `/plimsoll-lab/LAB/NODE` in every hierarchy.
//!
//! Made before anything runs, and found again by name when the lab goes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::name::LabName;

const HIERARCHIES: &str = "/sys/fs/cgroup";
const TOP: &str = "plimsoll-lab";

/// Why cgroups could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CgroupError {
    #[error("could not list the cgroup hierarchies in `{HIERARCHIES}`")]
    List(#[source] io::Error),
    #[error("could not create the cgroup `{path}`")]
    Create { path: PathBuf, source: io::Error },
    #[error("could not remove the cgroup `{path}`")]
    Remove { path: PathBuf, source: io::Error },
}

/// The path of a node's cgroup within each hierarchy.
pub(crate) fn path(lab: &LabName, node: &str) -> String {
    format!("/{TOP}/{lab}/{node}")
}

/// Makes a node's cgroups.
pub(crate) fn create(lab: &LabName, node: &str) -> Result<(), CgroupError> {
    for hierarchy in hierarchies()? {
        let path = hierarchy.join(TOP).join(lab.as_str()).join(node);
        fs::create_dir_all(&path).map_err(|source| CgroupError::Create {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// Removes a node's cgroups; its processes must be gone.
pub(crate) fn remove_node(lab: &LabName, node: &str) -> Result<(), CgroupError> {
    hierarchies()?
        .iter()
        .try_for_each(|top| remove_tree(&top.join(TOP).join(lab.as_str()).join(node)))
}

/// Removes all of a lab's cgroups; its processes must be gone.
pub(crate) fn remove_lab(lab: &LabName) -> Result<(), CgroupError> {
    for hierarchy in hierarchies()? {
        let top = hierarchy.join(TOP);
        remove_tree(&top.join(lab.as_str()))?;
        // The last lab takes the common folder along; another lab's cgroups keep it.
        let _ = fs::remove_dir(top);
    }
    Ok(())
}

/// One folder for each version 1 hierarchy, or the one of version 2.
fn hierarchies() -> Result<Vec<PathBuf>, CgroupError> {
    let root = Path::new(HIERARCHIES);
    if root.join("cgroup.controllers").exists() {
        return Ok(vec![root.to_owned()]);
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).map_err(CgroupError::List)? {
        let path = entry.map_err(CgroupError::List)?.path();
        // `cpu,cpuacct` has links `cpu` and `cpuacct` beside it on many machines.
        if path.is_dir() && !path.is_symlink() {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// A cgroup's files vanish with it; only its folders are removed, the innermost first.
fn remove_tree(path: &Path) -> Result<(), CgroupError> {
    let children = match fs::read_dir(path) {
        Ok(children) => children,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(CgroupError::Remove {
                path: path.to_owned(),
                source,
            });
        }
    };
    for child in children
        .flatten()
        .filter(|child| child.file_type().is_ok_and(|kind| kind.is_dir()))
    {
        remove_tree(&child.path())?;
    }
    match fs::remove_dir(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(CgroupError::Remove {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_goes_from_the_inside_out_and_a_missing_one_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("lab");
        fs::create_dir_all(top.join("node-1/pod/container")).unwrap();
        fs::create_dir_all(top.join("node-2")).unwrap();
        remove_tree(&top).unwrap();
        assert!(!top.exists());
        remove_tree(&top).unwrap();
    }

    #[test]
    fn a_nodes_path_is_named_after_its_lab() {
        assert_eq!(
            path(&"lab".parse().unwrap(), "node-1"),
            "/plimsoll-lab/lab/node-1"
        );
    }
}
