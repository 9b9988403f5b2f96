//! A platform with nothing but an API server and a scheduler.

use std::time::Duration;

use plimsoll_apiserver::{ApiServer, Clock, Config, Direct, Gates, Object, Seed, User, elapse, resources};
use serde_json::{Value, json};

use crate::{
    Faults,
    platform::{GangScheduling, Latencies},
    scheduler::run,
};

pub(super) struct Bench {
    pub(super) api: Direct,
    server: ApiServer,
    scheduler: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.scheduler.abort();
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::of(36, &[])
    }

    /// Of that minor version of Kubernetes, with these defects.
    pub(super) fn of(minor: u32, faults: &[&str]) -> Self {
        Self::with(
            minor,
            faults,
            GangScheduling {
                api: true,
                enforced: true,
                topology: true,
            },
            |_| {},
        )
    }

    /// With what `prepare` loads before the scheduler starts.
    pub(super) fn with(
        minor: u32,
        faults: &[&str],
        gang: GangScheduling,
        prepare: impl FnOnce(&ApiServer),
    ) -> Self {
        let server = ApiServer::new(Config {
            minor,
            clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
            seed: Seed::new(7),
            gates: Gates {
                topology_aware: true,
                ..Gates::default()
            },
            latency: Duration::ZERO,
        });
        // What the service account controller makes.
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "default"}});
        server.load(vec![account]).unwrap();
        prepare(&server);
        let api = server.direct(User::component("kube-scheduler"));
        let faults: Faults = faults.iter().copied().collect();
        let scheduler = tokio::spawn(run(api.clone(), Latencies::default(), faults, gang));
        Self {
            api: server.direct(User::admin()),
            server,
            scheduler,
        }
    }

    /// Lets everything come to rest.
    pub(super) async fn rest(&self) {
        elapse(Duration::from_secs(5)).await;
    }

    pub(super) async fn create(&self, object: Value) -> Object {
        self.api.create(object).await.unwrap()
    }

    /// An object as it is, status and all, past admission.
    pub(super) fn load(&self, object: Value) {
        self.server.load(vec![object]).unwrap();
    }

    /// A Ready node with that many processors and accelerators of a device plugin.
    pub(super) fn node(&self, name: &str, cpu: u32, gpus: u32) {
        self.load(node(name, cpu, gpus));
    }

    pub(super) async fn pod(&self, name: &str, spec: Value) {
        self.create(pod(name, spec)).await;
    }

    pub(super) fn read(&self, name: &str) -> Object {
        self.api.get(&resources::PODS, Some("default"), name).unwrap()
    }

    /// The node that a pod is on; empty for none.
    pub(super) fn node_of(&self, name: &str) -> String {
        self.read(name)["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// How many of the pods whose names begin so are on nodes.
    pub(super) fn bound(&self, prefix: &str) -> usize {
        let pods = self.api.list(&resources::PODS, Some("default"));
        let is_bound = |pod: &&Object| {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            name.starts_with(prefix)
                && pod["spec"]["nodeName"]
                    .as_str()
                    .is_some_and(|node| !node.is_empty())
        };
        pods.iter().filter(is_bound).count()
    }

    /// Reason and message of a pod's condition `PodScheduled`.
    pub(super) fn said(&self, name: &str) -> (String, String) {
        let pod = self.read(name);
        let conditions = pod["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let condition = conditions
            .into_iter()
            .find(|condition| condition["type"] == "PodScheduled")
            .unwrap_or_default();
        let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        (text("reason"), text("message"))
    }

    /// The reasons of a pod's events, with how often.
    pub(super) fn events(&self, name: &str) -> Vec<(String, i64)> {
        let events = self.api.list(&resources::EVENTS, Some("default"));
        let about = |event: &&Object| event["involvedObject"]["name"] == name;
        let brief = |event: &Object| {
            let reason = event["reason"].as_str().unwrap_or_default().to_owned();
            (reason, event["count"].as_i64().unwrap_or_default())
        };
        events.iter().filter(about).map(brief).collect()
    }

    pub(super) async fn remove(&self, name: &str) {
        let now = plimsoll_apiserver::DeleteOptions {
            grace_seconds: Some(0),
            ..Default::default()
        };
        self.api
            .delete(&resources::PODS, Some("default"), name, now)
            .await
            .unwrap();
    }

    pub(super) async fn change_node(&self, name: &str, patch: Value) {
        self.api
            .merge(&resources::NODES, None, name, None, patch)
            .await
            .unwrap();
    }
}

pub(super) fn node(name: &str, cpu: u32, gpus: u32) -> Value {
    let mut resources = json!({"cpu": cpu.to_string(), "memory": "64Gi", "pods": "110"});
    if gpus > 0 {
        resources["nvidia.com/gpu"] = json!(gpus.to_string());
    }
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": resources, "allocatable": resources,
                   "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// A pod with one container; `spec` may say more.
pub(super) fn pod(name: &str, spec: Value) -> Value {
    let mut whole = json!({"containers": [{"name": "c", "image": "i"}]});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": whole})
}

/// The spec of a pod that asks for these amounts.
pub(super) fn asks(amounts: Value) -> Value {
    json!({"containers": [{"name": "c", "image": "i", "resources": {"requests": amounts, "limits": amounts}}]})
}
