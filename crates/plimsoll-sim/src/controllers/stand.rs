//! A stand to try controllers on: an API server, all controllers, and a stand-in for scheduler and kubelet.

use futures::StreamExt;
use jiff::Timestamp;
use plimsoll_apiserver::{
    ApiServer, Change, Clock, Config, DeleteOptions, Direct, Gates, GroupResource, Object, Seed, User,
    elapse, resources,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

use crate::{Faults, platform::Latencies};

/// How a pod on the stand ends: `Succeeded`, `Failed`, or not at all.
pub(crate) const ENDS: &str = "stand/ends";

pub(crate) struct Stand {
    pub(crate) api: Direct,
}

impl Stand {
    /// A server with all controllers, and pods that come to run.
    pub(crate) fn new() -> Self {
        Self::of_minor(36)
    }

    pub(crate) fn of_minor(minor: u32) -> Self {
        Self::with(minor, |_| super::Outside::default())
    }

    /// The same, with something outside of it.
    pub(crate) fn with(minor: u32, outside: impl FnOnce(&Direct) -> super::Outside) -> Self {
        let stand = Self::bare(minor);
        let outside = outside(&stand.api);
        let (api, faults) = (stand.api.clone(), Faults::default());
        tokio::spawn(super::run_all_with(api, Latencies::default(), faults, outside));
        tokio::spawn(run_pods(stand.api.clone()));
        stand
    }

    /// A server without anything around it.
    pub(crate) fn bare(minor: u32) -> Self {
        let begin: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let server = ApiServer::new(Config {
            minor,
            clock: Clock::starting_at(begin),
            seed: Seed::new(1),
            gates: Gates::default(),
            latency: Duration::ZERO,
        });
        Self {
            api: server.direct(User::component("kube-controller-manager")),
        }
    }

    pub(crate) async fn create(&self, object: Value) -> Object {
        let name = object["metadata"]["name"].clone();
        self.api
            .create(object)
            .await
            .unwrap_or_else(|refusal| panic!("{name}: {refusal} {}", refusal.details))
    }

    pub(crate) async fn namespace(&self, name: &str) -> Object {
        self.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
            .await
    }

    /// Lets platform time pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        elapse(Duration::from_secs(seconds)).await;
    }

    /// Lets platform time pass by the millisecond.
    pub(crate) async fn pass_ms(&self, milliseconds: u64) {
        elapse(Duration::from_millis(milliseconds)).await;
    }

    pub(crate) fn get(&self, of: &GroupResource, namespace: &str, name: &str) -> Option<Object> {
        self.api
            .get(of, (!namespace.is_empty()).then_some(namespace), name)
    }

    pub(crate) fn pods(&self, namespace: &str) -> Vec<Object> {
        self.api.list(&resources::PODS, Some(namespace))
    }

    pub(crate) fn names(&self, of: &GroupResource, namespace: &str) -> Vec<String> {
        let names = self.api.list(of, Some(namespace));
        names
            .iter()
            .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn delete(
        &self,
        of: &GroupResource,
        namespace: &str,
        name: &str,
        options: DeleteOptions,
    ) {
        self.api
            .delete(of, (!namespace.is_empty()).then_some(namespace), name, options)
            .await
            .unwrap();
    }

    pub(crate) async fn merge(
        &self,
        of: &GroupResource,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> Object {
        self.api
            .merge(
                of,
                (!namespace.is_empty()).then_some(namespace),
                name,
                None,
                patch,
            )
            .await
            .unwrap()
    }

    pub(crate) async fn merge_status(
        &self,
        of: &GroupResource,
        namespace: &str,
        name: &str,
        status: Value,
    ) -> Object {
        let patch = json!({"status": status});
        self.api
            .merge(
                of,
                (!namespace.is_empty()).then_some(namespace),
                name,
                Some("status"),
                patch,
            )
            .await
            .unwrap()
    }

    /// What Events say about an object: reason and message, oldest first.
    pub(crate) fn events(&self, namespace: &str, about: &str) -> Vec<(String, String)> {
        let mut events = self.api.list(&resources::EVENTS, Some(namespace));
        events.retain(|event| event["involvedObject"]["name"] == about);
        events.sort_by_key(|event| {
            event["metadata"]["resourceVersion"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        events
            .iter()
            .map(|event| (text(&event["reason"]), text(&event["message"])))
            .collect()
    }
}

/// A template of pods with that label, which end as said.
pub(crate) fn template(app: &str, ends: Option<&str>) -> Value {
    let mut template = json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "main", "image": "probe"}]},
    });
    if let Some(ends) = ends {
        template["metadata"]["annotations"] = json!({ENDS: ends});
        template["spec"]["restartPolicy"] = json!("Never");
    }
    template
}

/// Runs pods: bound and ready after a moment, over a second later if they say so, gone when they are to go.
async fn run_pods(api: Direct) {
    let mut changes = api.watch(&[resources::PODS]);
    while let Some(change) = changes.next().await {
        let (Change::Added(_, pod) | Change::Modified { new: pod, .. }) = change else {
            continue;
        };
        tokio::spawn(bring_on(api.clone(), pod));
    }
}

async fn bring_on(api: Direct, pod: Object) {
    let (namespace, name) = (
        pod["metadata"]["namespace"].as_str().unwrap(),
        pod["metadata"]["name"].as_str().unwrap(),
    );
    let phase = pod["status"]["phase"].as_str().unwrap_or("Pending");
    if pod["metadata"]["deletionTimestamp"].is_string() {
        if pod["metadata"]["deletionGracePeriodSeconds"] != 0 || phase == "Running" {
            elapse(Duration::from_millis(500)).await;
            if phase == "Running" {
                set_phase(&api, &pod, "Failed").await;
            }
            let options = DeleteOptions {
                grace_seconds: Some(0),
                ..DeleteOptions::default()
            };
            let _ = api.delete(&resources::PODS, Some(namespace), name, options).await;
        }
        return;
    }
    if pod["metadata"]["annotations"]["stand/stuck"].is_string() {
        return;
    }
    match phase {
        "Pending" => {
            elapse(Duration::from_millis(100)).await;
            if pod["spec"]["nodeName"].is_null() {
                let wanted = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
                let field = &wanted["nodeSelectorTerms"][0]["matchFields"][0]["values"][0];
                let _ = api.bind(namespace, name, field.as_str().unwrap_or("node")).await;
                return;
            }
            set_phase(&api, &pod, "Running").await;
        }
        "Running" => {
            if let Some(ends) = pod["metadata"]["annotations"][ENDS].as_str() {
                elapse(Duration::from_secs(1)).await;
                set_phase(&api, &pod, ends).await;
            }
        }
        _ => {}
    }
}

pub(crate) async fn set_phase(api: &Direct, pod: &Arc<Value>, phase: &str) {
    let now = api.now();
    let ready = if phase == "Running" { "True" } else { "False" };
    let state = match phase {
        "Running" => json!({"running": {"startedAt": now}}),
        _ => json!({"terminated": {"exitCode": i32::from(phase == "Failed"), "finishedAt": now}}),
    };
    let status = json!({"phase": phase,
        "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": now}],
        "containerStatuses": [{"name": "main", "ready": phase == "Running", "restartCount": 0, "state": state,
            "image": "probe", "imageID": ""}]});
    let (namespace, name) = (
        pod["metadata"]["namespace"].as_str(),
        pod["metadata"]["name"].as_str().unwrap(),
    );
    let patch = json!({"metadata": {"uid": pod["metadata"]["uid"]}, "status": status});
    let _ = api
        .merge(&resources::PODS, namespace, name, Some("status"), patch)
        .await;
}
