//! The probe pods of one trial, so that none holds a device when the trial's lease ends.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use plimsoll_platform::Namespace;

use super::{LivePod, ProbePod};
use crate::{CheckError, Patience};

/// The pods that were created in a namespace.
pub struct Roster {
    namespace: Namespace,
    pods: Mutex<Vec<LivePod>>,
}

impl Roster {
    /// No pods as yet.
    #[must_use]
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            pods: Mutex::default(),
        }
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Creates a pod.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn start(&self, pod: &ProbePod) -> Result<LivePod, CheckError> {
        let pod = LivePod::create(&self.namespace, pod).await?;
        self.pods
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pod.clone());
        Ok(pod)
    }

    /// Takes away every pod that is still there, and waits until they are gone. What can't be removed stays for
    /// the run's own cleanup, which says so.
    pub async fn clear(&self, patience: &Patience) {
        let pods = std::mem::take(&mut *self.pods.lock().unwrap_or_else(PoisonError::into_inner));
        let api: Api<Pod> = self.namespace.api();
        let there: Option<BTreeSet<String>> = api
            .list_metadata(&ListParams::default())
            .await
            .ok()
            .map(|list| list.items.iter().filter_map(ResourceExt::uid).collect());
        let left = pods
            .iter()
            .filter(|pod| there.as_ref().is_none_or(|there| there.contains(&pod.uid())));
        join_all(left.map(|pod| pod.remove(patience))).await;
    }
}
