//! Runs a Job's pods until enough of them have succeeded.
//!
//! [`advance`] takes one Job a step further; [`plan`] decides what is done and whether the Job is over, [`tally`] counts each pod once, [`policy`] knows what
//! failures and successes mean, [`indexes`] are those of an indexed Job, [`creation`] a pod for one; the loop is here.

mod advance;
mod creation;
mod indexes;
mod member;
mod plan;
mod policy;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use plimsoll_apiserver::{Change, Direct, Object, Reason, Status, resources};
use serde_json::Value;

use self::plan::Setbacks;
use super::{
    facts::meta::{self, Key},
    pods::{
        candidates::{Candidates, OwnerKind},
        control::{PodControl, namespace_is_going},
    },
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "job-controller";
const KIND: OwnerKind = OwnerKind {
    of: &resources::JOBS,
    group: "batch",
    kind: "Job",
};

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let jobs = Jobs {
        pods: PodControl::new(api.clone(), COMPONENT),
        candidates: Candidates::default(),
        setbacks: BTreeMap::new(),
        api: api.clone(),
    };
    drive(&api, latencies, jobs).await;
}

/// What it looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Job(Key),
    /// A pod that a Job left behind while it was still to be counted.
    Orphan(Key),
}

struct Jobs {
    api: Direct,
    pods: PodControl,
    candidates: Candidates,
    /// What failed of each Job, by uid, since something of it succeeded.
    setbacks: BTreeMap<String, Setbacks>,
}

impl Reconcile for Jobs {
    type Key = Subject;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::JOBS, resources::PODS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Subject)) {
        if *change.of() == resources::PODS {
            self.candidates
                .pod_changed(&self.api, KIND, change, &mut |key| look_at(Subject::Job(key)));
            let pod = change.object();
            if member::tracked(pod) && !matches!(change, Change::Deleted(..)) && self.is_left_behind(pod) {
                look_at(Subject::Orphan(Key::of(pod)));
            }
            return;
        }
        match change {
            Change::Deleted(_, job) => {
                self.candidates.forget(job);
                self.setbacks.remove(meta::uid(job));
                for (of, pod) in self.api.owned_by(meta::uid(job)) {
                    if of == resources::PODS && member::tracked(&pod) {
                        look_at(Subject::Orphan(Key::of(&pod)));
                    }
                }
            }
            Change::Added(_, job) | Change::Modified { new: job, .. } => look_at(Subject::Job(Key::of(job))),
        }
    }

    async fn reconcile(&mut self, subject: &Subject) -> Next {
        let outcome = match subject {
            Subject::Job(key) => self.advance(key).await,
            Subject::Orphan(key) => self.let_go_of(key).await,
        };
        match outcome {
            Ok(next) => next,
            Err(refusal) if namespace_is_going(&refusal) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Jobs {
    /// Whether no Job will count this pod any more.
    fn is_left_behind(&self, pod: &Value) -> bool {
        let Some(owner) = meta::controller_of(pod) else {
            return true;
        };
        let name = owner["name"].as_str().unwrap_or_default();
        match self.api.get(&resources::JOBS, Some(meta::namespace(pod)), name) {
            Some(job) => owner["uid"] != meta::uid(&job) || tally::is_finished(&job),
            None => true,
        }
    }

    async fn let_go_of(&self, key: &Key) -> Result<Next, Status> {
        if let Some(pod) = self.api.get(&resources::PODS, key.space(), &key.name)
            && self.is_left_behind(&pod)
        {
            self.release(&pod).await?;
        }
        Ok(Next::Done)
    }

    /// Takes the Job's finalizer from a pod, which may be gone already.
    async fn release(&self, pod: &Object) -> Result<(), Status> {
        let (namespace, name) = (Some(meta::namespace(pod)), meta::name(pod));
        let latest = self.api.get(&resources::PODS, namespace, name);
        let Some(latest) =
            latest.filter(|latest| meta::uid(latest) == meta::uid(pod) && member::tracked(latest))
        else {
            return Ok(());
        };
        let patch = meta::without_finalizer(&latest, member::FINALIZER);
        match self
            .api
            .merge(&resources::PODS, namespace, name, None, patch)
            .await
        {
            Err(refusal) if refusal.reason != Reason::NotFound => Err(refusal),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
