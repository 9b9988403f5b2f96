//! Rolls a Deployment's template out over ReplicaSets.
//!
//! [`sizes`] decides how large each set is to be, [`revision`] which set has the present template and what it is
//! called, [`status`] what the Deployment tells; the loop is here.

mod revision;
mod sizes;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use self::sizes::{Limits, Resize};
use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    pods::{adoption, control::namespace_is_going},
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "deployment-controller";

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, Deployments { api: api.clone() }).await;
}

struct Deployments {
    api: Direct,
}

/// A Deployment's sets.
struct Sets {
    /// The one of the present template.
    new: Option<Object>,
    /// The others, oldest first.
    old: Vec<Object>,
}

impl Sets {
    fn all(&self) -> Vec<Object> {
        self.old.iter().chain(&self.new).cloned().collect()
    }
}

impl Reconcile for Deployments {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![
            resources::DEPLOYMENTS,
            resources::REPLICA_SETS,
            resources::PODS,
        ])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        if *change.of() == resources::DEPLOYMENTS {
            if !matches!(change, Change::Deleted(..)) {
                look_at(Key::of(object));
            }
            return;
        }
        let set = if *change.of() == resources::PODS {
            // Only a Deployment that recreates waits for pods to be gone.
            let Change::Deleted(_, pod) = change else { return };
            let Some(name) = meta::controller_named(pod, "apps", "ReplicaSet") else {
                return;
            };
            let Some(set) = self
                .api
                .get(&resources::REPLICA_SETS, Some(meta::namespace(pod)), name)
            else {
                return;
            };
            set
        } else {
            object.clone()
        };
        if let Some(name) = meta::controller_named(&set, "apps", "Deployment") {
            look_at(Key::new(meta::namespace(&set), name));
        } else if !matches!(change, Change::Deleted(..)) && meta::controller_of(&set).is_none() {
            for deployment in self
                .api
                .list(&resources::DEPLOYMENTS, Some(meta::namespace(&set)))
            {
                look_at(Key::of(&deployment));
            }
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(deployment) = self.api.get(&resources::DEPLOYMENTS, key.space(), &key.name) else {
            return Next::Done;
        };
        match self.roll(key, &deployment).await {
            Ok(next) => next,
            Err(refusal) if namespace_is_going(&refusal) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Deployments {
    async fn roll(&self, key: &Key, deployment: &Object) -> Result<Next, Status> {
        let selector = super::facts::Selector::of(&deployment["spec"]["selector"]);
        if selector.is_everything() {
            let message = "This deployment is selecting all pods. A non-empty selector is required.";
            self.api
                .event(deployment, COMPONENT, "Warning", "SelectingAll", message)
                .await;
            return Ok(Next::Done);
        }
        let mut own =
            adoption::release_strangers(&self.api, deployment, &resources::REPLICA_SETS, &selector).await?;
        if !meta::deleting(deployment) {
            for orphan in self.api.list(&resources::REPLICA_SETS, key.space()) {
                if adoption::adoptable(deployment, &selector, &orphan) {
                    own.push(
                        adoption::adopt(&self.api, deployment, &resources::REPLICA_SETS, &orphan, None)
                            .await?,
                    );
                }
            }
        }
        let mut sets = revision::sort(deployment, own);
        if meta::deleting(deployment) {
            return self.tell(key, deployment, &sets, false).await;
        }
        status::pause(&self.api, key, deployment).await?;
        if deployment["spec"]["paused"] == true || revision::is_scaled(deployment, &sets) {
            if let Some(new) = sets.new.take() {
                sets.new = Some(revision::keep_current(&self.api, deployment, &new, &sets.old).await?);
            }
            let sizes = sizes::scale(&Limits::of(deployment), sets.new.as_deref(), &sets.old);
            self.resize(deployment, &mut sets, sizes).await?;
            if deployment["spec"]["paused"] == true {
                self.forget_old(deployment, &sets).await?;
            }
            return self.tell(key, deployment, &sets, false).await;
        }
        if deployment["spec"]["strategy"]["type"] == "Recreate" {
            self.recreate(key, deployment, sets).await
        } else {
            self.update_rolling(key, deployment, sets).await
        }
    }

    async fn update_rolling(&self, key: &Key, deployment: &Object, mut sets: Sets) -> Result<Next, Status> {
        let limits = Limits::of(deployment);
        let new = self.set_of_template(key, deployment, &sets).await?;
        let grown = sizes::grow_new(&limits, &new, &sets.old);
        sets.new = Some(new);
        if self.resize(deployment, &mut sets, grown).await? {
            return self.tell(key, deployment, &sets, true).await;
        }
        let shrunk = sizes::shrink_old(&limits, sets.new.as_deref(), &sets.old);
        if self.resize(deployment, &mut sets, shrunk).await? {
            return self.tell(key, deployment, &sets, true).await;
        }
        if status::is_complete(deployment, &deployment["status"]) {
            self.forget_old(deployment, &sets).await?;
        }
        self.tell(key, deployment, &sets, true).await
    }

    async fn recreate(&self, key: &Key, deployment: &Object, mut sets: Sets) -> Result<Next, Status> {
        let to_nothing = sizes::to_nothing(&sets.old);
        if self.resize(deployment, &mut sets, to_nothing).await? || self.old_pods_run(&sets) {
            return self.tell(key, deployment, &sets, true).await;
        }
        let new = self.set_of_template(key, deployment, &sets).await?;
        let full = Limits::of(deployment).replicas;
        let grown = Resize::of(&new, full).into_iter().collect();
        sets.new = Some(new);
        self.resize(deployment, &mut sets, grown).await?;
        if status::is_complete(deployment, &deployment["status"]) {
            self.forget_old(deployment, &sets).await?;
        }
        self.tell(key, deployment, &sets, true).await
    }

    fn old_pods_run(&self, sets: &Sets) -> bool {
        sets.old.iter().any(|set| {
            adoption::controlled(&self.api, set, &resources::PODS)
                .iter()
                .any(|pod| !pod::terminal(pod))
        })
    }

    /// The set of the present template; it is made if there is none.
    async fn set_of_template(&self, key: &Key, deployment: &Object, sets: &Sets) -> Result<Object, Status> {
        if let Some(new) = &sets.new {
            let new = revision::keep_current(&self.api, deployment, new, &sets.old).await?;
            status::found(&self.api, key, deployment, &new).await?;
            return Ok(new);
        }
        let limits = Limits::of(deployment);
        let mut set = revision::new_set(deployment, &sets.old);
        let size = sizes::of_new(&limits, 0, &sets.old);
        set["spec"]["replicas"] = json!(size);
        revision::annotate(deployment, &mut set, revision::next(&sets.old), false);
        let name = meta::name(&set).to_owned();
        match self.api.create(set).await {
            Ok(made) => {
                if size > 0 {
                    let message = format!("Scaled up replica set {name} from 0 to {size}");
                    self.api
                        .event(deployment, COMPONENT, "Normal", "ScalingReplicaSet", &message)
                        .await;
                }
                revision::annotate_deployment(&self.api, key, deployment, &made).await?;
                status::created(&self.api, key, deployment, &name).await?;
                Ok(made)
            }
            Err(refusal) if refusal.reason == Reason::AlreadyExists => {
                // Another template has the same short name: count that, so that the next try makes another one.
                status_of(&self.api, &resources::DEPLOYMENTS, key, |deployment| {
                    let collisions = meta::number(&deployment["status"]["collisionCount"], 0);
                    deployment["status"]["collisionCount"] = json!(collisions + 1);
                })
                .await?;
                Err(refusal)
            }
            Err(refusal) if namespace_is_going(&refusal) => Err(refusal),
            Err(refusal) => {
                let message = format!("Failed to create new replica set {name:?}: {refusal}");
                status::not_created(&self.api, key, deployment, &message).await?;
                self.api
                    .event(
                        deployment,
                        COMPONENT,
                        "Warning",
                        "ReplicaSetCreateError",
                        &message,
                    )
                    .await;
                Err(refusal)
            }
        }
    }

    /// Gives sets their sizes, and says whether that changed any.
    async fn resize(&self, deployment: &Object, sets: &mut Sets, sizes: Vec<Resize>) -> Result<bool, Status> {
        let limits = Limits::of(deployment);
        let mut resized = false;
        for Resize { set, to } in sizes {
            let Some(slot) = sets
                .old
                .iter_mut()
                .chain(sets.new.iter_mut())
                .find(|own| meta::uid(own) == set)
            else {
                continue;
            };
            let before = meta::number(&slot["spec"]["replicas"], 0);
            let mut next = (**slot).clone();
            next["spec"]["replicas"] = json!(to);
            revision::annotate_sizes(&mut next, &limits);
            if next == **slot {
                continue;
            }
            *slot = self.api.update(next).await?;
            if before != to {
                resized = true;
                let direction = if before < to { "up" } else { "down" };
                let message = format!(
                    "Scaled {direction} replica set {} from {before} to {to}",
                    meta::name(slot)
                );
                self.api
                    .event(deployment, COMPONENT, "Normal", "ScalingReplicaSet", &message)
                    .await;
            }
        }
        Ok(resized)
    }

    /// Deletes empty sets of revisions beyond the limit.
    async fn forget_old(&self, deployment: &Object, sets: &Sets) -> Result<(), Status> {
        for name in revision::to_forget(deployment, &sets.old) {
            let namespace = Some(meta::namespace(deployment));
            let gone = self
                .api
                .delete(
                    &resources::REPLICA_SETS,
                    namespace,
                    &name,
                    DeleteOptions::default(),
                )
                .await;
            match gone {
                Err(refusal) if refusal.reason != Reason::NotFound => return Err(refusal),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Writes the status, with how the rollout gets on where one is under way.
    async fn tell(&self, key: &Key, deployment: &Object, sets: &Sets, rollout: bool) -> Result<Next, Status> {
        // The look may have written conditions of its own.
        let Some(latest) = self.api.get(&resources::DEPLOYMENTS, key.space(), &key.name) else {
            return Ok(Next::Done);
        };
        let now = self.api.clock().now();
        let progress = rollout.then(|| sets.new.as_deref().map(meta::name).unwrap_or_default());
        let told = status::Told {
            deployment: &latest,
            sets: &sets.all(),
            new: sets.new.as_deref(),
            with_terminating: self.api.minor() >= 35,
        };
        let (status, check_in): (Value, Option<Duration>) = status::of(&told, progress, now);
        if status != latest["status"] {
            status_of(&self.api, &resources::DEPLOYMENTS, key, |own| {
                if meta::uid(own) == meta::uid(deployment) {
                    own["status"] = status.clone();
                }
            })
            .await?;
        }
        Ok(check_in.into())
    }
}
