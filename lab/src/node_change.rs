//! `plimsoll-lab node add|remove` and `load-image`: changes to a lab that is up.

use std::path::{Path, PathBuf};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Node as ApiNode;
use kube::Api;
use kube::api::DeleteParams;
use tokio::sync::watch;

use crate::addresses::NodeIndex;
use crate::api_client::{ClientError, client};
use crate::build::cache::Cache;
use crate::build::{self, BuildError};
use crate::control_plane::Credentials;
use crate::folder::LabsRoot;
use crate::lab::Lab;
use crate::name::LabName;
use crate::network;
use crate::node::cgroups::{self, CgroupError};
use crate::node::images::{self, ImportError};
use crate::node::{Node, NodeError};
use crate::pki::PkiError;
use crate::progress::{Progress, seconds};
use crate::state::{self, LabState, Phase, StateError};
use crate::tool::ToolError;
use crate::traces::{self, RemoveError};
use crate::up::{self, Stage, UpError};

/// Why a lab could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the lab `{0}` is not up; `plimsoll-lab up --name {0}` starts it anew")]
    NotUp(LabName),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("the lab `{lab}` has {max} nodes already, as many as its addresses suffice for", max = NodeIndex::MAX)]
    Full { lab: LabName },
    #[error("the lab `{lab}` has no node `{node}`; it has {}", .known.join(", "))]
    NoSuchNode {
        lab: LabName,
        node: String,
        known: Vec<String>,
    },
    #[error("the image `{file}` could not be loaded into the node `{node}`")]
    Load {
        file: PathBuf,
        node: String,
        source: ImportError,
    },
    #[error("there is no image archive `{0}`")]
    NoArchive(PathBuf),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("could not start the node")]
    Start(#[source] Box<UpError>),
    #[error("could not remove the node `{node}` from the API server")]
    Delete { node: String, source: Box<kube::Error> },
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("could not change the lab's network")]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Remove(#[from] RemoveError),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error("could not find this program's own file")]
    Program(#[source] std::io::Error),
}

/// Imports an image archive into every node.
pub(crate) async fn load_image(
    root: &LabsRoot,
    cache: &Cache,
    name: &LabName,
    file: &Path,
    progress: &Progress,
) -> Result<(), ChangeError> {
    let lab = open(root, cache, name)?;
    if !file.is_file() {
        return Err(ChangeError::NoArchive(file.to_owned()));
    }
    let step = progress.step(format!("loading {}", file.display()));
    try_join_all(lab.state.nodes.iter().map(async |index| {
        images::import(&lab, &Node::existing(&lab, *index), file)
            .await
            .map_err(|source| ChangeError::Load {
                file: file.to_owned(),
                node: index.node_name(),
                source,
            })
    }))
    .await?;
    step.finish();
    Ok(())
}

/// Adds a node like the others; returns its name.
pub(crate) async fn add(
    root: &LabsRoot,
    cache: &Cache,
    name: &LabName,
    progress: &Progress,
) -> Result<String, ChangeError> {
    let _held = state::lock_lab(root, name)?;
    let mut lab = open(root, cache, name)?;
    let started = std::time::Instant::now();
    let index = NodeIndex::first(NodeIndex::MAX)
        .find(|index| !lab.state.nodes.contains(index))
        .ok_or_else(|| ChangeError::Full { lab: name.clone() })?;
    let neighbours = keepers(&lab, |_| true).await;
    lab.state.nodes.push(index);
    lab.state.save(&lab.folder)?;
    let credentials = Credentials::open(&lab)?;
    let step = progress.step(format!("starting {}", index.node_name()));
    // A control plane that is up has reached the last stage.
    let (_keep, reached) = watch::channel(Stage::Authorising);
    let nodes = up::start_nodes(&lab, &[index], neighbours, &credentials, &reached)
        .await
        .map_err(|error| ChangeError::Start(Box::new(error)))?;
    up::await_nodes(&lab, &nodes)
        .await
        .map_err(|error| ChangeError::Start(Box::new(error)))?;
    step.done(&format!(
        "{} is Ready ({})",
        index.node_name(),
        seconds(started.elapsed())
    ));
    Ok(index.node_name())
}

/// Removes a node and all that runs on it, as if its machine were gone for good.
pub(crate) async fn remove(
    root: &LabsRoot,
    cache: &Cache,
    name: &LabName,
    node: &str,
    progress: &Progress,
) -> Result<(), ChangeError> {
    let _held = state::lock_lab(root, name)?;
    let mut lab = open(root, cache, name)?;
    let names = lab.state.nodes.iter().map(|index| index.node_name());
    let Some(index) = lab
        .state
        .nodes
        .iter()
        .copied()
        .find(|index| index.node_name() == node)
    else {
        return Err(ChangeError::NoSuchNode {
            lab: name.clone(),
            node: node.to_owned(),
            known: names.collect(),
        });
    };
    let step = progress.step(format!("removing {node}"));
    let folder = lab.folder.node(node);
    traces::end_keepers(name, Some(&folder))?;
    traces::detach_loop_devices(&folder).await?;
    let neighbours = keepers(&lab, |neighbour| neighbour != index).await;
    network::disconnect_node(lab.state.slot, index, &neighbours).await?;
    cgroups::remove_node(name, node)?;
    crate::files::remove_folder(&folder).map_err(RemoveError::from)?;
    let api: Api<ApiNode> = Api::all(client(&lab).await?);
    match api.delete(node, &DeleteParams::default()).await {
        Err(error) if !is_not_found(&error) => {
            return Err(ChangeError::Delete {
                node: node.to_owned(),
                source: Box::new(error),
            });
        }
        _ => {}
    }
    lab.state.nodes.retain(|other| *other != index);
    lab.state.save(&lab.folder)?;
    step.finish();
    Ok(())
}

/// The keepers of some nodes, as the handle on their network namespaces; a node that died has none.
async fn keepers(lab: &Lab, which: impl Fn(NodeIndex) -> bool) -> Vec<(NodeIndex, i32)> {
    let mut keepers = Vec::new();
    for index in lab.state.nodes.iter().copied().filter(|index| which(*index)) {
        if let Ok(pid) = Node::existing(lab, index).keeper.pid().await {
            keepers.push((index, pid));
        }
    }
    keepers
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// A lab that is up.
fn open(root: &LabsRoot, cache: &Cache, name: &LabName) -> Result<Lab, ChangeError> {
    let folder = root.lab(name);
    let state = LabState::load(&folder, name)?;
    if state.phase != Phase::Up {
        return Err(ChangeError::NotUp(name.clone()));
    }
    let binaries = build::locate(cache, &state.with)?;
    let program = std::env::current_exe().map_err(ChangeError::Program)?;
    Ok(Lab {
        state,
        folder,
        binaries,
        program,
    })
}
