//! `plimsoll-lab up`: from nothing to a cluster that takes pods.
//!
//! Control plane and nodes come up side by side; where one needs the other it waits for that one thing.

use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::accelerators::request::AcceleratorRequest;
use crate::addresses::NodeIndex;
use crate::api_client::{ClientError, client};
use crate::build::cache::Cache;
use crate::build::{self, BuildError};
use crate::control_plane::objects::ApplyError;
use crate::control_plane::{self, ControlPlaneError, Credentials};
use crate::dns::DnsError;
use crate::down::{self, DownError};
use crate::folder::LabsRoot;
use crate::keeper::client::KeeperError;
use crate::lab::Lab;
use crate::machine::{self, MachineError};
use crate::name::LabName;
use crate::network;
use crate::node::NodeError;
use crate::pki::PkiError;
use crate::progress::{Progress, seconds};
use crate::ready;
use crate::state::{self, LabState, Lock, Phase, StateError};
use crate::tool::ToolError;
use crate::watch::TooLong;

mod stages;

pub(crate) use stages::{Stage, await_nodes, start_nodes};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct UpRequest {
    pub(crate) name: LabName,
    pub(crate) nodes: u8,
    pub(crate) accelerators: Vec<AcceleratorRequest>,
    pub(crate) defects: Vec<String>,
    pub(crate) with: Vec<String>,
}

/// Why a lab did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpError {
    #[error("the lab `{0}` is up already; `plimsoll-lab down --name {0}` removes it")]
    AlreadyUp(LabName),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("could not clear away what an earlier lab of that name left")]
    Stale(#[source] DownError),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("could not make the lab's network")]
    Network(#[from] ToolError),
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("could not reach a node's keeper")]
    Keeper(#[from] KeeperError),
    #[error("could not make a client for the lab's API server")]
    Client(#[from] ClientError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error(transparent)]
    Dns(#[from] DnsError),
    #[error("could not find this program's own file")]
    Program(#[source] std::io::Error),
    #[error("the control plane did not come up")]
    NoApi,
}

/// A lab that is written down and locked, of which nothing runs yet.
///
/// From here on, whatever interrupts, [`down::clear`] removes all of it.
pub(crate) struct Claimed {
    lab: Lab,
    started: Instant,
    /// Keeps others from changing the lab until this is dropped.
    _held: Lock,
}

/// Checks that the lab can be made, clears away what an earlier one left, and gives it its slot.
pub(crate) async fn claim(
    root: &LabsRoot,
    cache: &Cache,
    request: UpRequest,
    progress: &Progress,
) -> Result<Claimed, UpError> {
    let started = Instant::now();
    let held = state::lock_lab(root, &request.name)?;
    let binaries = build::locate(cache, &request.with)?;
    let program = std::env::current_exe().map_err(UpError::Program)?;
    let folder = root.lab(&request.name);
    if folder.path().exists() {
        let is_up = LabState::load(&folder, &request.name).is_ok_and(|state| state.phase == Phase::Up);
        if is_up && control_plane::is_kept(&folder).await {
            return Err(UpError::AlreadyUp(request.name));
        }
        progress.done("clearing away what an earlier lab of that name left");
        down::clear(root, &request.name).await.map_err(UpError::Stale)?;
    }
    machine::prepare(root)?;
    let state = state::claim_slot(root, |slot| LabState {
        name: request.name,
        slot,
        created: Timestamp::now(),
        phase: Phase::Starting,
        nodes: NodeIndex::first(request.nodes).collect(),
        accelerators: request.accelerators,
        defects: request.defects,
        with: request.with,
    })?;
    let lab = Lab {
        state,
        folder,
        binaries,
        program,
    };
    Ok(Claimed {
        lab,
        started,
        _held: held,
    })
}

impl Claimed {
    /// Brings the lab up; returns when it takes pods. A failure leaves it for a look at its logs.
    pub(crate) async fn bring_up(&mut self, progress: &Progress) -> Result<&Lab, UpError> {
        let lab = &self.lab;
        let step = progress.step(format!("starting the lab `{}`", lab.state.name));
        network::create_bridge(&lab.state.name, lab.state.slot).await?;
        let credentials = Credentials::create(lab)?;
        let (stage, reached) = watch::channel(Stage::Down);
        let ((), nodes) = tokio::try_join!(
            stages::start_control_plane(lab, &credentials, stage),
            start_nodes(lab, &lab.state.nodes, Vec::new(), &credentials, &reached),
        )?;
        step.finish();
        let step = progress.step("waiting for nodes, DNS and accelerators");
        tokio::try_join!(await_nodes(lab, &nodes), async {
            Ok(ready::first_pod(&client(lab).await?).await?)
        })?;
        step.finish();
        self.lab.state.phase = Phase::Up;
        self.lab.state.save(&self.lab.folder)?;
        progress.done(&format!(
            "the lab `{}` is up ({})",
            self.lab.state.name,
            seconds(self.started.elapsed())
        ));
        Ok(&self.lab)
    }
}
