//! Removing what a run created.

use std::time::Duration;

use futures::{StreamExt, future::join_all, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PartialObjectMeta},
    core::{ApiResource, DynamicObject},
};
use serde::Serialize;
use tokio::time::timeout;

use super::{
    Grace, RUN_LABEL, RunId,
    delete::by_uid,
    undo::{self, LabelChange},
};
use crate::{
    platform::Platform,
    wait::{Condition, Deadline, DeadlineKind, Progress, Seen, WaitError, Watched, silent},
};

/// How long namespaces may take to go.
const GONE: Deadline = Deadline {
    name: "cleanup",
    kind: DeadlineKind::Patience,
    within: Duration::from_secs(120),
};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// How many kinds are looked through at a time.
const KINDS: usize = 16;

/// What became of a cleanup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleanup {
    /// What was removed and is gone.
    pub removed: Vec<String>,
    /// What is left, and why; empty when nothing is.
    pub left: Vec<String>,
    /// What was left alone, and why: runs that live.
    pub skipped: Vec<String>,
}

impl Cleanup {
    /// Adds what became of another.
    pub fn add(&mut self, other: Self) {
        self.removed.extend(other.removed);
        self.left.extend(other.left);
        self.skipped.extend(other.skipped);
    }
}

/// An object of a run, without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: ApiResource,
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) run: String,
    /// What is to be put back before it goes.
    pub(super) undo: Vec<LabelChange>,
}

impl Found {
    fn what(&self) -> String {
        format!("{} {}", self.kind.kind, self.name)
    }
}

/// The cluster-scoped objects with a run's label, of those kinds. A kind that can't be listed has none of
/// ours, or none that we could remove; only the namespaces must be listed.
pub(super) async fn find(
    platform: &Platform,
    selector: &str,
    kinds: &[ApiResource],
) -> Result<Vec<Found>, kube::Error> {
    let params = ListParams::default().labels(selector).limit(500);
    let found: Vec<_> = stream::iter(kinds)
        .map(|kind| {
            let params = &params;
            async move {
                let api: Api<DynamicObject> = Api::all_with(platform.client(), kind);
                let list = match timeout(REQUEST, api.list_metadata(params)).await {
                    Ok(list) => list.map(|list| list.items),
                    Err(_) => Err(silent()),
                };
                let items: Vec<PartialObjectMeta<DynamicObject>> = match list {
                    Ok(items) => items,
                    Err(error) if kind.kind == "Namespace" && kind.group.is_empty() => return Err(error),
                    Err(_) => Vec::new(),
                };
                Ok(items
                    .into_iter()
                    .map(|item| Found {
                        kind: kind.clone(),
                        name: item.name_any(),
                        uid: item.metadata.uid.clone(),
                        run: item.labels().get(RUN_LABEL).cloned().unwrap_or_default(),
                        undo: undo::remembered(item.annotations()),
                    })
                    .collect::<Vec<_>>())
            }
        })
        .buffered(KINDS)
        .collect()
        .await;
    found
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map(|found| found.into_iter().flatten().collect())
}

/// The kind of namespaces.
pub(super) fn namespaces() -> ApiResource {
    ApiResource::erase::<Namespace>(&())
}

/// Removes everything with the run's label: namespaces, and cluster-scoped objects of those kinds.
pub(super) async fn remove(platform: &Platform, run: &RunId, kinds: &[ApiResource]) -> Cleanup {
    let selector = format!("{RUN_LABEL}={run}");
    let mut all = vec![namespaces()];
    all.extend(
        kinds
            .iter()
            .filter(|kind| **kind != all[0])
            .cloned()
            .collect::<Vec<_>>(),
    );
    match find(platform, &selector, &all).await {
        Ok(found) => remove_found(platform, &selector, found).await,
        Err(error) => Cleanup {
            left: vec![format!("what run {run} created could not be listed: {error}")],
            ..Cleanup::default()
        },
    }
}

/// Deletes each object by its uid and waits until the namespaces are gone.
pub(super) async fn remove_found(platform: &Platform, selector: &str, found: Vec<Found>) -> Cleanup {
    let mut cleanup = Cleanup::default();
    let results: Vec<_> = stream::iter(found)
        .map(|found| async move {
            let result = delete(platform, &found).await;
            (found, result)
        })
        .buffered(KINDS)
        .collect()
        .await;
    let mut waiting = Vec::new();
    for (found, result) in results {
        match result {
            Ok(()) if found.kind == namespaces() => waiting.push(found),
            Ok(()) => cleanup.removed.push(found.what()),
            Err(why) => cleanup.left.push(format!("{}: {why}", found.what())),
        }
    }
    let left = if waiting.is_empty() {
        Vec::new()
    } else {
        until_gone(platform, selector, &waiting).await
    };
    for found in waiting {
        if !left.iter().any(|(name, _)| *name == found.name) {
            cleanup.removed.push(found.what());
        }
    }
    cleanup.left.extend(
        left.into_iter()
            .map(|(name, why)| format!("Namespace {name}: {why}")),
    );
    cleanup
}

/// Has one namespace removed.
pub(super) async fn end(platform: &Platform, namespace: &super::Namespace) {
    let found = Found {
        kind: namespaces(),
        name: namespace.name().to_owned(),
        uid: Some(namespace.uid().to_owned()),
        run: String::new(),
        undo: namespace.undo().to_vec(),
    };
    // Whatever goes wrong, the run's cleanup comes after this.
    let _ = delete(platform, &found).await;
}

