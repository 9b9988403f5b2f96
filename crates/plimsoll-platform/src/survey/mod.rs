//! The survey: what the platform has, each fact with its reason.
//!
//! Reads only, all lists at once, each page by page. What could not be read is in
//! [`Inventory::unreadable`]: facts that depend on it are then unknown, not absent.

mod accelerators;
mod findings;
mod inventory;
mod kinds;
mod known;
mod named;
mod nodes;
mod page;
mod pools;
pub mod quantity;

use kube::{Client, Error, core::ApiResource};
use serde_json::Value;

use crate::{
    apis::Apis,
    dra::{self, Claim, DeviceClass, Slice},
    platform::Platform,
};
use accelerators::DraFacts;
use findings::Workload;
use known::Section;
use named::Object;
use page::{all, each};

pub use inventory::{
    Accelerator, Counted, Device, Finding, GangApi, Inventory, Node, NodeTaint, Path, ServedApi, Sharing,
};
pub use nodes::keeps_label;

/// The survey could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not read {what}")]
pub struct SurveyError {
    /// What is indispensable.
    pub what: String,
    /// The API's answer.
    #[source]
    pub source: Error,
}

/// Surveys the platform.
///
/// # Errors
/// When what is indispensable can't be read: what is served, and the nodes.
pub async fn survey(platform: &Platform) -> Result<Inventory, SurveyError> {
    let client = platform.client();
    let (apis, nodes) = tokio::join!(platform.discover(), nodes::nodes(&client));
    let apis = apis.map_err(|error| SurveyError {
        what: "what is served".to_owned(),
        source: error.source,
    })?;
    let mut nodes = nodes.map_err(|source| SurveyError {
        what: "the nodes".to_owned(),
        source,
    })?;

    let (usage, dra, workloads, storage, runtimes, gateway_classes, services) = tokio::join!(
        nodes::usage(&client),
        dra_facts(&client, &apis),
        workloads(&client),
        served(&client, apis.resource("storage.k8s.io", "StorageClass", &[])),
        served(&client, apis.resource("node.k8s.io", "RuntimeClass", &[])),
        served(
            &client,
            apis.resource("gateway.networking.k8s.io", "GatewayClass", &[])
        ),
        served(
            &client,
            apis.resource("apiregistration.k8s.io", "APIService", &[])
        ),
    );

    let mut unreadable = Unreadable::default();
    unreadable.0.extend(
        apis.stale()
            .into_iter()
            .map(|api| format!("{api}: its server does not answer")),
    );
    let usage = unreadable.note("pods", usage);
    for ((node, resource), used) in &usage.extended {
        let node = nodes.iter_mut().find(|known| known.name == *node);
        if let Some(counted) = node.and_then(|node| node.accelerators.get_mut(resource)) {
            counted.used = *used;
        }
    }
    let dra = unreadable.note("resource.k8s.io", dra);
    let workloads = unreadable.note("workloads", workloads);
    let list =
        |found: Vec<Object>, finding: fn(&Object) -> Finding| found.iter().map(finding).collect::<Vec<_>>();
    let mut gateways = findings::findings(Section::Gateways, &apis, &workloads);
    gateways.extend(list(
        unreadable.note("gatewayclasses", gateway_classes),
        named::gateway_class,
    ));
    let mut metrics = findings::findings(Section::Metrics, &apis, &workloads);
    metrics.extend(
        unreadable
            .note("apiservices", services)
            .iter()
            .filter_map(named::metrics_api),
    );

    Ok(Inventory {
        kubernetes: platform.version().git.clone(),
        accelerators: accelerators::accelerators(&nodes, dra.as_ref()),
        nodes,
        device_classes: dra.map(|dra| dra.classes).unwrap_or_default(),
        schedulers: findings::schedulers(&apis, &workloads, &usage.schedulers),
        gang_apis: findings::gang_apis(&apis),
        operators: findings::findings(Section::Operators, &apis, &workloads),
        gateways,
        autoscalers: findings::findings(Section::Autoscalers, &apis, &workloads),
        metrics,
        networks: findings::findings(Section::Networks, &apis, &workloads),
        storage: list(unreadable.note("storageclasses", storage), named::storage_class),
        runtime_classes: list(unreadable.note("runtimeclasses", runtimes), named::runtime_class),
        dra_versions: apis.versions(dra::GROUP).into_iter().map(str::to_owned).collect(),
        apis: served_apis(&apis),
        unreadable: unreadable.0,
    })
}

/// Everything that is served, for those who ask whether a manifest would be taken.
fn served_apis(apis: &Apis) -> Vec<ServedApi> {
    let mut served = Vec::new();
    for group in apis.groups() {
        for version in apis.versions(group) {
            let mut kinds: Vec<String> = apis
                .kinds(group, version)
                .into_iter()
                .map(str::to_owned)
                .collect();
            kinds.sort();
            kinds.dedup();
            served.push(ServedApi {
                group: group.to_owned(),
                version: version.to_owned(),
                kinds,
            });
        }
    }
    served
}

/// What could not be read, and why.
#[derive(Default)]
struct Unreadable(Vec<String>);

impl Unreadable {
    fn note<T: Default>(&mut self, what: &str, read: Result<T, Error>) -> T {
        read.unwrap_or_else(|error| {
            self.0.push(format!("{what}: {error}"));
            T::default()
        })
    }
}

/// What dynamic resource allocation shows, where it is served.
async fn dra_facts(client: &Client, apis: &Apis) -> Result<Option<DraFacts>, Error> {
    let kind = |name: &str| dra::resource(apis, name);
    let (Some(slices), Some(classes), Some(claims)) =
        (kind("ResourceSlice"), kind("DeviceClass"), kind("ResourceClaim"))
    else {
        return Ok(None);
    };
    let api = slices.version.clone();
    let (slices, classes, claims) = tokio::try_join!(
        facts(client, &slices, Slice::read),
        facts(client, &classes, DeviceClass::read),
        facts(client, &claims, Claim::read),
    )?;
    Ok(Some(DraFacts {
        api,
        slices,
        classes,
        claims,
    }))
}

/// What is needed of each object of a kind; the objects themselves are large, and are not kept.
async fn facts<T>(
    client: &Client,
    kind: &ApiResource,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, Error> {
    // A slice may have over a hundred devices.
    const PAGE: usize = 50;
    let mut facts = Vec::new();
    each(client, kind, "", PAGE, |object: Object| {
        facts.extend(read(&object.0))
    })
    .await?;
    Ok(facts)
}

/// Deployments, DaemonSets and StatefulSets.
async fn workloads(client: &Client) -> Result<Vec<Workload>, Error> {
    let list = async |kind: &'static str, plural: &str| {
        let mut workloads = all::<Workload>(client, &kinds::of("apps", "v1", kind, plural)).await?;
        workloads.iter_mut().for_each(|workload| workload.kind = kind);
        Ok::<_, Error>(workloads)
    };
    let (deployments, daemon_sets, stateful_sets) = tokio::try_join!(
        list("Deployment", "deployments"),
        list("DaemonSet", "daemonsets"),
        list("StatefulSet", "statefulsets"),
    )?;
    Ok([deployments, daemon_sets, stateful_sets].concat())
}

/// The objects of a kind, none where it is not served.
async fn served(client: &Client, kind: Option<ApiResource>) -> Result<Vec<Object>, Error> {
    match kind {
        Some(kind) => all(client, &kind).await,
        None => Ok(Vec::new()),
    }
}
