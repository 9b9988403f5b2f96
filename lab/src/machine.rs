//! The one setting of the machine that labs change: how many inotify instances a user may have.
//!
//! Every kubelet takes a dozen, and Linux' default of 128 is spent by a handful of nodes; a kubelet that gets
//! none does not fail, it just never registers. The value found is written down and put back by the last lab.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{self, FileError};
use crate::folder::LabsRoot;

const SETTING: &str = "/proc/sys/fs/inotify/max_user_instances";
/// What the developers of other local Kubernetes recommend, and then some.
const ENOUGH: u64 = 8192;

/// Why the setting could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineError {
    #[error("could not read or write the kernel's setting `{path}`")]
    Setting { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
}

/// Raises the limit, if it is lower, and remembers what it was.
pub(crate) fn prepare(root: &LabsRoot) -> Result<(), MachineError> {
    raise(Path::new(SETTING), &root.machine())
}

/// Puts back what [`prepare`] found.
pub(crate) fn restore(root: &LabsRoot) -> Result<(), MachineError> {
    put_back(Path::new(SETTING), &root.machine())
}

fn raise(setting: &Path, memory: &Path) -> Result<(), MachineError> {
    let failed = |source| MachineError::Setting {
        path: setting.to_owned(),
        source,
    };
    let found: u64 = fs::read_to_string(setting)
        .map_err(failed)?
        .trim()
        .parse()
        .unwrap_or(0);
    if found >= ENOUGH {
        return Ok(());
    }
    // An earlier lab's memory is of the machine's own value; this one may be of a crash's making.
    if files::read_json::<u64>(memory)?.is_none() {
        files::write_json(memory, &found)?;
    }
    fs::write(setting, ENOUGH.to_string()).map_err(failed)
}

fn put_back(setting: &Path, memory: &Path) -> Result<(), MachineError> {
    let Some(found) = files::read_json::<u64>(memory)? else {
        return Ok(());
    };
    fs::write(setting, found.to_string()).map_err(|source| MachineError::Setting {
        path: setting.to_owned(),
        source,
    })?;
    // Forgotten only once it is back.
    let _ = fs::remove_file(memory);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn a_low_limit_is_raised_and_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let (setting, memory) = (folder.path().join("limit"), folder.path().join("memory"));
        fs::write(&setting, "128\n").unwrap();
        raise(&setting, &memory).unwrap();
        assert_eq!(value(&setting), "8192");
        // A second lab remembers the machine's value, not the first lab's.
        raise(&setting, &memory).unwrap();
        put_back(&setting, &memory).unwrap();
        assert_eq!(value(&setting), "128");
        assert!(!memory.exists());
    }

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (setting, memory) = (folder.path().join("limit"), folder.path().join("memory"));
        fs::write(&setting, "65536\n").unwrap();
        raise(&setting, &memory).unwrap();
        put_back(&setting, &memory).unwrap();
        assert_eq!(value(&setting), "65536\n");
    }
}
