//! Keeps pods with names and storage of their own, in order.
//!
//! [`identity`] is what makes a pod that of its ordinal, [`plan`] what is done next, [`claims`] their storage,
//! [`status`] what the set tells; the loop is here.

mod claims;
mod identity;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};

use self::plan::Step;
use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    pods::{
        adoption,
        candidates::{Candidates, OwnerKind},
        control::namespace_is_going,
    },
    revisions, status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "statefulset-controller";
const KIND: OwnerKind = OwnerKind {
    of: &resources::STATEFUL_SETS,
    group: "apps",
    kind: "StatefulSet",
};

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(
        &api,
        latencies,
        StatefulSets {
            api: api.clone(),
            candidates: Candidates::default(),
        },
    )
    .await;
}

struct StatefulSets {
    api: Direct,
    candidates: Candidates,
}

impl Reconcile for StatefulSets {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::STATEFUL_SETS, resources::PODS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        if *change.of() == resources::PODS {
            self.candidates.pod_changed(&self.api, KIND, change, look_at);
        } else if let Change::Deleted(_, set) = change {
            self.candidates.forget(set);
        } else {
            look_at(Key::of(change.object()));
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(set) = self.api.get(&resources::STATEFUL_SETS, key.space(), &key.name) else {
            return Next::Done;
        };
        match self.keep(key, &set).await {
            Ok(next) => next,
            Err(refusal) if namespace_is_going(&refusal) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl StatefulSets {
    async fn keep(&mut self, key: &Key, set: &Object) -> Result<Next, Status> {
        let orphans: Vec<Object> = self
            .candidates
            .of(&self.api, set)
            .into_iter()
            .filter(|orphan| identity::ordinal(set, orphan).is_some())
            .collect();
        let pods = adoption::claim(&self.api, set, orphans, None)
            .await
            .inspect_err(|_| {
                self.candidates.look_around_again(set);
            })?;
        let known = revisions::of(&self.api, set);
        let update = revisions::present(&self.api, set, &known, identity::REVISION_HASH).await?;
        let current = known
            .iter()
            .find(|revision| set["status"]["currentRevision"] == meta::name(revision))
            .unwrap_or(&update)
            .clone();

        let now = self.api.clock().now();
        let mut outcome = Ok(());
        if !meta::deleting(set) {
            let view = plan::View {
                set,
                pods: &pods,
                current: &current,
                update: &update,
                now,
            };
            for step in plan::steps(&view) {
                outcome = self.take(set, &pods, step).await;
                if outcome.is_err() {
                    break;
                }
            }
        }
        let after = adoption::controlled(&self.api, set, &resources::PODS);
        let status = status::of(set, &after, &current, &update, now);
        if status != set["status"] {
            status_of(&self.api, &resources::STATEFUL_SETS, key, |own| {
                if meta::uid(own) == meta::uid(set) {
                    own["status"] = status.clone();
                }
            })
            .await?;
        }
        outcome?;
        let in_use = |revision: &serde_json::Value| {
            let name = meta::name(revision);
            name == meta::name(&current)
                || name == meta::name(&update)
                || after
                    .iter()
                    .any(|pod| meta::label(pod, identity::HASH) == Some(name))
        };
        revisions::truncate(&self.api, set, &known, in_use).await?;
        let min_ready = pod::min_ready(set);
        Ok(after
            .iter()
            .filter_map(|pod| pod::available_in(pod, min_ready, now))
            .min()
            .into())
    }

    async fn take(&self, set: &Object, pods: &[Object], step: Step) -> Result<(), Status> {
        match step {
            Step::Create(pod) => {
                let name = meta::name(&pod).to_owned();
                let mut outcome = claims::provide(&self.api, COMPONENT, set, &pod).await;
                if outcome.is_ok() {
                    outcome = match self.api.create(pod).await {
                        Err(refusal) if refusal.reason == Reason::AlreadyExists => return Err(refusal),
                        outcome => outcome.map(drop),
                    };
                }
                self.tell("Create", set, &name, outcome).await
            }
            Step::Delete(name) => {
                let Some(pod) = pods.iter().find(|pod| meta::name(pod) == name) else {
                    return Ok(());
                };
                let options = DeleteOptions {
                    uid: Some(meta::uid(pod).to_owned()),
                    ..DeleteOptions::default()
                };
                let gone = self
                    .api
                    .delete(&resources::PODS, Some(meta::namespace(pod)), &name, options)
                    .await;
                let gone = match gone {
                    Err(refusal) if refusal.reason == Reason::NotFound => Ok(()),
                    gone => gone,
                };
                self.tell("Delete", set, &name, gone).await
            }
            Step::ClaimsOf { pod, condemned } => {
                let Some(pod) = pods.iter().find(|own| meta::name(own) == pod) else {
                    return Ok(());
                };
                claims::own(&self.api, set, pod, condemned).await
            }
        }
    }

    async fn tell(
        &self,
        verb: &str,
        set: &Object,
        pod: &str,
        outcome: Result<(), Status>,
    ) -> Result<(), Status> {
        let set_name = meta::name(set);
        match &outcome {
            Ok(()) => {
                let message = format!("{verb} Pod {pod} in StatefulSet {set_name} successful");
                self.api
                    .event(set, COMPONENT, "Normal", &format!("Successful{verb}"), &message)
                    .await;
            }
            Err(refusal) => {
                let message = format!("{verb} Pod {pod} in StatefulSet {set_name} failed error: {refusal}");
                self.api
                    .event(set, COMPONENT, "Warning", &format!("Failed{verb}"), &message)
                    .await;
            }
        }
        outcome
    }
}
