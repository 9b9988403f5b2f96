//! The health of the nodes that watched pods run on: a pod on a node that is gone can't be judged.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
};

use futures::{
    StreamExt,
    stream::{BoxStream, SelectAll},
};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};

use super::retry::Retry;

/// Watches exactly the nodes that the pods of a wait are bound to.
pub(super) struct Nodes {
    client: Client,
    streams: SelectAll<BoxStream<'static, (String, Health)>>,
    followed: BTreeSet<String>,
    trouble: BTreeMap<String, String>,
}

enum Health {
    Ready,
    Troubled(String),
}

impl Nodes {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            streams: SelectAll::new(),
            followed: BTreeSet::new(),
            trouble: BTreeMap::new(),
        }
    }

    /// Follows the nodes of those objects that are live pods; other kinds have none.
    pub(super) fn follow<'a, K: Any>(&mut self, objects: impl Iterator<Item = &'a K>) {
        for object in objects {
            let Some(pod) = (object as &dyn Any).downcast_ref::<Pod>() else {
                return;
            };
            let Some(node) = node_of(pod) else { continue };
            if self.followed.insert(node.to_owned()) {
                self.streams.push(health(&self.client, node.to_owned()));
            }
        }
    }

    /// Waits until a followed node's health changed; forever without any.
    pub(super) async fn changed(&mut self) {
        match self.streams.next().await {
            Some((node, Health::Ready)) => {
                self.trouble.remove(&node);
            }
            Some((node, Health::Troubled(why))) => {
                self.trouble.insert(node, why);
            }
            None => std::future::pending().await,
        }
    }

    /// What is wrong with the first troubled node.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble
            .iter()
            .next()
            .map(|(node, why)| format!("node `{node}` {why}"))
    }
}

/// The node of a pod that still runs there.
fn node_of(pod: &Pod) -> Option<&str> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return None;
    }
    pod.spec
        .as_ref()?
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

fn health(client: &Client, name: String) -> BoxStream<'static, (String, Health)> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watcher(Api::<Node>::all(client.clone()), config)
        .backoff(Retry::new())
        .scan(false, |there, event| {
            let health = match event {
                Ok(watcher::Event::Init) => {
                    *there = false;
                    None
                }
                Ok(watcher::Event::InitApply(node) | watcher::Event::Apply(node)) => {
                    *there = true;
                    Some(judge(&node))
                }
                Ok(watcher::Event::InitDone) => {
                    (!*there).then(|| Health::Troubled("does not exist".to_owned()))
                }
                Ok(watcher::Event::Delete(_)) => Some(Health::Troubled("was deleted".to_owned())),
                // Whoever may not watch nodes waits without this; the deadline remains.
                Err(_) => None,
            };
            std::future::ready(Some(health))
        })
        .filter_map(std::future::ready)
        .map(move |health| (name.clone(), health))
        .boxed()
}

fn judge(node: &Node) -> Health {
    let ready = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .find(|condition| condition.type_ == "Ready");
    match ready {
        Some(ready) if ready.status == "True" => Health::Ready,
        Some(ready) => {
            let why = ready
                .message
                .as_deref()
                .or(ready.reason.as_deref())
                .unwrap_or("no reason given");
            Health::Troubled(format!("is not ready: {why}"))
        }
        None => Health::Troubled("has no Ready condition".to_owned()),
    }
}
