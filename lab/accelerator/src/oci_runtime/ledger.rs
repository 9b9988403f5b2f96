//! What the runtime remembers between calls: which container was granted which devices, and which were left over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::Path,
};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::edits::Node;

/// A container's grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Grant {
    sandbox: Option<String>,
    devices: BTreeSet<Node>,
}

/// All that is remembered of a node.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    containers: BTreeMap<String, Grant>,
    left_over: BTreeSet<Node>,
    /// Containers that were granted something at some time, by sandbox and name.
    came: BTreeSet<(String, String)>,
}

impl Ledger {
    /// Reads, changes and writes the ledger at `path`; one process at a time.
    pub(super) fn update<T>(path: &Path, change: impl FnOnce(&mut Self) -> T) -> io::Result<T> {
        let mut file: File = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        // Held until the file is closed.
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut ledger = if text.is_empty() {
            Self::default()
        } else {
            serde_json::from_str(&text)?
        };
        let result = change(&mut ledger);
        let text = serde_json::to_string(&ledger)?;
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
        Ok(result)
    }

    /// Remembers what a container was granted.
    pub(super) fn grant(
        &mut self,
        id: &str,
        sandbox: Option<&str>,
        name: Option<&str>,
        devices: BTreeSet<Node>,
    ) {
        if !devices.is_empty() {
            self.came.extend(place(sandbox, name));
            self.containers.insert(
                id.to_owned(),
                Grant {
                    sandbox: sandbox.map(str::to_owned),
                    devices,
                },
            );
        }
    }

    /// A container is gone; what it had is left over.
    pub(super) fn release(&mut self, id: &str) {
        if let Some(grant) = self.containers.remove(id) {
            self.left_over.extend(grant.devices);
        }
    }

    /// Whether a container of that name was granted something in that sandbox before.
    pub(super) fn came_before(&self, sandbox: Option<&str>, name: Option<&str>) -> bool {
        place(sandbox, name).is_some_and(|place| self.came.contains(&place))
    }

    /// What the other containers of a sandbox were granted.
    pub(super) fn of_sandbox(&self, sandbox: Option<&str>) -> BTreeSet<Node> {
        let same = |grant: &&Grant| sandbox.is_some() && grant.sandbox.as_deref() == sandbox;
        self.containers
            .values()
            .filter(same)
            .flat_map(|grant| grant.devices.iter().cloned())
            .collect()
    }

    /// What was left over and nobody holds now.
    pub(super) fn residue(&self) -> BTreeSet<Node> {
        let held: BTreeSet<&Node> = self
            .containers
            .values()
            .flat_map(|grant| &grant.devices)
            .collect();
        self.left_over
            .iter()
            .filter(|device| !held.contains(device))
            .cloned()
            .collect()
    }
}

fn place(sandbox: Option<&str>, name: Option<&str>) -> Option<(String, String)> {
    Some((sandbox?.to_owned(), name?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(minor: u32) -> Node {
        Node {
            path: format!("/dev/nvidia{minor}"),
            major: 7,
            minor,
        }
    }

    #[test]
    fn a_sandboxs_grants_are_its_own() {
        let mut ledger = Ledger::default();
        ledger.grant("a", Some("s1"), None, BTreeSet::from([node(0)]));
        ledger.grant("b", None, None, BTreeSet::from([node(1)]));
        assert_eq!(ledger.of_sandbox(Some("s1")), BTreeSet::from([node(0)]));
        assert!(ledger.of_sandbox(Some("s2")).is_empty());
        assert!(ledger.of_sandbox(None).is_empty());
    }

    #[test]
    fn a_container_comes_back_in_its_own_sandbox_only() {
        let mut ledger = Ledger::default();
        ledger.grant("a", Some("s1"), Some("worker"), BTreeSet::from([node(0)]));
        ledger.grant("b", Some("s1"), Some("proxy"), BTreeSet::new());
        ledger.release("a");
        assert!(ledger.came_before(Some("s1"), Some("worker")));
        assert!(!ledger.came_before(Some("s1"), Some("proxy")), "it had nothing");
        assert!(!ledger.came_before(Some("s2"), Some("worker")));
        assert!(!ledger.came_before(None, Some("worker")));
    }

    #[test]
    fn the_ledger_outlives_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.json");
        Ledger::update(&path, |ledger| {
            ledger.grant("a", None, None, BTreeSet::from([node(0)]))
        })
        .unwrap();
        Ledger::update(&path, |ledger| ledger.release("a")).unwrap();
        Ledger::update(&path, |ledger| ledger.release("a")).unwrap();
        assert_eq!(
            Ledger::update(&path, |ledger| ledger.residue()).unwrap(),
            BTreeSet::from([node(0)])
        );
        std::fs::write(&path, "{").unwrap();
        assert!(Ledger::update(&path, |_| ()).is_err());
    }
}
