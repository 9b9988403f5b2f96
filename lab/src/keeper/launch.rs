//! Starts a keeper in fresh namespaces, detached from the terminal, so that the lab outlives `up`.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::client::{KeeperClient, last_lines};
use super::protocol::KeeperConfig;
use super::serve::SERVING;
use crate::files::{self, FileError};
use crate::name::LabName;

/// Which namespaces of its own a keeper gets, besides the PID and mount namespaces that all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// The host's network and name: the control plane.
    Host,
    /// A machine of its own as far as Kubernetes can tell: a node.
    Machine,
}

/// Why a keeper could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("could not start a keeper with `setsid unshare`")]
    Spawn(#[source] io::Error),
    #[error("the keeper did not come to serve; the end of `{log}`:\n{tail}")]
    Silent { log: PathBuf, tail: String },
}

/// Starts a keeper and returns when it serves.
pub(crate) async fn launch(
    lab: &LabName,
    config: &KeeperConfig,
    isolation: Isolation,
    log: &Path,
) -> Result<KeeperClient, LaunchError> {
    let file = config.socket.with_extension("json");
    files::write_json(&file, config)?;
    let own = std::env::current_exe().map_err(LaunchError::Spawn)?;
    let errors = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(LaunchError::Spawn)?;
    let mut command = Command::new("setsid");
    command.args(["unshare", "--kill-child=SIGKILL", "--pid", "--mount"]);
    if isolation == Isolation::Machine {
        command.args(["--net", "--uts", "--ipc"]);
    }
    command
        .arg("--")
        .arg(own)
        .args(["keep", "--lab", lab.as_str(), "--config"])
        .arg(&file)
        .env_clear()
        .envs(&config.env)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    let mut child = command.spawn().map_err(LaunchError::Spawn)?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output)
            .read_line(&mut said)
            .await
            .map_err(LaunchError::Spawn)?;
    }
    if said.trim_end() == SERVING {
        Ok(KeeperClient::new(config.socket.clone()))
    } else {
        Err(LaunchError::Silent {
            log: log.to_owned(),
            tail: last_lines(log),
        })
    }
}
