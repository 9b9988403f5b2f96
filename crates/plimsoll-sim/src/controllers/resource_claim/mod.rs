//! Makes claims from templates for pods, and takes them back when nobody needs them.
//!
//! [`reading`] tells what a pod's claims are and who still needs one; [`generated`] is a claim from a template.

mod generated;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use self::reading::PodClaim;
use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "resource_claim";
/// Keeps an allocated claim from vanishing under its users.
const FINALIZER: &str = "resource.kubernetes.io/delete-protection";

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let claims = Claims {
        api: api.clone(),
        users: BTreeMap::new(),
        waiting: BTreeMap::new(),
    };
    drive(&api, latencies, claims).await;
}

/// What it looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Pod(Key),
    Claim(Key),
}

struct Claims {
    api: Direct,
    /// Pods by the claim that they use.
    users: BTreeMap<Key, BTreeSet<String>>,
    /// Pods by the template that they name.
    waiting: BTreeMap<Key, BTreeSet<String>>,
}

impl Reconcile for Claims {
    type Key = Subject;

    fn watches(&self) -> Watched {
        Watched::Only(vec![
            resources::PODS,
            resources::RESOURCE_CLAIMS,
            resources::RESOURCE_CLAIM_TEMPLATES,
        ])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Subject)) {
        let object = change.object();
        let key = Key::of(object);
        if *change.of() == resources::PODS {
            self.pod_changed(object, matches!(change, Change::Deleted(..)), look_at);
        } else if *change.of() == resources::RESOURCE_CLAIMS {
            if !matches!(change, Change::Deleted(..)) {
                look_at(Subject::Claim(key.clone()));
            }
            for pod in self.users.get(&key).into_iter().flatten() {
                look_at(Subject::Pod(Key::new(&key.namespace, pod)));
            }
        } else if !matches!(change, Change::Deleted(..)) {
            for pod in self.waiting.get(&key).into_iter().flatten() {
                look_at(Subject::Pod(Key::new(&key.namespace, pod)));
            }
        }
    }

    async fn reconcile(&mut self, subject: &Subject) -> Next {
        let outcome = match subject {
            Subject::Pod(key) => self.provide(key).await,
            Subject::Claim(key) => self.take_back(key).await,
        };
        match outcome {
            Ok(()) => Next::Done,
            Err(refusal) if refusal.reason == Reason::NotFound && matches!(subject, Subject::Claim(_)) => {
                Next::Done
            }
            Err(refusal) => refusal.into(),
        }
    }
}

impl Claims {
    fn pod_changed(&mut self, pod: &Object, gone: bool, look_at: &mut dyn FnMut(Subject)) {
        let claims = reading::claims(pod);
        let extended = reading::extended_claim(pod);
        if claims.is_empty() && extended.is_none() {
            return;
        }
        let (namespace, name) = (meta::namespace(pod), meta::name(pod));
        let needed = !gone && reading::needs_claims(pod);
        for claim in &claims {
            if let Some(template) = claim.template {
                note(&mut self.waiting, Key::new(namespace, template), name, !gone);
            }
            if let PodClaim {
                claim: Some(claim), ..
            } = claim
            {
                let key = Key::new(namespace, claim);
                note(&mut self.users, key.clone(), name, !gone);
                if !needed {
                    look_at(Subject::Claim(key));
                }
            }
        }
        if let Some(claim) = extended
            && !needed
        {
            look_at(Subject::Claim(Key::new(namespace, claim)));
        }
        if !gone && !meta::deleting(pod) && !claims.is_empty() {
            look_at(Subject::Pod(Key::of(pod)));
        }
    }

    /// Gives a pod the claims that its templates promise, and reserves those of a bound pod.
    async fn provide(&mut self, key: &Key) -> Result<(), Status> {
        let Some(pod) = self.api.get(&resources::PODS, key.space(), &key.name) else {
            return Ok(());
        };
        if meta::deleting(&pod) || reading::is_done(&pod) {
            return Ok(());
        }
        let mut fresh: BTreeMap<String, String> = BTreeMap::new();
        for claim in reading::claims(&pod) {
            match self.provide_one(&pod, &claim).await {
                Ok(None) => {}
                Ok(Some(name)) => {
                    fresh.insert(claim.name.to_owned(), name);
                }
                Err(refusal) => {
                    let message = format!("PodResourceClaim {}: {refusal}", claim.name);
                    self.api
                        .event(
                            &pod,
                            COMPONENT,
                            "Warning",
                            "FailedResourceClaimCreation",
                            &message,
                        )
                        .await;
                    return Err(refusal);
                }
            }
        }
        if !fresh.is_empty() {
            let statuses = reading::with_statuses(&pod, &fresh);
            let patch =
                json!({"metadata": {"uid": meta::uid(&pod)}, "status": {"resourceClaimStatuses": statuses}});
            self.api
                .merge(&resources::PODS, key.space(), &key.name, Some("status"), patch)
                .await?;
        }
        if pod::node(&pod).is_some() {
            self.reserve_for_bound(key).await?;
        }
        Ok(())
    }

