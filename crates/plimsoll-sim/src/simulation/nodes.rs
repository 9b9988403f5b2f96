//! A platform's nodes, and the sign by which clients know that they are simulated.

use plimsoll_apiserver::{ApiServer, Direct, Status, resources};
use serde_json::json;
use tokio::task::JoinSet;

use super::{SIMULATED_LABEL, tenants};
use crate::{
    Faults,
    drivers::PLUGIN_IMAGE,
    node::{Fleet, Images},
    platform::PlatformSpec,
};

/// Marks the platform as a simulated one, where every client can see it.
pub(super) async fn say_what_it_is(admin: &Direct, spec: &PlatformSpec) -> Result<(), Status> {
    let labels = json!({"metadata": {"labels": {SIMULATED_LABEL: spec.name}}});
    admin
        .merge(&resources::NAMESPACES, None, "kube-system", None, labels)
        .await
        .map(drop)
}

/// Sets up the nodes and their kubelets. Images of what is installed and of the people on the platform can be had.
pub(super) fn start(
    components: &mut JoinSet<()>,
    server: &ApiServer,
    spec: &PlatformSpec,
    faults: &Faults,
) -> Result<Fleet, Status> {
    let installed = spec
        .installed
        .iter()
        .filter_map(|software| software.image.clone());
    let images = Images {
        others: installed
            .chain(spec.images.iter().cloned())
            .chain([tenants::IMAGE.to_owned(), PLUGIN_IMAGE.to_owned()])
            .collect(),
        ..Images::default()
    };
    Fleet::start(components, server, spec, faults, images)
}
