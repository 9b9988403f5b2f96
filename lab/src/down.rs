//! `plimsoll-lab down`: removes a lab, whatever became of it.

use std::time::Instant;

use crate::folder::LabsRoot;
use crate::machine::{self, MachineError};
use crate::name::LabName;
use crate::node;
use crate::progress::{Progress, seconds};
use crate::state::{self, StateError};
use crate::traces::{self, RemoveError};

/// Why a lab could not be removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("could not remove all of the lab `{lab}`; `plimsoll-lab down --name {lab}` can be tried again")]
    Remove { lab: LabName, source: RemoveError },
}

/// Removes everything of the lab; one that is not there is fine.
pub(crate) async fn down(root: &LabsRoot, name: &LabName, progress: &Progress) -> Result<(), DownError> {
    let _held = state::lock_lab(root, name)?;
    let started = Instant::now();
    let existed = root.lab(name).path().exists();
    clear_for_good(root, name).await?;
    let took = seconds(started.elapsed());
    progress.done(&if existed {
        format!("the lab `{name}` is gone ({took})")
    } else {
        format!("there is no lab `{name}`; nothing of it was left ({took})")
    });
    Ok(())
}

/// Removes everything of a lab whose lock is held.
pub(crate) async fn clear(root: &LabsRoot, name: &LabName) -> Result<(), DownError> {
    traces::remove_all(name, &root.lab(name))
        .await
        .map_err(|source| DownError::Remove {
            lab: name.clone(),
            source,
        })
}

/// Removes everything of a lab whose lock is held, the lock included, and what labs share if it was the last.
pub(crate) async fn clear_for_good(root: &LabsRoot, name: &LabName) -> Result<(), DownError> {
    clear(root, name).await?;
    // What still holds something stays.
    let _ = std::fs::remove_file(root.lab_lock(name));
    if state::all(root).is_ok_and(|labs| labs.is_empty()) {
        machine::restore(root)?;
        let _ = std::fs::remove_file(root.slots_lock());
        let _ = std::fs::remove_dir(root.path());
        for folder in node::MOUNT_POINTS {
            let _ = std::fs::remove_dir(folder);
        }
    }
    Ok(())
}