    /// The name of a claim that was made, or found, for a pod that didn't know of it.
    async fn provide_one(&self, pod: &Object, claim: &PodClaim<'_>) -> Result<Option<String>, Status> {
        let Some(template) = claim.template else {
            return Ok(None);
        };
        if claim.not_needed {
            return Ok(None);
        }
        let namespace = meta::namespace(pod);
        if let Some(name) = claim.claim
            && let Some(known) = self.api.get(&resources::RESOURCE_CLAIMS, Some(namespace), name)
            && meta::controller_uid(&known) == Some(meta::uid(pod))
        {
            return Ok(None);
        }
        let found = self
            .api
            .owned_by(meta::uid(pod))
            .into_iter()
            .find(|(of, object)| {
                *of == resources::RESOURCE_CLAIMS
                    && meta::controller_uid(object) == Some(meta::uid(pod))
                    && meta::annotation(object, generated::ANNOTATION) == Some(claim.name)
            });
        if let Some((_, found)) = found {
            return Ok(Some(meta::name(&found).to_owned()));
        }
        let Some(template_object) =
            self.api
                .get(&resources::RESOURCE_CLAIM_TEMPLATES, Some(namespace), template)
        else {
            return Err(Status::new(
                Reason::NotFound,
                format!(
                    "resource claim template {template:?}: resourceclaimtemplate.resource.k8s.io {template:?} not found"
                ),
            ));
        };
        let made = self
            .api
            .create(generated::claim(pod, claim.name, &template_object))
            .await
            .map_err(|refusal| Status {
                message: format!("create ResourceClaim : {}", refusal.message),
                ..refusal
            })?;
        Ok(Some(meta::name(&made).to_owned()))
    }

    /// Reserves allocated claims for a pod that was bound by somebody who didn't.
    async fn reserve_for_bound(&self, key: &Key) -> Result<(), Status> {
        let Some(pod) = self.api.get(&resources::PODS, key.space(), &key.name) else {
            return Ok(());
        };
        for claim in reading::claims(&pod) {
            let Some(name) = claim.claim else { continue };
            let Some(object) = self.api.get(&resources::RESOURCE_CLAIMS, key.space(), name) else {
                return Ok(());
            };
            if claim.template.is_some() && meta::controller_uid(&object) != Some(meta::uid(&pod)) {
                continue;
            }
            if object["status"]["allocation"].is_null()
                || reading::is_reserved_for(&object, &pod)
                || !reading::can_be_reserved(&object)
            {
                continue;
            }
            let mut next = (*object).clone();
            let mut reserved = meta::items(&next["status"]["reservedFor"]).to_vec();
            reserved.push(json!({"resource": "pods", "name": meta::name(&pod), "uid": meta::uid(&pod)}));
            next["status"]["reservedFor"] = Value::Array(reserved);
            self.api.update_status(next).await?;
        }
        Ok(())
    }

    /// Whether the pod that a reservation is for is there and not over.
    fn still_needs(&self, namespace: &str, reservation: &Value) -> bool {
        let name = reservation["name"].as_str().unwrap_or_default();
        self.api
            .get(&resources::PODS, Some(namespace), name)
            .is_some_and(|pod| reservation["uid"] == meta::uid(&pod) && !reading::is_done(&pod))
    }

    /// Takes a claim back from pods that are gone or over, and deletes it if it was made for one of them.
    async fn take_back(&self, key: &Key) -> Result<(), Status> {
        let Some(claim) = self.api.get(&resources::RESOURCE_CLAIMS, key.space(), &key.name) else {
            return Ok(());
        };
        let reserved = meta::items(&claim["status"]["reservedFor"]);
        let remaining: Vec<Value> = reserved
            .iter()
            .filter(|entry| {
                let is_pod =
                    entry["resource"] == "pods" && entry["apiGroup"].as_str().unwrap_or_default().is_empty();
                !is_pod || self.still_needs(&key.namespace, entry)
            })
            .cloned()
            .collect();
        let held = meta::has_finalizer(&claim, FINALIZER);
        if remaining.len() < reserved.len() {
            let mut next = (*claim).clone();
            let deallocate = remaining.is_empty() && held;
            if let Some(status) = next["status"].as_object_mut() {
                if deallocate {
                    status.remove("allocation");
                }
                meta::set_or_leave_out(status, "reservedFor", Value::Array(remaining.clone()));
            }
            let written = self.api.update_status(next).await?;
            if held && written["status"]["allocation"].is_null() {
                self.let_go(key, &written).await?;
            }
        } else if held && meta::deleting(&claim) && remaining.is_empty() {
            let mut latest = claim.clone();
            if !claim["status"]["allocation"].is_null() {
                let mut next = (*claim).clone();
                if let Some(status) = next["status"].as_object_mut() {
                    status.remove("allocation");
                }
                latest = self.api.update_status(next).await?;
            }
            self.let_go(key, &latest).await?;
        }
        if remaining.is_empty()
            && let Some((name, uid)) = reading::made_for(&claim)
            && let Some(pod) = self.api.get(&resources::PODS, key.space(), name)
            && (meta::uid(&pod) != uid || reading::is_done(&pod))
            && !meta::deleting(&claim)
        {
            let options = DeleteOptions::default();
            self.api
                .delete(&resources::RESOURCE_CLAIMS, key.space(), &key.name, options)
                .await?;
        }
        Ok(())
    }

    async fn let_go(&self, key: &Key, claim: &Object) -> Result<(), Status> {
        let patch = meta::without_finalizer(claim, FINALIZER);
        self.api
            .merge(&resources::RESOURCE_CLAIMS, key.space(), &key.name, None, patch)
            .await?;
        Ok(())
    }
}

/// Notes a pod under a key, or takes the note back.
fn note(index: &mut BTreeMap<Key, BTreeSet<String>>, key: Key, pod: &str, there: bool) {
    if there {
        index.entry(key).or_default().insert(pod.to_owned());
    } else if let Some(pods) = index.get_mut(&key) {
        pods.remove(pod);
        if pods.is_empty() {
            index.remove(&key);
        }
    }
}
