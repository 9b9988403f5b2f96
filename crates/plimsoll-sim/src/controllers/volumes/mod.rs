//! Binds claims of storage to volumes, and makes volumes for those whose class asks for it.
//!
//! [`fit`] decides which volume is a claim's. There is no storage behind a volume that is made: what pods share through
//! it is the nodes' matter.

mod fit;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "persistentvolume-controller";
/// The driver that makes volumes on a simulated platform.
pub const PROVISIONER: &str = "storage.plimsoll.dev";
/// Keeps a claim while pods use it.
const CLAIM_IN_USE: &str = "kubernetes.io/pvc-protection";
/// Keeps a volume while a claim is bound to it.
const VOLUME_IN_USE: &str = "kubernetes.io/pv-protection";
const NOTES: [(&str, &str); 2] = [
    ("pv.kubernetes.io/bind-completed", "yes"),
    ("pv.kubernetes.io/bound-by-controller", "yes"),
];
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(
        &api,
        latencies,
        Volumes {
            api: api.clone(),
            waiting: BTreeSet::new(),
        },
    )
    .await;
}

/// What it looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Claim(Key),
    Volume(String),
}

struct Volumes {
    api: Direct,
    /// Claims that wait for a pod to be scheduled, or for a volume.
    waiting: BTreeSet<Key>,
}

impl Reconcile for Volumes {
    type Key = Subject;

