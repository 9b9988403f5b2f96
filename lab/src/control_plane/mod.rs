//! The control plane: etcd, API server, controller manager, scheduler and cluster DNS, in one keeper on the host.
//!
//! No node runs them, so all nodes are equal and free of taints. One file for each process says how it is
//! started; [`start`] says in which order; [`objects`] is what the cluster holds from its first moment.

mod apiserver;
mod controller_manager;
mod coredns;
mod credentials;
mod etcd;
pub(crate) mod objects;
pub(crate) mod operators;
mod scheduler;

use std::path::Path;

pub(crate) use credentials::{Credentials, context};

use crate::defects;
use crate::files::{self, FileError};
use crate::folder::{self, LabFolder};
use crate::keeper::client::{KeeperClient, KeeperError};
use crate::keeper::launch::{self, Isolation, LaunchError};
use crate::keeper::protocol::{KeeperConfig, ProcessSpec, ReadySignal};
use crate::lab::Lab;

/// Why the control plane did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlPlaneError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("could not start the control plane's keeper")]
    Launch(#[from] LaunchError),
    #[error("could not start the control plane")]
    Keeper(#[from] KeeperError),
}

/// A control plane whose API server answers.
pub(crate) struct ControlPlane<'a> {
    lab: &'a Lab,
    credentials: &'a Credentials,
    keeper: KeeperClient,
}

/// Starts etcd and the API server; returns when the latter serves.
pub(crate) async fn start<'a>(
    lab: &'a Lab,
    credentials: &'a Credentials,
) -> Result<ControlPlane<'a>, ControlPlaneError> {
    let folder = lab.folder.control_plane();
    files::create_folder(&folder.join("logs"))?;
    let config = KeeperConfig {
        socket: folder::keeper_socket(&folder),
        host_name: None,
        own_network: false,
        mounts: Vec::new(),
        sysctls: Vec::new(),
        env: lab.environment(),
    };
    let log = folder::log(&folder, "keeper");
    let keeper = launch::launch(&lab.state.name, &config, Isolation::Host, &log).await?;
    keeper.start(etcd::process(lab)).await?;
    keeper.start(apiserver::process(lab, credentials)).await?;
    Ok(ControlPlane {
        lab,
        credentials,
        keeper,
    })
}

impl ControlPlane<'_> {
    /// Starts what works through the API server, once the roles it hands out at its start are there.
    pub(crate) async fn start_controllers(&self) -> Result<(), ControlPlaneError> {
        self.keeper
            .start(controller_manager::process(self.lab, self.credentials))
            .await?;
        self.keeper
            .start(scheduler::process(self.lab, self.credentials)?)
            .await?;
        Ok(())
    }

    /// Starts the cluster's DNS and what defects ask for, once their objects and roles are there.
    pub(crate) async fn start_own(&self) -> Result<(), ControlPlaneError> {
        self.keeper
            .start(coredns::process(self.lab, self.credentials)?)
            .await?;
        if let Some(process) = defects::gang_controller(self.lab, self.credentials)? {
            self.keeper.start(process).await?;
        }
        Ok(())
    }
}

/// A process of the control plane: `program`, of the built executables, with `args`.
fn host_process(lab: &Lab, name: &str, program: &str, args: Vec<String>, ready: ReadySignal) -> ProcessSpec {
    ProcessSpec {
        name: name.to_owned(),
        program: lab.binaries.path(program),
        args,
        env: std::collections::BTreeMap::new(),
        log: folder::log(&lab.folder.control_plane(), name),
        ready,
    }
}

/// One of the components that are built into the `kubernetes` executable.
fn kubernetes(lab: &Lab, name: &str, flags: Vec<String>, ready: ReadySignal) -> ProcessSpec {
    let args = std::iter::once(name.to_owned()).chain(flags).collect();
    host_process(lab, name, "kubernetes", args, ready)
}

/// `--name=value` with a path as the value.
fn file_flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Gates beyond Kubernetes' defaults, the same for every component that knows them.
fn feature_gates(gang_enforcement: bool, topology_enforcement: bool) -> String {
    format!(
        "--feature-gates=GenericWorkload=true,GangScheduling={gang_enforcement},\
         TopologyAwareWorkloadScheduling={topology_enforcement}"
    )
}

/// Whether the control plane's keeper answers.
pub(crate) async fn is_kept(lab: &LabFolder) -> bool {
    KeeperClient::new(folder::keeper_socket(&lab.control_plane()))
        .list()
        .await
        .is_ok()
}
