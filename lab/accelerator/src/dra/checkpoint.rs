//! Which claims are prepared, on disk: a driver that comes back must know what containers hold.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// One device prepared for a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreparedDevice {
    /// The request it answers.
    pub(crate) request: String,
    /// Its name in the pool.
    pub(crate) device: String,
    /// Prepared beside whoever uses it.
    pub(crate) admin: bool,
    /// Which share of it.
    pub(crate) share: Option<String>,
}

/// A claim that was prepared and not yet unprepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreparedClaim {
    /// Its namespace, for people who read the file.
    pub(crate) namespace: String,
    /// Its name, for people who read the file.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) devices: Vec<PreparedDevice>,
}

/// The prepared claims by uid, and the file that keeps them.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    claims: BTreeMap<String, PreparedClaim>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    claims: BTreeMap<String, PreparedClaim>,
}

const VERSION: u32 = 1;

/// A checkpoint that cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("could not read the checkpoint `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no checkpoint. Going on without it would hand out devices that containers hold.
    #[error("the checkpoint `{path}` is damaged: drain the node and remove it")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// Written by a version that this one does not know.
    #[error("the checkpoint `{path}` has version {found}, expected {VERSION}")]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It cannot be written.
    #[error("could not write the checkpoint `{path}`")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Checkpoint {
    /// Reads the file; there being none means that nothing is prepared.
    pub(crate) fn load(path: &Path) -> Result<Self, CheckpointError> {
        let path = path.to_owned();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    claims: BTreeMap::new(),
                });
            }
            Err(source) => return Err(CheckpointError::Read { path, source }),
        };
        match serde_json::from_slice::<File>(&text) {
            Ok(file) if file.version == VERSION => Ok(Self {
                path,
                claims: file.claims,
            }),
            Ok(file) => Err(CheckpointError::Version {
                path,
                found: file.version,
            }),
            Err(source) => Err(CheckpointError::Damaged { path, source }),
        }
    }

    /// The prepared claims by uid.
    pub(crate) fn claims(&self) -> &BTreeMap<String, PreparedClaim> {
        &self.claims
    }

    /// Remembers a claim, on disk before anything else.
    pub(crate) fn insert(&mut self, uid: &str, claim: PreparedClaim) -> Result<(), CheckpointError> {
        let mut claims = self.claims.clone();
        claims.insert(uid.to_owned(), claim);
        self.replace(claims)
    }

    /// Forgets a claim.
    pub(crate) fn remove(&mut self, uid: &str) -> Result<(), CheckpointError> {
        let mut claims = self.claims.clone();
        if claims.remove(uid).is_none() {
            return Ok(());
        }
        self.replace(claims)
    }

    /// Memory follows the disk, so that a failed write leaves both as they were.
    fn replace(&mut self, claims: BTreeMap<String, PreparedClaim>) -> Result<(), CheckpointError> {
        let file = File {
            version: VERSION,
            claims,
        };
        let write = || -> io::Result<()> {
            let unfinished = self.path.with_extension("unfinished");
            std::fs::write(&unfinished, serde_json::to_vec_pretty(&file)?)?;
            std::fs::rename(&unfinished, &self.path)
        };
        write().map_err(|source| CheckpointError::Write {
            path: self.path.clone(),
            source,
        })?;
        self.claims = file.claims;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> PreparedClaim {
        let device = PreparedDevice {
            request: "r".into(),
            device: "gpu-0".into(),
            admin: false,
            share: None,
        };
        PreparedClaim {
            namespace: "ns".into(),
            name: "c".into(),
            devices: vec![device],
        }
    }

    #[test]
    fn what_was_prepared_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.json");
        let mut checkpoint = Checkpoint::load(&path).unwrap();
        assert!(checkpoint.claims().is_empty());
        checkpoint.insert("u", claim()).unwrap();
        checkpoint.insert("v", claim()).unwrap();
        checkpoint.remove("v").unwrap();
        checkpoint.remove("v").unwrap();
        let again = Checkpoint::load(&path).unwrap();
        assert_eq!(again.claims(), &BTreeMap::from([("u".to_owned(), claim())]));
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.json");
        std::fs::write(&path, "{\"version\":1,").unwrap();
        assert!(matches!(
            Checkpoint::load(&path),
            Err(CheckpointError::Damaged { .. })
        ));
        std::fs::write(&path, "{\"version\":2,\"claims\":{}}").unwrap();
        assert!(matches!(
            Checkpoint::load(&path),
            Err(CheckpointError::Version { found: 2, .. })
        ));
    }

    #[test]
    fn a_failed_write_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoint = Checkpoint::load(&folder.path().join("missing/checkpoint.json")).unwrap();
        assert!(matches!(
            checkpoint.insert("u", claim()),
            Err(CheckpointError::Write { .. })
        ));
        assert!(checkpoint.claims().is_empty());
    }
}
