//! Follows everything that decides about room, by watches.

use futures::{FutureExt, StreamExt, stream::BoxStream};
use k8s_openapi::{
    api::{
        core::v1::{Node, Pod},
        resource::v1::{DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice},
    },
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    discovery,
    runtime::{
        WatchStreamExt,
        reflector::{self, Lookup, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, hash::Hash};

use super::{
    GangError,
    rule::World,
    world::{self, Objects},
};
use crate::log::{chain, log};

/// A picture of the platform that keeps itself current.
pub(super) struct Cluster {
    pod_group: ApiResource,
    nodes: Store<Node>,
    pods: Store<Pod>,
    groups: Store<DynamicObject>,
    slices: Store<ResourceSlice>,
    classes: Store<DeviceClass>,
    claims: Store<ResourceClaim>,
    templates: Store<ResourceClaimTemplate>,
}

/// An item for each change.
type Changes = BoxStream<'static, ()>;

impl Cluster {
    /// Starts following; the picture is complete some time later.
    pub(super) async fn follow(client: &Client) -> Result<(Self, Changes), GangError> {
        let pod_group = discover_pod_group(client).await?;
        let mut changes = Vec::new();
        let groups = Api::all_with(client.clone(), &pod_group);
        let cluster = Self {
            nodes: follow(Api::all(client.clone()), (), &mut changes),
            pods: follow(Api::all(client.clone()), (), &mut changes),
            groups: follow(groups, pod_group.clone(), &mut changes),
            slices: follow(Api::all(client.clone()), (), &mut changes),
            classes: follow(Api::all(client.clone()), (), &mut changes),
            claims: follow(Api::all(client.clone()), (), &mut changes),
            templates: follow(Api::all(client.clone()), (), &mut changes),
            pod_group,
        };
        Ok((cluster, futures::stream::select_all(changes).boxed()))
    }

    /// The kind of groups that the API server serves.
    pub(super) fn pod_group(&self) -> &ApiResource {
        &self.pod_group
    }

    /// Whether everything was listed once: half a picture shows room that is not there.
    pub(super) fn is_complete(&self) -> bool {
        let ready = [
            is_ready(&self.nodes),
            is_ready(&self.pods),
            is_ready(&self.groups),
            is_ready(&self.slices),
            is_ready(&self.classes),
            is_ready(&self.claims),
            is_ready(&self.templates),
        ];
        ready.into_iter().all(|ready| ready)
    }

    /// The platform now.
    pub(super) fn world(&self) -> World {
        world::build(&Objects {
            now: Timestamp::now().as_second(),
            nodes: self.nodes.state(),
            pods: self.pods.state(),
            groups: self.groups.state(),
            slices: self.slices.state(),
            classes: self.classes.state(),
            claims: self.claims.state(),
            templates: self.templates.state(),
        })
    }
}

fn is_ready<K>(store: &Store<K>) -> bool
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    matches!(store.wait_until_ready().now_or_never(), Some(Ok(())))
}

fn follow<K>(api: Api<K>, kind: <K as Resource>::DynamicType, changes: &mut Vec<Changes>) -> Store<K>
where
    K: Resource
        + Lookup<DynamicType = <K as Resource>::DynamicType>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
    <K as Resource>::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let writer = Writer::<K>::new(kind);
    let store = writer.as_reader();
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let ticks = reflector::reflector(writer, events).map(|event| {
        if let Err(error) = event {
            log!("watching: {}", chain(&error));
        }
    });
    changes.push(ticks.boxed());
    store
}

/// The version of groups that the API server prefers.
async fn discover_pod_group(client: &Client) -> Result<ApiResource, GangError> {
    let discover = |source| GangError::Discover(Box::new(source));
    let group = discovery::group(client, "scheduling.k8s.io")
        .await
        .map_err(discover)?;
    let versions = group.versions();
    let kinds = versions.flat_map(|version| group.versioned_resources(version));
    kinds
        .map(|(kind, _)| kind)
        .find(|kind| kind.kind == "PodGroup")
        .ok_or(GangError::NoPodGroup)
}