    fn watches(&self) -> Watched {
        Watched::Only(vec![
            resources::PERSISTENT_VOLUME_CLAIMS,
            resources::PERSISTENT_VOLUMES,
            resources::STORAGE_CLASSES,
            resources::PODS,
        ])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Subject)) {
        let object = change.object();
        let of = change.of();
        let gone = matches!(change, Change::Deleted(..));
        if *of == resources::PODS {
            if let Change::Modified { old, new, .. } = change
                && pod::node(old) == pod::node(new)
                && pod::terminal(old) == pod::terminal(new)
            {
                return;
            }
            for claim in claims_of(object) {
                look_at(Subject::Claim(Key::new(meta::namespace(object), claim)));
            }
        } else if *of == resources::PERSISTENT_VOLUME_CLAIMS {
            let key = Key::of(object);
            if gone {
                self.waiting.remove(&key);
                if let Some(volume) = object["spec"]["volumeName"].as_str() {
                    look_at(Subject::Volume(volume.to_owned()));
                }
            } else {
                look_at(Subject::Claim(key));
            }
        } else {
            if *of == resources::PERSISTENT_VOLUMES && !gone {
                look_at(Subject::Volume(meta::name(object).to_owned()));
            }
            for claim in &self.waiting {
                look_at(Subject::Claim(claim.clone()));
            }
        }
    }

    async fn reconcile(&mut self, subject: &Subject) -> Next {
        let outcome = match subject {
            Subject::Claim(key) => self.look_at_claim(key).await,
            Subject::Volume(name) => self.look_at_volume(name).await,
        };
        match outcome {
            Ok(()) => Next::Done,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

/// The names of the claims that a pod mounts.
fn claims_of(of: &Value) -> impl Iterator<Item = &str> {
    meta::items(&of["spec"]["volumes"])
        .iter()
        .filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

impl Volumes {
    async fn look_at_claim(&mut self, key: &Key) -> Result<(), Status> {
        let Some(claim) = self
            .api
            .get(&resources::PERSISTENT_VOLUME_CLAIMS, key.space(), &key.name)
        else {
            return Ok(());
        };
        let users = self.api.list_where(&resources::PODS, key.space(), |pod| {
            !pod::terminal(pod) && claims_of(pod).any(|own| own == key.name)
        });
        if meta::deleting(&claim) {
            self.waiting.remove(key);
            if users.is_empty() && meta::has_finalizer(&claim, CLAIM_IN_USE) {
                let patch = meta::without_finalizer(&claim, CLAIM_IN_USE);
                let of = &resources::PERSISTENT_VOLUME_CLAIMS;
                self.api.merge(of, key.space(), &key.name, None, patch).await?;
            }
            return Ok(());
        }
        if !meta::has_finalizer(&claim, CLAIM_IN_USE) {
            let mut finalizers: Vec<&str> = meta::finalizers(&claim).collect();
            finalizers.push(CLAIM_IN_USE);
            let patch = json!({"metadata": {"finalizers": finalizers}});
            self.api
                .merge(
                    &resources::PERSISTENT_VOLUME_CLAIMS,
                    key.space(),
                    &key.name,
                    None,
                    patch,
                )
                .await?;
        }
        if claim["status"]["phase"] == "Bound" {
            self.waiting.remove(key);
            return Ok(());
        }
        let volume = self.volume_for(key, &claim, &users).await?;
        match volume {
            Some(volume) => {
                self.waiting.remove(key);
                self.bind(key, &claim, &volume).await
            }
            None => {
                self.waiting.insert(key.clone());
                Ok(())
            }
        }
    }

    /// The volume for a claim: the one that it or the volume names, one that fits, or a new one.
    async fn volume_for(
        &self,
        key: &Key,
        claim: &Object,
        users: &[Object],
    ) -> Result<Option<Object>, Status> {
        if let Some(name) = claim["spec"]["volumeName"]
            .as_str()
            .filter(|name| !name.is_empty())
        {
            let volume = self.api.get(&resources::PERSISTENT_VOLUMES, None, name);
            return Ok(volume.filter(|volume| fit::is_free_for(volume, claim)));
        }
        let class_name = claim["spec"]["storageClassName"].as_str().unwrap_or_default();
        let class = self.api.get(&resources::STORAGE_CLASSES, None, class_name);
        let node = users.iter().find_map(|user| pod::node(user));
        let waits = class
            .as_ref()
            .is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer");
        let volumes = self.api.list(&resources::PERSISTENT_VOLUMES, None);
        if let Some(volume) = fit::best(&volumes, claim) {
            return Ok(Some(volume.clone()));
        }
        let Some(class) = class else {
            let (kind, reason, message) = if class_name.is_empty() {
                let why = "no persistent volumes available for this claim and no storage class is set";
                ("Normal", "FailedBinding", why.to_owned())
            } else {
                let why = format!("storageclass.storage.k8s.io {class_name:?} not found");
                ("Warning", "ProvisioningFailed", why)
            };
            self.api.event(claim, COMPONENT, kind, reason, &message).await;
            return Ok(None);
        };
        if waits && node.is_none() && meta::annotation(claim, SELECTED_NODE).is_none() {
            let message = "waiting for first consumer to be created before binding";
            self.api
                .event(claim, COMPONENT, "Normal", "WaitForFirstConsumer", message)
                .await;
            return Ok(None);
        }
        let provisioner = class["provisioner"].as_str().unwrap_or_default();
        if provisioner != PROVISIONER {
            let message = format!(
                "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by \
                 the system administrator. If volume creation is delayed, please verify that the provisioner is \
                 running and correctly registered."
            );
            self.api
                .event(claim, COMPONENT, "Normal", "ExternalProvisioning", &message)
                .await;
            return Ok(None);
        }
        let volume = self.api.create(fit::new_volume(claim, &class)).await?;
        let message = format!("Successfully provisioned volume {}", meta::name(&volume));
        self.api
            .event(claim, PROVISIONER, "Normal", "ProvisioningSucceeded", &message)
            .await;
        let _ = key;
        Ok(Some(volume))
    }

    async fn bind(&self, key: &Key, claim: &Object, volume: &Object) -> Result<(), Status> {
        let name = meta::name(volume);
        let reference = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": key.namespace,
            "name": key.name, "uid": meta::uid(claim), "resourceVersion": meta::text(claim, "resourceVersion")});
        if volume["spec"]["claimRef"]["uid"] != meta::uid(claim) {
            let patch = json!({"spec": {"claimRef": reference}});
            self.api
                .merge(&resources::PERSISTENT_VOLUMES, None, name, None, patch)
                .await?;
        }
        let now = self.api.now();
        status_of(
            &self.api,
            &resources::PERSISTENT_VOLUMES,
            &Key::new("", name),
            |volume| {
                if volume["status"]["phase"] != "Bound" {
                    volume["status"] = json!({"phase": "Bound", "lastPhaseTransitionTime": now});
                }
            },
        )
        .await?;
        let mut annotations = json!({});
        for (note, value) in NOTES {
            annotations[note] = json!(value);
        }
        let patch = json!({"metadata": {"annotations": annotations}, "spec": {"volumeName": name}});
        self.api
            .merge(
                &resources::PERSISTENT_VOLUME_CLAIMS,
                key.space(),
                &key.name,
                None,
                patch,
            )
            .await?;
        status_of(&self.api, &resources::PERSISTENT_VOLUME_CLAIMS, key, |claim| {
            claim["status"] = json!({"phase": "Bound", "accessModes": volume["spec"]["accessModes"],
                "capacity": volume["spec"]["capacity"]});
        })
        .await
    }

    /// Releases a volume whose claim is gone, and deletes it if it says so.
    async fn look_at_volume(&self, name: &str) -> Result<(), Status> {
        let Some(volume) = self.api.get(&resources::PERSISTENT_VOLUMES, None, name) else {
            return Ok(());
        };
        let reference = &volume["spec"]["claimRef"];
        let claim = reference["name"].as_str().and_then(|claim| {
            self.api.get(
                &resources::PERSISTENT_VOLUME_CLAIMS,
                reference["namespace"].as_str(),
                claim,
            )
        });
        let is_bound =
            claim.is_some_and(|claim| reference["uid"].is_null() || reference["uid"] == meta::uid(&claim));
        if meta::deleting(&volume) {
            if !is_bound && meta::has_finalizer(&volume, VOLUME_IN_USE) {
                let patch = meta::without_finalizer(&volume, VOLUME_IN_USE);
                self.api
                    .merge(&resources::PERSISTENT_VOLUMES, None, name, None, patch)
                    .await?;
            }
            return Ok(());
        }
        if !meta::has_finalizer(&volume, VOLUME_IN_USE) {
            let mut finalizers: Vec<&str> = meta::finalizers(&volume).collect();
            finalizers.push(VOLUME_IN_USE);
            let patch = json!({"metadata": {"finalizers": finalizers}});
            self.api
                .merge(&resources::PERSISTENT_VOLUMES, None, name, None, patch)
                .await?;
        }
        if is_bound {
            return Ok(());
        }
        let phase = if reference["uid"].is_string() {
            "Released"
        } else {
            "Available"
        };
        if volume["status"]["phase"] != phase {
            let now = self.api.now();
            status_of(
                &self.api,
                &resources::PERSISTENT_VOLUMES,
                &Key::new("", name),
                |volume| {
                    volume["status"] = json!({"phase": phase, "lastPhaseTransitionTime": now});
                },
            )
            .await?;
        }
        if phase == "Released" && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
            self.api
                .delete(
                    &resources::PERSISTENT_VOLUMES,
                    None,
                    name,
                    DeleteOptions::default(),
                )
                .await?;
        }
        Ok(())
    }
}
