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

/// The label by which pods are sent to one node.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Watches exactly the nodes that the pods of a wait are bound to, or wait for.
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
            let Some(home) = home(pod) else { continue };
            if self.followed.insert(home.node().to_owned()) {
                self.streams.push(health(&self.client, home));
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

/// Which node a pod depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home<'a> {
    /// The one it is bound to, by name.
    Bound(&'a str),
    /// The only one that it may be bound to, by its host name.
    Wanted(&'a str),
}

impl<'a> Home<'a> {
    fn node(self) -> &'a str {
        match self {
            Self::Bound(node) | Self::Wanted(node) => node,
        }
    }

    fn watched(self) -> watcher::Config {
        match self {
            Self::Bound(name) => watcher::Config::default().fields(&format!("metadata.name={name}")),
            Self::Wanted(host) => watcher::Config::default().labels(&format!("{HOSTNAME}={host}")),
        }
    }
}

/// The node that a pod which has not ended depends on, if it is one.
fn home(pod: &Pod) -> Option<Home<'_>> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return None;
    }
    let spec = pod.spec.as_ref()?;
    let wanted = || Some(Home::Wanted(spec.node_selector.as_ref()?.get(HOSTNAME)?));
    match spec.node_name.as_deref() {
        Some(name) if !name.is_empty() => Some(Home::Bound(name)),
        Some(_) | None => wanted(),
    }
}

fn health(client: &Client, home: Home<'_>) -> BoxStream<'static, (String, Health)> {
    let name = home.node().to_owned();
    watcher(Api::<Node>::all(client.clone()), home.watched())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: &serde_json::Value, phase: &str) -> Pod {
        let pod = json!({"metadata": {"name": "p"}, "spec": spec, "status": {"phase": phase}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_pod_depends_on_the_node_that_it_is_bound_to_or_may_only_go_to() {
        let selector = json!({HOSTNAME: "b"});
        let bound = pod(
            &json!({"containers": [], "nodeName": "a", "nodeSelector": selector}),
            "Running",
        );
        assert_eq!(home(&bound), Some(Home::Bound("a")));
        let wanted = pod(&json!({"containers": [], "nodeSelector": selector}), "Pending");
        assert_eq!(home(&wanted), Some(Home::Wanted("b")));
        let anywhere = pod(&json!({"containers": []}), "Pending");
        assert_eq!(home(&anywhere), None);
        let ended = pod(&json!({"containers": [], "nodeName": "a"}), "Succeeded");
        assert_eq!(home(&ended), None);
    }
}
