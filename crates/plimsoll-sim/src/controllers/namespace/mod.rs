//! Ends namespaces: everything in them is deleted, pods first, and once nothing is left the namespace is let go.
//!
//! [`conditions`] words what is left for people; the loop is here.

mod conditions;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use plimsoll_apiserver::{
    Change, DeleteOptions, Direct, GroupResource, Propagation, Reason, Status, resources,
};
use serde_json::{Value, json};

use self::conditions::Remains;
use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

/// The namespace's own finalizer, which only this controller takes away.
const FINALIZER: &str = "kubernetes";
/// How long a namespace is let be before its content is deleted, so that caches of others see that it is going.
const GRACE: Duration = Duration::from_secs(5);
/// What is thought that finalizers need.
const FINALIZERS_NEED: u64 = 15;

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, Namespaces { api: api.clone() }).await;
}

struct Namespaces {
    api: Direct,
}

impl Reconcile for Namespaces {
    type Key = String;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::NAMESPACES])
    }

    fn delay(&self, _: &Latencies) -> Duration {
        GRACE
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(String)) {
        match change {
            Change::Added(_, namespace) | Change::Modified { new: namespace, .. } => {
                if meta::deleting(namespace) {
                    look_at(meta::name(namespace).to_owned());
                }
            }
            Change::Deleted(..) => {}
        }
    }

    async fn reconcile(&mut self, name: &String) -> Next {
        match self.end(name).await {
            Ok(next) => next,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Namespaces {
    async fn end(&self, name: &str) -> Result<Next, Status> {
        let Some(namespace) = self.api.get(&resources::NAMESPACES, None, name) else {
            return Ok(Next::Done);
        };
        if !meta::deleting(&namespace) || meta::items(&namespace["spec"]["finalizers"]).is_empty() {
            return Ok(Next::Done);
        }
        if namespace["status"]["phase"] != "Terminating" {
            status_of(
                &self.api,
                &resources::NAMESPACES,
                &Key::new("", name),
                |namespace| {
                    namespace["status"]["phase"] = json!("Terminating");
                },
            )
            .await?;
        }

        let now = self.api.clock().now();
        let deleted = meta::time(&namespace["metadata"]["deletionTimestamp"]).unwrap_or(now);
        let mut remains = Remains::default();
        self.empty(&resources::PODS, "v1", name, deleted, &mut remains)
            .await;
        let pods_left = !remains.is_empty();
        if !pods_left {
            for collection in self.api.kinds().into_iter().filter(|own| own.namespaced) {
                if collection.of != resources::PODS {
                    self.empty(&collection.of, &collection.version, name, deleted, &mut remains)
                        .await;
                }
            }
        }

        // While pods are left the real controller doesn't say what else is, nor that pods are.
        let wanted = if pods_left {
            remains.failures_only().conditions()
        } else {
            remains.conditions()
        };
        status_of(
            &self.api,
            &resources::NAMESPACES,
            &Key::new("", name),
            |namespace| {
                conditions::put(namespace, &wanted, now);
            },
        )
        .await?;
        if remains.has_failures() {
            return Ok(Next::Failed);
        }
        if !remains.is_empty() {
            return Ok(Next::Again(Duration::from_secs(remains.estimate() / 2 + 1)));
        }
        let rest: Vec<&Value> = meta::items(&namespace["spec"]["finalizers"])
            .iter()
            .filter(|finalizer| *finalizer != FINALIZER)
            .collect();
        let patch = json!({"spec": {"finalizers": rest}});
        self.api
            .merge(&resources::NAMESPACES, None, name, Some("finalize"), patch)
            .await?;
        Ok(Next::Done)
    }

    /// Deletes what a collection has in a namespace, and notes what is left.
    async fn empty(
        &self,
        of: &GroupResource,
        version: &str,
        namespace: &str,
        deleted: Timestamp,
        remains: &mut Remains,
    ) {
        let content = self.api.list(of, Some(namespace));
        if content.is_empty() {
            return;
        }
        let grace = if *of == resources::PODS {
            let longest = content
                .iter()
                .filter(|pod| !pod::terminal(pod))
                .map(|pod| {
                    pod["spec"]["terminationGracePeriodSeconds"]
                        .as_u64()
                        .unwrap_or(30)
                })
                .max()
                .unwrap_or_default();
            let passed = self
                .api
                .clock()
                .now()
                .duration_since(deleted)
                .as_secs()
                .unsigned_abs();
            if passed >= longest { 0 } else { longest }
        } else {
            0
        };
        for object in content {
            let options = DeleteOptions {
                propagation: Some(Propagation::Background),
                ..DeleteOptions::default()
            };
            match self
                .api
                .delete(of, Some(namespace), meta::name(&object), options)
                .await
            {
                Ok(()) => {}
                Err(refusal) if refusal.reason == Reason::NotFound => {}
                Err(refusal) => remains.failed(refusal.message),
            }
        }
        let left = self.api.list(of, Some(namespace));
        if left.is_empty() {
            return;
        }
        let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
        for finalizer in left.iter().flat_map(|object| meta::finalizers(object)) {
            *finalizers.entry(finalizer.to_owned()).or_default() += 1;
        }
        if grace > 0 {
            remains.left(of, left.len(), finalizers, grace);
        } else if finalizers.is_empty() {
            let group = if of.group.is_empty() {
                ""
            } else {
                of.group.as_ref()
            };
            remains.failed(format!(
                "unexpected items still remain in namespace: {namespace} for gvr: {group}/{version}, Resource={}",
                of.resource
            ));
            remains.left(of, left.len(), finalizers, 0);
        } else {
            remains.left(of, left.len(), finalizers, FINALIZERS_NEED);
        }
    }
}
