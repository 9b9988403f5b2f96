//! Keeps a pod on each node that a DaemonSet's template may run on.
//!
//! [`plan`] decides node by node, [`status`] is what the set tells; the loop is here.

mod plan;
mod status;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use plimsoll_apiserver::{Change, Direct, Object, Status, resources};
use serde_json::Value;

use super::{
    facts::{
        Selector,
        meta::{self, Key},
        pod,
    },
    pods::{
        adoption,
        candidates::{Candidates, OwnerKind},
        control::{PodControl, namespace_is_going},
    },
    revisions, status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "daemonset-controller";
const HASH: &str = "controller-revision-hash";
const KIND: OwnerKind = OwnerKind {
    of: &resources::DAEMON_SETS,
    group: "apps",
    kind: "DaemonSet",
};

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let sets = DaemonSets {
        pods: PodControl::new(api.clone(), COMPONENT),
        candidates: Candidates::default(),
        nodes: 0,
        api: api.clone(),
    };
    drive(&api, latencies, sets).await;
}

struct DaemonSets {
    api: Direct,
    pods: PodControl,
    candidates: Candidates,
    /// How many nodes there were at the last look.
    nodes: usize,
}

impl Reconcile for DaemonSets {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::DAEMON_SETS, resources::PODS, resources::NODES])
    }

    /// A look at a set is one at every node, so that on many nodes more changes have to be one.
    fn delay(&self, latencies: &Latencies) -> Duration {
        let hundreds = u32::try_from(self.nodes / 100).unwrap_or(u32::MAX);
        Latencies::of(latencies.controller_ms) + Duration::from_millis(20).saturating_mul(hundreds)
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        if *change.of() == resources::PODS {
            self.candidates.pod_changed(&self.api, KIND, change, look_at);
        } else if *change.of() == resources::NODES {
            let matter = |node: &Value| {
                let fields = [&node["metadata"]["labels"], &node["spec"]["taints"]];
                fields.map(Value::clone)
            };
            if let Change::Modified { old, new, .. } = change
                && matter(old) == matter(new)
            {
                return;
            }
            for set in self.api.list(&resources::DAEMON_SETS, None) {
                look_at(Key::of(&set));
            }
        } else if let Change::Deleted(_, set) = change {
            self.candidates.forget(set);
        } else {
            look_at(Key::of(object));
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(set) = self.api.get(&resources::DAEMON_SETS, key.space(), &key.name) else {
            return Next::Done;
        };
        match self.keep(key, &set).await {
            Ok(next) => next,
            Err(refusal) if namespace_is_going(&refusal) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl DaemonSets {
    async fn keep(&mut self, key: &Key, set: &Object) -> Result<Next, Status> {
        if Selector::of(&set["spec"]["selector"]).is_everything() {
            let message = "This daemon set is selecting all pods. A non-empty selector is required.";
            self.api
                .event(set, COMPONENT, "Warning", "SelectingAll", message)
                .await;
            return Ok(Next::Done);
        }
        if meta::deleting(set) {
            return Ok(Next::Done);
        }
        let known = revisions::of(&self.api, set);
        let revision = revisions::present(&self.api, set, &known, HASH).await?;
        let hash = meta::label(&revision, HASH).unwrap_or_default().to_owned();
        let pods = adoption::claim_pods(&self.api, set, &mut self.candidates, None).await?;
        let nodes = self.api.list(&resources::NODES, None);
        self.nodes = nodes.len();
        let now = self.api.clock().now();

        let view = plan::View {
            set,
            nodes: &nodes,
            by_node: by_node(&pods),
            hash: &hash,
            now,
        };
        let mut moves = plan::keep(&view);
        if moves.is_empty() {
            moves = plan::update(&view);
        }
        let outcome = self.carry_out(set, &moves, &hash).await;

        let after = adoption::controlled(&self.api, set, &resources::PODS);
        let view = plan::View {
            by_node: by_node(&after),
            ..view
        };
        let status = status::of(&view);
        if status != set["status"] {
            status_of(&self.api, &resources::DAEMON_SETS, key, |own| {
                if meta::uid(own) == meta::uid(set) {
                    own["status"] = status.clone();
                }
            })
            .await?;
        }
        outcome?;
        let in_use = |own: &Value| {
            meta::name(own) == meta::name(&revision)
                || after
                    .iter()
                    .any(|pod| meta::label(pod, HASH) == meta::label(own, HASH))
        };
        revisions::truncate(&self.api, set, &known, in_use).await?;
        let min_ready = pod::min_ready(set);
        Ok(after
            .iter()
            .filter_map(|pod| pod::available_in(pod, min_ready, now))
            .min()
            .into())
    }

    async fn carry_out(&self, set: &Object, moves: &plan::Moves, hash: &str) -> Result<(), Status> {
        for (kind, reason, message) in &moves.tell {
            self.api.event(set, COMPONENT, kind, reason, message).await;
        }
        let new: Vec<Value> = moves
            .create
            .iter()
            .map(|node| plan::pod(set, node, hash))
            .collect();
        let (_, created) = self.pods.create_gently(set, new).await;
        for pod in &moves.delete {
            self.pods.delete(set, pod).await?;
        }
        created
    }
}

/// Pods by the node that they are on, or are meant for.
fn by_node(pods: &[Object]) -> BTreeMap<String, Vec<Object>> {
    let mut by_node: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for pod in pods {
        if let Some(node) = plan::node_of(pod) {
            by_node.entry(node.to_owned()).or_default().push(pod.clone());
        }
    }
    for pods in by_node.values_mut() {
        pods.sort_by_key(|pod| {
            (
                pod::node(pod).is_none(),
                meta::created(pod),
                meta::name(pod).to_owned(),
            )
        });
    }
    by_node
}
