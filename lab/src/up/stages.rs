//! The two halves of a lab that come up side by side, and the stages by which nodes wait for the control plane.

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, Node as ApiNode};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use plimsoll_accelerator::DeviceConfig;
use tokio::sync::watch::{Receiver, Sender};

use super::UpError;
use crate::accelerators::ready::offered;
use crate::addresses::NodeIndex;
use crate::api_client::client;
use crate::control_plane::{self, Credentials, objects, operators};
use crate::lab::Lab;
use crate::node::{self, Node};
use crate::watch::exists;
use crate::{dns, network, ready};

/// How far the control plane is; later values include earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Down,
    /// The API server serves.
    Serving,
    /// Roles are there, the lab's own included.
    Authorising,
}

/// Starts the control plane, telling how far it is.
pub(super) async fn start_control_plane(
    lab: &Lab,
    credentials: &Credentials,
    stage: Sender<Stage>,
) -> Result<(), UpError> {
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
        operators::install(&client, lab),
    )?;
    stage.send_replace(Stage::Authorising);
    Ok(control_plane.start_own().await?)
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
    tokio::try_join!(
        async { Ok(node.import_images(lab).await?) },
        join_cluster(lab, node, credentials, &mut reached, devices),
    )?;
    Ok(())
}

/// The part of a node's start that needs the control plane.
async fn join_cluster(
    lab: &Lab,
    node: &Node,
    credentials: &Credentials,
    reached: &mut Receiver<Stage>,
    devices: Vec<DeviceConfig>,
) -> Result<(), UpError> {
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
    let nodes: Api<ApiNode> = Api::all(client(lab).await?);
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
