//! Creating and deleting pods for an owner, with the events that say so.

use plimsoll_apiserver::{DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::Value;

use super::super::facts::meta;

/// A controller in its role as maker of pods.
#[derive(Clone)]
pub(crate) struct PodControl {
    api: Direct,
    component: &'static str,
}

impl PodControl {
    pub(crate) fn new(api: Direct, component: &'static str) -> Self {
        Self { api, component }
    }

    /// Creates a pod.
    ///
    /// # Errors
    /// As the API refuses it; the owner has an event of that unless its namespace is going.
    pub(crate) async fn create(&self, owner: &Value, pod: Value) -> Result<Object, Status> {
        match self.api.create(pod).await {
            Ok(pod) => {
                let message = format!("Created pod: {}", meta::name(&pod));
                self.api
                    .event(owner, self.component, "Normal", "SuccessfulCreate", &message)
                    .await;
                Ok(pod)
            }
            Err(refusal) => {
                if !namespace_is_going(&refusal) {
                    let message = format!("Error creating: {refusal}");
                    self.api
                        .event(owner, self.component, "Warning", "FailedCreate", &message)
                        .await;
                }
                Err(refusal)
            }
        }
    }

    /// Creates pods in groups that double while they succeed, and gives up after the first group with a failure, so
    /// that a quota is not asked a thousand times. Says how many were created.
    ///
    /// # Errors
    /// The first refusal, if there was one.
    pub(crate) async fn create_gently(
        &self,
        owner: &Value,
        pods: impl IntoIterator<Item = Value>,
    ) -> (usize, Result<(), Status>) {
        let (mut created, mut group, mut in_group) = (0, 1, 0);
        let mut failure = None;
        for pod in pods {
            match self.create(owner, pod).await {
                Ok(_) => created += 1,
                Err(refusal) => {
                    let is_last = namespace_is_going(&refusal);
                    failure.get_or_insert(refusal);
                    if is_last {
                        break;
                    }
                }
            }
            in_group += 1;
            if in_group == group {
                if failure.is_some() {
                    break;
                }
                (group, in_group) = (group * 2, 0);
            }
        }
        (created, failure.map_or(Ok(()), Err))
    }

    /// Deletes a pod, which may be gone already.
    ///
    /// # Errors
    /// As the API refuses it; the owner has an event of that.
    pub(crate) async fn delete(&self, owner: &Value, pod: &Value) -> Result<(), Status> {
        let options = DeleteOptions {
            uid: Some(meta::uid(pod).to_owned()),
            ..DeleteOptions::default()
        };
        let name = meta::name(pod);
        let deleted = self
            .api
            .delete(&resources::PODS, Some(meta::namespace(pod)), name, options)
            .await;
        match deleted {
            Ok(()) => {
                let message = format!("Deleted pod: {name}");
                self.api
                    .event(owner, self.component, "Normal", "SuccessfulDelete", &message)
                    .await;
                Ok(())
            }
            Err(refusal) if refusal.reason == Reason::NotFound => Ok(()),
            Err(refusal) => {
                let message = format!("Error deleting: {refusal}");
                self.api
                    .event(owner, self.component, "Warning", "FailedDelete", &message)
                    .await;
                Err(refusal)
            }
        }
    }
}

/// Whether something was refused because its namespace is being terminated.
pub(crate) fn namespace_is_going(refusal: &Status) -> bool {
    meta::items(&refusal.details["causes"])
        .iter()
        .any(|cause| cause["reason"] == "NamespaceTerminating")
}
