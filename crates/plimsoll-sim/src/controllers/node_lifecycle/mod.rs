//! Notices nodes that are lost, taints nodes by their conditions, and clears up after nodes that are gone.
//!
//! [`health`] decides whether a node is lost, [`taints`] which taints it ought to have; the loop is here. A node's
//! lease counts as a sign of life as much as its status does.

mod health;
mod taints;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use self::health::Signs;
use super::{
    facts::{
        condition::{self, Condition},
        meta::{self, Key},
        pod,
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "node-controller";
const LEASES: &str = "kube-node-lease";
/// How long a node may be silent.
const GRACE: Duration = Duration::from_secs(50);
/// How long a node may be silent that never said anything.
const STARTUP_GRACE: Duration = Duration::from_secs(60);
/// How long pods of a node that is gone are left alone, should it come back.
const QUARANTINE: Duration = Duration::from_secs(40);

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let nodes = Nodes {
        api: api.clone(),
        signs: BTreeMap::new(),
        unready: BTreeSet::new(),
        count: 0,
        gone: BTreeMap::new(),
    };
    drive(&api, latencies, nodes).await;
}

/// What it looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Node(String),
    /// A node that is no longer there.
    Gone(String),
}

struct Nodes {
    api: Direct,
    signs: BTreeMap<String, Signs>,
    /// The nodes that are not ready.
    unready: BTreeSet<String>,
    count: usize,
    /// Since when nodes are gone that have left pods behind.
    gone: BTreeMap<String, Timestamp>,
}