/// What remembers a change that can't be undone stays, so that the next cleanup can.
async fn delete(platform: &Platform, found: &Found) -> Result<(), String> {
    undo::undo_all(platform, &found.undo)
        .await
        .map_err(|why| format!("stays, since {why}"))?;
    if found.kind == namespaces() {
        end_pods(platform, &found.name).await;
    }
    let api: Api<DynamicObject> = Api::all_with(platform.client(), &found.kind);
    by_uid(&api, &found.name, found.uid.clone(), Grace::Own)
        .await
        .map_err(|error| format!("could not be deleted: {error}"))
}

/// Ends a namespace's pods, so that none with time to end holds up the namespace: its controller begins a few
/// seconds later, and would come back only when the pods' own grace has passed.
async fn end_pods(platform: &Platform, namespace: &str) {
    let pods: Api<Pod> = Api::namespaced(platform.client(), namespace);
    let params = DeleteParams {
        grace_period_seconds: Some(1),
        ..DeleteParams::default()
    };
    // Whatever goes wrong here, the namespace's end takes the pods along.
    let _ = timeout(REQUEST, pods.delete_collection(&params, &ListParams::default())).await;
}

/// Waits until these namespaces are gone; the answer is those that are not, and why.
async fn until_gone(platform: &Platform, selector: &str, wanted: &[Found]) -> Vec<(String, String)> {
    let namespaces: Api<Namespace> = Api::all(platform.client());
    let uids: Vec<Option<String>> = wanted.iter().map(|found| found.uid.clone()).collect();
    let gone = move |seen: &Seen<Namespace>| {
        let there: Vec<&Namespace> = seen
            .iter()
            .filter(|namespace| uids.contains(&namespace.uid()))
            .collect();
        match there.first() {
            None => Progress::Met,
            Some(_)
                if there
                    .iter()
                    .all(|namespace| waits_for_dead_api(namespace).is_some()) =>
            {
                Progress::Obstructed("only dead APIs hold the rest".to_owned())
            }
            Some(namespace) => Progress::NotYet(format!(
                "namespace {}: {}",
                namespace.name_any(),
                holdup(namespace)
            )),
        }
    };
    let watched = Watched::labelled(namespaces.clone(), selector);
    let Err(error) = watched
        .until(gone.called("everything of the run to be gone"), GONE)
        .await
    else {
        return Vec::new();
    };
    let unknown = |error: &dyn std::fmt::Display| {
        wanted
            .iter()
            .map(|found| {
                (
                    found.name.clone(),
                    format!("nobody knows whether it is gone: {error}"),
                )
            })
            .collect()
    };
    if let WaitError::Api { source, .. } = &error {
        return unknown(source);
    }
    match timeout(REQUEST, namespaces.list(&ListParams::default().labels(selector))).await {
        Ok(Ok(list)) => {
            let left = list
                .items
                .iter()
                .filter(|namespace| wanted.iter().any(|found| found.uid == namespace.uid()));
            join_all(left.map(|namespace| explained(platform, namespace))).await
        }
        Ok(Err(error)) => unknown(&error),
        Err(_) => unknown(&"the API server does not answer"),
    }
}

/// A namespace that is left, and why.
async fn explained(platform: &Platform, namespace: &Namespace) -> (String, String) {
    let name = namespace.name_any();
    let why = match pods_left(platform, &name).await {
        Some(pods) => format!("{pods}: their nodes have not let go of them"),
        None => holdup(namespace),
    };
    (name, why)
}

/// Pods that are still there, with their nodes.
async fn pods_left(platform: &Platform, namespace: &str) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(platform.client(), namespace);
    let list = timeout(REQUEST, pods.list(&ListParams::default().limit(500)))
        .await
        .ok()?
        .ok()?;
    let bound: Vec<String> = list
        .items
        .iter()
        .filter_map(|pod| {
            let node = pod.spec.as_ref()?.node_name.as_deref()?;
            Some(format!("pod `{}` is still on node `{node}`", pod.name_any()))
        })
        .collect();
    (!bound.is_empty()).then(|| bound.join(", "))
}

/// What keeps a namespace from going.
fn holdup(namespace: &Namespace) -> String {
    if let Some(message) = waits_for_dead_api(namespace) {
        return format!("is empty, and goes when an API that does not answer is back or removed: {message}");
    }
    let conditions = namespace
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let reasons: Vec<&str> = conditions
        .filter(|condition| condition.status == "True")
        .filter_map(|condition| condition.message.as_deref())
        .collect();
    if reasons.is_empty() {
        "is being removed".to_owned()
    } else {
        reasons.join("; ")
    }
}

/// The message about dead APIs, when nothing else keeps the namespace from going.
fn waits_for_dead_api(namespace: &Namespace) -> Option<String> {
    let conditions = namespace.status.as_ref()?.conditions.as_deref()?;
    let holds = |kind: &str| {
        conditions
            .iter()
            .find(|condition| condition.type_ == kind && condition.status == "True")
    };
    if holds("NamespaceContentRemaining").is_some() || holds("NamespaceFinalizersRemaining").is_some() {
        return None;
    }
    // Only once the controller has been through the contents does it know that none remains.
    conditions
        .iter()
        .find(|condition| condition.type_ == "NamespaceContentRemaining")?;
    holds("NamespaceDeletionDiscoveryFailure").map(|dead| dead.message.clone().unwrap_or_default())
}
