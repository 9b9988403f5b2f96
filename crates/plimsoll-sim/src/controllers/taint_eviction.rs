//! Evicts pods from nodes whose `NoExecute` taints they don't bear, or bear for a time only.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use plimsoll_apiserver::{Change, DeleteOptions, Direct, Reason, Status, resources};
use serde_json::{Value, json};

use super::{
    facts::{
        condition::{self, Condition},
        meta::{self, Key},
        pod,
        taint::{self, Stay},
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "taint-eviction-controller";
const EVICTING: &[&str] = &["NoExecute"];

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(
        &api,
        latencies,
        Evictions {
            api: api.clone(),
            counting: BTreeMap::new(),
        },
    )
    .await;
}

struct Evictions {
    api: Direct,
    /// Since when a pod's time counts.
    counting: BTreeMap<Key, Timestamp>,
}

impl Reconcile for Evictions {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::NODES, resources::PODS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        if *change.of() == resources::PODS {
            let pod = change.object();
            if matches!(change, Change::Deleted(..)) {
                self.counting.remove(&Key::of(pod));
                return;
            }
            if let Change::Modified { old, new, .. } = change
                && old["spec"]["nodeName"] == new["spec"]["nodeName"]
                && old["spec"]["tolerations"] == new["spec"]["tolerations"]
            {
                return;
            }
            let tainted = pod::node(pod).is_some_and(|node| self.is_tainted(node));
            if tainted || self.counting.contains_key(&Key::of(pod)) {
                look_at(Key::of(pod));
            }
            return;
        }
        let node = change.object();
        let evicting = |node: &Value| taint::of(node, EVICTING).cloned().collect::<Vec<Value>>();
        let changed = match change {
            Change::Modified { old, new, .. } => evicting(old) != evicting(new),
            Change::Added(_, node) => !evicting(node).is_empty(),
            Change::Deleted(..) => false,
        };
        if changed {
            for pod in self.api.pods_on(meta::name(node)) {
                look_at(Key::of(&pod));
            }
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        match self.look(key).await {
            Ok(next) => next,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Evictions {
    fn is_tainted(&self, node: &str) -> bool {
        let node = self.api.get(&resources::NODES, None, node);
        node.is_some_and(|node| taint::of(&node, EVICTING).next().is_some())
    }

    async fn look(&mut self, key: &Key) -> Result<Next, Status> {
        let Some(pod) = self.api.get(&resources::PODS, key.space(), &key.name) else {
            return Ok(Next::Done);
        };
        let Some(node) = pod::node(&pod).and_then(|node| self.api.get(&resources::NODES, None, node)) else {
            return Ok(Next::Done);
        };
        if meta::deleting(&pod) {
            self.counting.remove(key);
            return Ok(Next::Done);
        }
        let taints: Vec<&Value> = taint::of(&node, EVICTING).collect();
        let now = self.api.clock().now();
        let Stay::For(time) = taint::stay(&pod["spec"]["tolerations"], taints) else {
            if self.counting.remove(key).is_some() {
                let message = format!("Cancelling deletion of Pod {key}");
                self.api
                    .event(&about(key), COMPONENT, "Normal", "TaintManagerEviction", &message)
                    .await;
            }
            return Ok(Next::Done);
        };
        let since = *self.counting.entry(key.clone()).or_insert(now);
        let left = since.checked_add(time).ok().map(|due| due.duration_since(now));
        if let Some(left) = left
            .and_then(|left| Duration::try_from(left).ok())
            .filter(|left| !left.is_zero())
        {
            return Ok(Next::Again(left));
        }
        self.counting.remove(key);
        let message = format!("Marking for deletion Pod {key}");
        self.api
            .event(&about(key), COMPONENT, "Normal", "TaintManagerEviction", &message)
            .await;
        evict(
            &self.api,
            key,
            "DeletionByTaintManager",
            "Taint manager: deleting due to NoExecute taint",
        )
        .await?;
        Ok(Next::Done)
    }
}

/// The pod, as far as an event of it names it.
fn about(pod: &Key) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.name, "namespace": pod.namespace}})
}

/// Tells a pod why, and deletes it.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn evict(api: &Direct, key: &Key, reason: &str, message: &str) -> Result<(), Status> {
    let now = api.clock().now();
    let target = Condition::new("DisruptionTarget", true, reason, message);
    status_of(api, &resources::PODS, key, |pod| {
        let mut conditions = meta::items(&pod["status"]["conditions"]).to_vec();
        condition::set(&mut conditions, &target, now);
        pod["status"]["conditions"] = Value::Array(conditions);
    })
    .await?;
    match api
        .delete(&resources::PODS, key.space(), &key.name, DeleteOptions::default())
        .await
    {
        Err(refusal) if refusal.reason != Reason::NotFound => Err(refusal),
        Ok(()) | Err(_) => Ok(()),
    }
}
