//! Why a command did not do what it was asked, how that is told, and the exit code that it gives.

use std::error::Error;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use plimsoll_accelerator::ConfigError;
use plimsoll_accelerator::gang_controller::GangError;
use plimsoll_accelerator::oci_runtime::RuntimeError;
use plimsoll_defects::UnknownDefect;

use crate::bench::BenchError;
use crate::build::BuildError;
use crate::build::cache::CacheError;
use crate::build::component::ComponentError;
use crate::defects::SeedError;
use crate::down::DownError;
use crate::files::FileError;
use crate::folder::RootError;
use crate::keeper::client::KeeperError;
use crate::keeper::serve::ServeError;
use crate::kubectl::KubectlError;
use crate::logs::LogsError;
use crate::name::LabName;
use crate::node_change::ChangeError;
use crate::state::StateError;
use crate::up::UpError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Defect(#[from] UnknownDefect),
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error("the lab makes namespaces, links and devices: run it as root")]
    NotRoot,
    #[error("could not start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Up(#[from] UpError),
    #[error(
        "the lab `{lab}` did not come up; `plimsoll-lab logs` shows what happened, `plimsoll-lab down --name {lab}` removes it"
    )]
    HalfUp { lab: LabName, source: Box<UpError> },
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    #[error(transparent)]
    Down(#[from] DownError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Keep(#[from] ServeError),
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Logs(#[from] LogsError),
    #[error("could not restart the component")]
    Restart(#[from] KeeperError),
    #[error("could not print the status as JSON")]
    Json(#[source] serde_json::Error),
    #[error(transparent)]
    AcceleratorConfig(#[from] ConfigError),
    #[error(transparent)]
    Accelerators(#[from] Box<plimsoll_accelerator::ServeError>),
    #[error(transparent)]
    GangController(#[from] GangError),
    #[error(transparent)]
    OciRuntime(#[from] RuntimeError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is no `{0}`")]
    NoConfig(PathBuf),
    #[error("interrupted")]
    Interrupted,
}

impl CommandError {
    /// The exit code that tells scripts what kind of failure this is.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Root(_) | Self::Defect(_) | Self::Seed(_) | Self::Component(_) | Self::NotRoot => 3,
            Self::State(StateError::NoSuchLab(_)) | Self::Logs(LogsError::Unknown { .. }) => 3,
            Self::Kubectl(KubectlError::State(StateError::NoSuchLab(_))) => 3,
            Self::Change(
                ChangeError::State(StateError::NoSuchLab(_))
                | ChangeError::NoSuchNode { .. }
                | ChangeError::NoArchive(_),
            ) => 3,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// The error and its causes, one a line.
pub(crate) fn report(error: &CommandError) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    anstream::eprintln!("{red}error{red:#}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  caused by: {cause}");
        source = cause.source();
    }
}
