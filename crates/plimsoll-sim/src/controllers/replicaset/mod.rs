//! Keeps as many pods of a template as a ReplicaSet says.
//!
//! [`status`] is what it tells of them; the loop is here.

mod status;
#[cfg(test)]
mod tests;

use plimsoll_apiserver::{Change, Direct, Object, Status, resources};
use serde_json::Value;

use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    pods::{
        adoption,
        candidates::{Candidates, OwnerKind},
        control::{PodControl, namespace_is_going},
        ranking, template,
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

/// How many pods one look creates or deletes at most.
const BURST: usize = 500;
const KIND: OwnerKind = OwnerKind {
    of: &resources::REPLICA_SETS,
    group: "apps",
    kind: "ReplicaSet",
};

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let sets = ReplicaSets {
        pods: PodControl::new(api.clone(), "replicaset-controller"),
        candidates: Candidates::default(),
        api: api.clone(),
    };
    drive(&api, latencies, sets).await;
}

struct ReplicaSets {
    api: Direct,
    pods: PodControl,
    candidates: Candidates,
}

impl Reconcile for ReplicaSets {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::REPLICA_SETS, resources::PODS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        if *change.of() == resources::PODS {
            self.candidates.pod_changed(&self.api, KIND, change, look_at);
            return;
        }
        if let Change::Deleted(_, set) = change {
            self.candidates.forget(set);
        } else {
            look_at(Key::of(change.object()));
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(set) = self.api.get(&resources::REPLICA_SETS, key.space(), &key.name) else {
            return Next::Done;
        };
        match self.keep(key, &set).await {
            Ok(next) => next,
            Err(refusal) => refusal.into(),
        }
    }
}

impl ReplicaSets {
    async fn keep(&mut self, key: &Key, set: &Object) -> Result<Next, Status> {
        let own = adoption::claim_pods(&self.api, set, &mut self.candidates, None).await?;
        let (mut active, going): (Vec<Object>, Vec<Object>) = own
            .into_iter()
            .filter(|pod| !pod::terminal(pod))
            .partition(|pod| pod::active(pod));
        let before = active.len();
        let outcome = if meta::deleting(set) {
            Ok(())
        } else {
            self.manage(set, &mut active).await
        };

        let now = self.api.clock().now();
        let terminating = (self.api.minor() >= 35).then_some(going.len());
        let status = status::of(set, before, &active, terminating, outcome.as_ref().err(), now);
        if status != set["status"] {
            status_of(&self.api, &resources::REPLICA_SETS, key, |set| {
                set["status"] = status.clone()
            })
            .await?;
        }
        outcome?;
        let min_ready = pod::min_ready(set);
        Ok(active
            .iter()
            .filter_map(|pod| pod::available_in(pod, min_ready, now))
            .min()
            .into())
    }

    /// Creates what is missing and deletes what is too much.
    async fn manage(&self, set: &Object, active: &mut Vec<Object>) -> Result<(), Status> {
        let wanted = usize::try_from(meta::number(&set["spec"]["replicas"], 1)).unwrap_or_default();
        if active.len() < wanted {
            let missing = (wanted - active.len()).min(BURST);
            let pods = (0..missing).map(|_| template::pod_of(set, &set["spec"]["template"]));
            return match self.pods.create_gently(set, pods).await {
                (_, Err(refusal)) if namespace_is_going(&refusal) => Ok(()),
                (_, outcome) => outcome,
            };
        }
        let surplus = (active.len() - wanted).min(BURST);
        if surplus > 0 {
            let order = ranking::first_to_go(std::mem::take(active), self.api.clock().now());
            for pod in &order[..surplus] {
                self.pods.delete(set, pod).await?;
            }
            *active = order;
        }
        Ok(())
    }
}

/// Whether a pod has all the labels of a template.
fn is_fully_labelled(pod: &Value, template: &Value) -> bool {
    template["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| pod["metadata"]["labels"][key] == *value)
}