impl Reconcile for Nodes {
    type Key = Subject;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::NODES, resources::LEASES])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Subject)) {
        let object = change.object();
        let name = meta::name(object);
        let now = self.api.clock().now();
        if *change.of() == resources::LEASES {
            if meta::namespace(object) == LEASES
                && let Some(signs) = self.signs.get_mut(name)
            {
                signs.renewed(object, now);
                if self.unready.contains(name) {
                    look_at(Subject::Node(name.to_owned()));
                }
            }
            return;
        }
        match change {
            Change::Added(_, node) => {
                self.count += 1;
                self.signs.insert(name.to_owned(), Signs::of_new(node, now));
                look_at(Subject::Node(name.to_owned()));
            }
            Change::Modified { old, new, .. } => {
                if let Some(signs) = self.signs.get_mut(name) {
                    signs.posted(new, now);
                }
                if taints::matter(old) != taints::matter(new) {
                    look_at(Subject::Node(name.to_owned()));
                }
            }
            Change::Deleted(..) => {
                self.count -= 1;
                self.signs.remove(name);
                self.unready.remove(name);
                look_at(Subject::Gone(name.to_owned()));
            }
        }
    }

    async fn reconcile(&mut self, subject: &Subject) -> Next {
        let outcome = match subject {
            Subject::Node(name) => self.watch_over(name).await,
            Subject::Gone(name) => self.clear_up(name).await,
        };
        match outcome {
            Ok(next) => next,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Nodes {
    async fn watch_over(&mut self, name: &str) -> Result<Next, Status> {
        let Some(node) = self.api.get(&resources::NODES, None, name) else {
            return Ok(Next::Done);
        };
        let now = self.api.clock().now();
        let Some(signs) = self.signs.get_mut(name) else {
            return Ok(Next::Done);
        };
        if !signs.registered {
            signs.registered = true;
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            self.api
                .event(&node, COMPONENT, "Normal", "RegisteredNode", &message)
                .await;
        }
        let Some(signs) = self.signs.get_mut(name) else {
            return Ok(Next::Done);
        };
        let posts = condition::find(&node["status"]["conditions"], "Ready").is_some();
        let left = signs.silence_left(if posts { GRACE } else { STARTUP_GRACE }, now);
        if left.is_none() {
            let key = Key::new("", name);
            status_of(&self.api, &resources::NODES, &key, |node| {
                health::mark_lost(node, now)
            })
            .await?;
        }
        let Some(node) = self.api.get(&resources::NODES, None, name) else {
            return Ok(Next::Done);
        };
        let ready = condition::is_true(&node["status"]["conditions"], "Ready");
        let was_ready = signs.was_ready;
        signs.was_ready = ready;
        if ready {
            self.unready.remove(name);
        } else {
            self.unready.insert(name.to_owned());
        }
        if was_ready && !ready {
            let message = format!("Node {name} status is now: NodeNotReady");
            self.api
                .event(&node, COMPONENT, "Normal", "NodeNotReady", &message)
                .await;
            self.mark_pods(name).await?;
        }
        self.taint(&node).await?;
        Ok(left.into())
    }

    /// Tells of a lost node's pods that they are not ready: nobody else can.
    async fn mark_pods(&self, node: &str) -> Result<(), Status> {
        let now = self.api.clock().now();
        for pod in self.api.pods_on(node) {
            if !pod::ready(&pod) {
                continue;
            }
            status_of(&self.api, &resources::PODS, &Key::of(&pod), |pod| {
                for own in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
                    if own["type"] == "Ready" && own["status"] == "True" {
                        own["status"] = json!("False");
                        own["lastTransitionTime"] = json!(meta::stamp(now));
                    }
                }
            })
            .await?;
            self.api
                .event(&pod, COMPONENT, "Warning", "NodeNotReady", "Node is not ready")
                .await;
        }
        Ok(())
    }

    async fn taint(&self, node: &Object) -> Result<(), Status> {
        // Where no node is ready it is the network that is lost, and nobody is evicted.
        let evicts = self.unready.len() < self.count;
        let wanted = taints::wanted(node, evicts, &self.api.now());
        if Value::Array(wanted.clone()) == node["spec"]["taints"]
            || (wanted.is_empty() && node["spec"]["taints"].is_null())
        {
            return Ok(());
        }
        let taints = if wanted.is_empty() {
            Value::Null
        } else {
            Value::Array(wanted)
        };
        let patch = json!({
            "metadata": {"resourceVersion": meta::text(node, "resourceVersion")}, "spec": {"taints": taints},
        });
        self.api
            .merge(&resources::NODES, None, meta::name(node), None, patch)
            .await?;
        Ok(())
    }

    /// Fails and deletes the pods of a node that is gone.
    async fn clear_up(&mut self, node: &str) -> Result<Next, Status> {
        if self.api.get(&resources::NODES, None, node).is_some() {
            return Ok(Next::Done);
        }
        let pods = self.api.pods_on(node);
        if pods.is_empty() {
            return Ok(Next::Done);
        }
        let now = self.api.clock().now();
        let since = *self.gone.entry(node.to_owned()).or_insert(now);
        let left = since
            .checked_add(QUARANTINE)
            .ok()
            .map(|due| due.duration_since(now));
        if let Some(left) = left
            .and_then(|left| Duration::try_from(left).ok())
            .filter(|left| !left.is_zero())
        {
            return Ok(Next::Again(left));
        }
        self.gone.remove(node);
        for pod in pods {
            let target = Condition::new(
                "DisruptionTarget",
                true,
                "DeletionByPodGC",
                "PodGC: node no longer exists",
            );
            status_of(&self.api, &resources::PODS, &Key::of(&pod), |pod| {
                let mut conditions = meta::items(&pod["status"]["conditions"]).to_vec();
                condition::set(&mut conditions, &target, now);
                pod["status"]["conditions"] = Value::Array(conditions);
                if !pod::terminal(pod) {
                    pod["status"]["phase"] = json!("Failed");
                }
            })
            .await?;
            let options = DeleteOptions {
                uid: Some(meta::uid(&pod).to_owned()),
                grace_seconds: Some(0),
                ..DeleteOptions::default()
            };
            match self
                .api
                .delete(
                    &resources::PODS,
                    Some(meta::namespace(&pod)),
                    meta::name(&pod),
                    options,
                )
                .await
            {
                Err(refusal) if refusal.reason != Reason::NotFound => return Err(refusal),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(Next::Done)
    }
}
