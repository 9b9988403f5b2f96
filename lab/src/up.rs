//! `plimsoll-lab up`: from nothing to a cluster that takes pods.
//!
//! Control plane and nodes come up side by side; where one needs the other it waits for that one thing.

use std::time::Instant;

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::sync::watch::{self, Receiver, Sender};

use crate::accelerators::ready::offered;
use crate::accelerators::request::AcceleratorRequest;
use crate::addresses::NodeIndex;
use crate::build::cache::Cache;
use crate::build::{self, BuildError};
use crate::control_plane::objects::{self, ApplyError};
use crate::control_plane::{self, ControlPlane, ControlPlaneError, Credentials};
use crate::dns::{self, DnsError};
use crate::down::{self, DownError};
use crate::folder::LabsRoot;
use crate::keeper::client::KeeperError;
use crate::lab::Lab;
use crate::machine::{self, MachineError};
use crate::name::LabName;
use crate::network;
use crate::node::{self, Node, NodeError};
use crate::pki::PkiError;
use crate::progress::{Progress, seconds};
use crate::ready;
use crate::state::{self, LabState, Phase, StateError};
use crate::tool::ToolError;
use crate::watch::{TooLong, exists};

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

/// Why the lab's own kubeconfig could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("could not use the lab's kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    #[error(transparent)]
    Client(#[from] Box<kube::Error>),
}

/// How far the control plane is; later values include earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Down,
    /// The API server serves.
    Serving,
    /// Roles are there, the lab's own included.
    Authorising,
}

/// Brings the lab up.
pub(crate) async fn up(
    root: &LabsRoot,
    cache: &Cache,
    request: UpRequest,
    progress: &Progress,
) -> Result<Lab, UpError> {
    let started = Instant::now();
    let _held = state::lock_lab(root, &request.name)?;
    let binaries = build::locate(cache, &request.with)?;
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
    let program = std::env::current_exe().map_err(UpError::Program)?;
    let mut lab = Lab {
        state,
        folder,
        binaries,
        program,
    };
    network::create_bridge(&lab.state.name, lab.state.slot).await?;
    let credentials = Credentials::create(&lab)?;
    let step = progress.step(format!("starting the lab `{}`", lab.state.name));
    let (stage, reached) = watch::channel(Stage::Down);
    let (_control_plane, nodes) = tokio::try_join!(
        start_control_plane(&lab, &credentials, stage),
        start_nodes(&lab, &lab.state.nodes, Vec::new(), &credentials, &reached),
    )?;
    drop(step);
    let step = progress.step("waiting for nodes, DNS and accelerators");
    tokio::try_join!(await_nodes(&lab, &nodes), async {
        Ok(ready::first_pod(&client(&lab).await?).await?)
    })?;
    lab.state.phase = Phase::Up;
    lab.state.save(&lab.folder)?;
    step.done(&format!(
        "the lab `{}` is up ({})",
        lab.state.name,
        seconds(started.elapsed())
    ));
    Ok(lab)
}

async fn start_control_plane<'a>(
    lab: &'a Lab,
    credentials: &'a Credentials,
    stage: Sender<Stage>,
) -> Result<ControlPlane<'a>, UpError> {
    let control_plane = control_plane::start(lab, credentials).await?;
    stage.send_replace(Stage::Serving);
    let client = client(lab).await?;
    let roles: Api<ClusterRoleBinding> = Api::all(client.clone());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    // Made by the API server itself shortly after it starts to serve.
    tokio::try_join!(
        exists(roles.clone(), "system:kube-scheduler"),
        exists(roles, "system:node-proxier"),
        exists(namespaces, "kube-system"),
    )?;
    tokio::try_join!(
        async { Ok::<_, UpError>(control_plane.start_controllers().await?) },
        async { Ok(objects::apply(&client, lab).await?) },
    )?;
    stage.send_replace(Stage::Authorising);
    control_plane.start_own().await?;
    Ok(control_plane)
}

/// Starts nodes beside those that are connected already, each as far as the control plane's stage allows.
pub(crate) async fn start_nodes(
    lab: &Lab,
    indices: &[NodeIndex],
    mut connected: Vec<(NodeIndex, i32)>,
    credentials: &Credentials,
    reached: &Receiver<Stage>,
) -> Result<Vec<Node>, UpError> {
    let nodes = try_join_all(indices.iter().map(|index| node::prepare(lab, *index))).await?;
    for node in &nodes {
        let pid = node.keeper.pid().await?;
        network::connect_node(&lab.state.name, lab.state.slot, node.index, pid, &connected).await?;
        connected.push((node.index, pid));
    }
    try_join_all(
        nodes
            .iter()
            .map(|node| bring_to_life(lab, node, credentials, reached.clone())),
    )
    .await?;
    Ok(nodes)
}

async fn bring_to_life(
    lab: &Lab,
    node: &Node,
    credentials: &Credentials,
    mut reached: Receiver<Stage>,
) -> Result<(), UpError> {
    let devices = node.create_devices(lab).await?;
    node.start_runtime(lab, &devices).await?;
    reached
        .wait_for(|stage| *stage >= Stage::Serving)
        .await
        .map_err(|_| UpError::NoApi)?;
    node.start_kubelet(lab, credentials).await?;
    reached
        .wait_for(|stage| *stage >= Stage::Authorising)
        .await
        .map_err(|_| UpError::NoApi)?;
    node.start_proxy(lab, credentials).await?;
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(client(lab).await?);
    exists(nodes, &node.name()).await?;
    Ok(node.start_accelerators(lab, credentials, devices).await?)
}

/// Waits until nodes take pods, resolve names and offer their accelerators.
pub(crate) async fn await_nodes(lab: &Lab, nodes: &[Node]) -> Result<(), UpError> {
    let client = client(lab).await?;
    let names: Vec<_> = nodes.iter().map(Node::name).collect();
    let plan = lab.plan();
    let resolving = try_join_all(nodes.iter().map(async |node| {
        let pid = node.keeper.pid().await?;
        dns::answers(pid, plan.dns_service(), plan.kubernetes_service()).await?;
        Ok::<_, UpError>(())
    }));
    tokio::try_join!(
        async { Ok(ready::nodes(&client, &names).await?) },
        async { Ok(offered(&client, &names, &lab.state.accelerators).await?) },
        resolving,
    )?;
    Ok(())
}

/// The administrator's client.
pub(crate) async fn client(lab: &Lab) -> Result<Client, ClientError> {
    let kubeconfig = Kubeconfig::read_from(lab.folder.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config).map_err(Box::new)?)
}
