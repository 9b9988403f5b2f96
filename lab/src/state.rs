//! What is written down about a lab: enough to find again what its name alone does not tell.
//!
//! The slot is written before anything is created, and everything on the machine is named after lab or slot,
//! so a lab can be taken down from any moment of its life.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::accelerators::request::AcceleratorRequest;
use crate::addresses::{NodeIndex, Slot};
use crate::files::{self, FileError};
use crate::folder::{LabFolder, LabsRoot};
use crate::name::LabName;

/// The state file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LabState {
    pub(crate) name: LabName,
    pub(crate) slot: Slot,
    pub(crate) created: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) nodes: Vec<NodeIndex>,
    /// Accelerators of every node.
    pub(crate) accelerators: Vec<AcceleratorRequest>,
    pub(crate) defects: Vec<String>,
    /// Optional components.
    pub(crate) with: Vec<String>,
}

/// How far `up` got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// `up` runs, or was cut off.
    Starting,
    /// Everything was ready when `up` returned.
    Up,
}

/// Why a lab's state could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("could not lock `{path}`")]
    Lock { path: PathBuf, source: io::Error },
    #[error("another plimsoll-lab is changing the lab `{0}` right now")]
    Busy(LabName),
    #[error("all {max} labs that fit on this machine are taken", max = Slot::COUNT)]
    Full,
    #[error("there is no lab `{0}`; `plimsoll-lab up --name {0}` makes one")]
    NoSuchLab(LabName),
}

/// A lock that goes with its holder, also when that is killed.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl LabState {
    /// The state of a lab that must exist.
    pub(crate) fn load(folder: &LabFolder, name: &LabName) -> Result<Self, StateError> {
        files::read_json(&folder.state())?.ok_or_else(|| StateError::NoSuchLab(name.clone()))
    }

    pub(crate) fn save(&self, folder: &LabFolder) -> Result<(), StateError> {
        Ok(files::write_json(&folder.state(), self)?)
    }
}

/// Keeps others from changing this lab; fails at once when somebody does.
pub(crate) fn lock_lab(root: &LabsRoot, name: &LabName) -> Result<Lock, StateError> {
    lock(
        root,
        root.lab_lock(name),
        FlockOperation::NonBlockingLockExclusive,
    )
    .map_err(|error| match error {
        StateError::Lock { source, .. } if source.kind() == io::ErrorKind::WouldBlock => {
            StateError::Busy(name.clone())
        }
        other => other,
    })
}

/// Gives the lab described by `state` a slot of its own and writes it down.
pub(crate) fn claim_slot(
    root: &LabsRoot,
    describe: impl FnOnce(Slot) -> LabState,
) -> Result<LabState, StateError> {
    let _held = lock(root, root.slots_lock(), FlockOperation::LockExclusive)?;
    let taken: Vec<_> = all(root)?.into_iter().map(|state| state.slot).collect();
    let state = describe(Slot::lowest_free(&taken).ok_or(StateError::Full)?);
    state.save(&root.lab(&state.name))?;
    Ok(state)
}

/// Every lab that is written down on this machine.
pub(crate) fn all(root: &LabsRoot) -> Result<Vec<LabState>, StateError> {
    let entries = match std::fs::read_dir(root.path()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(FileError::Read {
                path: root.path().to_owned(),
                source,
            }
            .into());
        }
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<LabName>().ok());
    let mut states = Vec::new();
    for name in names {
        states.extend(files::read_json::<LabState>(&root.lab(&name).state())?);
    }
    states.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(states)
}

fn lock(root: &LabsRoot, path: PathBuf, how: FlockOperation) -> Result<Lock, StateError> {
    files::create_folder(root.path())?;
    let open = || {
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            rustix::fs::flock(&file, how)?;
            // A holder removes its lock file together with the lab: then this is a lock on nothing.
            if std::fs::metadata(&path)
                .is_ok_and(|now| file.metadata().is_ok_and(|held| now.ino() == held.ino()))
            {
                return Ok(file);
            }
        }
    };
    open().map(Lock).map_err(|source| StateError::Lock {
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(name: &str, slot: Slot) -> LabState {
        LabState {
            name: name.parse().unwrap(),
            slot,
            created: Timestamp::UNIX_EPOCH,
            phase: Phase::Starting,
            nodes: NodeIndex::first(2).collect(),
            accelerators: Vec::new(),
            defects: Vec::new(),
            with: Vec::new(),
        }
    }

    fn root() -> (tempfile::TempDir, LabsRoot) {
        let folder = tempfile::tempdir().unwrap();
        let root = LabsRoot::new(folder.path().to_owned()).unwrap();
        (folder, root)
    }

    #[test]
    fn labs_get_slots_of_their_own_and_a_freed_slot_is_used_again() -> Result<(), StateError> {
        let (_kept, root) = root();
        let first = claim_slot(&root, |slot| lab("first", slot))?;
        let second = claim_slot(&root, |slot| lab("second", slot))?;
        assert_ne!(first.slot, second.slot);
        files::remove_folder(root.lab(&first.name).path())?;
        assert_eq!(claim_slot(&root, |slot| lab("third", slot))?.slot, first.slot);
        Ok(())
    }

    #[test]
    fn what_is_saved_is_loaded_and_a_missing_lab_says_how_to_make_it() -> Result<(), StateError> {
        let (_kept, root) = root();
        let saved = claim_slot(&root, |slot| lab("lab", slot))?;
        assert_eq!(LabState::load(&root.lab(&saved.name), &saved.name)?, saved);
        let other: LabName = "other".parse().unwrap();
        let error = LabState::load(&root.lab(&other), &other).unwrap_err();
        assert!(error.to_string().contains("up --name other"), "{error}");
        Ok(())
    }

    #[test]
    fn a_lab_is_changed_by_one_at_a_time() -> Result<(), StateError> {
        let (_kept, root) = root();
        let name: LabName = "lab".parse().unwrap();
        let held = lock_lab(&root, &name)?;
        assert!(matches!(lock_lab(&root, &name), Err(StateError::Busy(_))));
        drop(held);
        lock_lab(&root, &name).map(drop)
    }
}
