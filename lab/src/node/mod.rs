//! A node: a keeper with a network, a host name and mounts of its own, containerd, the kubelet and kube-proxy.
//!
//! [`prepare`] makes the machine, [`Node::start_runtime`] and [`Node::start_kubelet`] bring it to life; in
//! between the network is connected and the API server comes up. One file for each process.

pub(crate) mod cgroups;
mod cni;
mod containerd;
mod ground;
pub(crate) use ground::MOUNT_POINTS;
pub(crate) mod images;
mod kube_proxy;
mod kubelet;

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_accelerator::DeviceConfig;

use crate::accelerators::loop_devices::LoopError;
use crate::accelerators::process;
use crate::addresses::NodeIndex;
use crate::control_plane::Credentials;
use crate::files::{self, FileError};
use crate::folder;
use crate::keeper::client::{KeeperClient, KeeperError};
use crate::keeper::launch::{self, Isolation, LaunchError};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;
use crate::pki::PkiError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("could not start the keeper of the node `{node}`")]
    Launch { node: String, source: LaunchError },
    #[error("could not start the node `{node}`")]
    Keeper { node: String, source: KeeperError },
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Cgroup(#[from] cgroups::CgroupError),
    #[error("could not load images into the node `{node}`")]
    Images {
        node: String,
        source: images::ImportError,
    },
    #[error("could not make the accelerators of the node `{node}`")]
    Devices { node: String, source: LoopError },
}

/// A node whose keeper runs.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) index: NodeIndex,
    pub(crate) folder: NodeFolder,
    pub(crate) keeper: KeeperClient,
}

/// Where a node keeps its things.
#[derive(Clone, Debug)]
pub(crate) struct NodeFolder(PathBuf);

impl NodeFolder {
    pub(crate) fn of(lab: &Lab, node: NodeIndex) -> Self {
        Self(lab.folder.node(&node.node_name()))
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.join(inside)
    }

    /// The kubelet's root: plugins open their sockets below it.
    pub(crate) fn kubelet_root(&self) -> PathBuf {
        self.path("kubelet")
    }

    /// Where containerd looks for CDI specifications.
    pub(crate) fn cdi(&self) -> PathBuf {
        self.path("cdi")
    }

    pub(crate) fn containerd_socket(&self) -> PathBuf {
        self.path("containerd/containerd.sock")
    }

    pub(crate) fn log(&self, process: &str) -> PathBuf {
        folder::log(&self.0, process)
    }
}

/// Makes the machine: folders, cgroups, namespaces. Nothing of Kubernetes runs yet.
pub(crate) async fn prepare(lab: &Lab, index: NodeIndex) -> Result<Node, NodeError> {
    let folder = NodeFolder::of(lab, index);
    cgroups::create(&lab.state.name, &index.node_name())?;
    let config = ground::prepare(lab, index, &folder)?;
    let keeper = launch::launch(
        &lab.state.name,
        &config,
        Isolation::Machine,
        &folder.log("keeper"),
    )
    .await
    .map_err(|source| NodeError::Launch {
        node: index.node_name(),
        source,
    })?;
    Ok(Node {
        index,
        folder,
        keeper,
    })
}

impl Node {
    /// A node of a lab that is up.
    pub(crate) fn existing(lab: &Lab, index: NodeIndex) -> Self {
        let folder = NodeFolder::of(lab, index);
        let keeper = KeeperClient::new(folder::keeper_socket(&folder.0));
        Self {
            index,
            folder,
            keeper,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.index.node_name()
    }

    /// Starts containerd.
    pub(crate) async fn start_runtime(&self, lab: &Lab, devices: &[DeviceConfig]) -> Result<(), NodeError> {
        cni::configure(lab, self)?;
        let runtimes = process::oci_runtimes(lab, self, devices)?;
        self.start(containerd::process(lab, self, &runtimes)?).await
    }

    /// Loads the images that every lab has; containerd must run.
    pub(crate) async fn import_images(&self, lab: &Lab) -> Result<(), NodeError> {
        images::import_own(lab, self)
            .await
            .map_err(|source| NodeError::Images {
                node: self.name(),
                source,
            })
    }

    /// Starts the kubelet; the API server must serve.
    pub(crate) async fn start_kubelet(&self, lab: &Lab, credentials: &Credentials) -> Result<(), NodeError> {
        self.start(kubelet::process(lab, self, credentials)?).await
    }

    /// Starts kube-proxy; its role must exist.
    pub(crate) async fn start_proxy(&self, lab: &Lab, credentials: &Credentials) -> Result<(), NodeError> {
        self.start(kube_proxy::process(lab, self, credentials)?).await
    }

    /// Makes the node's accelerators; nothing offers them yet.
    pub(crate) async fn create_devices(&self, lab: &Lab) -> Result<Vec<DeviceConfig>, NodeError> {
        process::create_devices(lab, self)
            .await
            .map_err(|source| NodeError::Devices {
                node: self.name(),
                source,
            })
    }

    /// Starts what offers the node's accelerators; the node must be registered.
    pub(crate) async fn start_accelerators(
        &self,
        lab: &Lab,
        credentials: &Credentials,
        devices: Vec<DeviceConfig>,
    ) -> Result<(), NodeError> {
        if devices.is_empty() {
            return Ok(());
        }
        self.start(process::process(lab, self, credentials, devices)?)
            .await
    }

    pub(crate) async fn start(&self, process: ProcessSpec) -> Result<(), NodeError> {
        self.keeper
            .start(process)
            .await
            .map_err(|source| NodeError::Keeper {
                node: self.name(),
                source,
            })
    }

    /// A process of this node.
    pub(crate) fn process(
        &self,
        name: &str,
        program: PathBuf,
        args: Vec<String>,
        ready: ReadySignal,
    ) -> ProcessSpec {
        let log = self.folder.log(name);
        ProcessSpec {
            name: name.to_owned(),
            program,
            args,
            env: BTreeMap::new(),
            log,
            ready,
        }
    }

    /// One of the components that are built into the `kubernetes` executable.
    fn kubernetes(&self, lab: &Lab, name: &str, flags: Vec<String>, ready: ReadySignal) -> ProcessSpec {
        let args = std::iter::once(name.to_owned()).chain(flags).collect();
        self.process(name, lab.binaries.path("kubernetes"), args, ready)
    }
}

/// Writes a configuration file of a node.
fn configuration(node: &Node, file: &str, value: &serde_json::Value) -> Result<PathBuf, FileError> {
    let path = node.folder.path(file);
    files::write_json(&path, value)?;
    Ok(path)
}
