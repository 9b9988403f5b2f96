//! `plimsoll-lab kubectl`: the client of the lab's own version, pointed at the lab.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::build::cache::Cache;
use crate::build::{self, BuildError};
use crate::folder::LabsRoot;
use crate::name::LabName;
use crate::state::{LabState, StateError};

/// Why kubectl could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubectlError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("could not run the lab's `kubectl`")]
    Run(#[source] io::Error),
}

/// Becomes kubectl; what returns is why not.
pub(crate) fn become_kubectl(
    root: &LabsRoot,
    cache: &Cache,
    name: &LabName,
    arguments: &[OsString],
) -> KubectlError {
    match command(root, cache, name, arguments) {
        Ok(mut command) => KubectlError::Run(command.exec()),
        Err(error) => error,
    }
}

fn command(
    root: &LabsRoot,
    cache: &Cache,
    name: &LabName,
    arguments: &[OsString],
) -> Result<Command, KubectlError> {
    let folder = root.lab(name);
    LabState::load(&folder, name)?;
    let kubernetes = build::locate(cache, &[])?.path("kubernetes");
    let mut command = Command::new(kubernetes);
    command
        .arg("kubectl")
        .args(arguments)
        .env("KUBECONFIG", folder.kubeconfig());
    Ok(command)
}
