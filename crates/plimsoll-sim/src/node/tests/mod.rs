//! Pods on simulated nodes, over an API server in process and virtual time.

mod containers;
mod devices;
mod lives;
mod programs;

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use plimsoll_apiserver::{
    ApiServer, Change, Clock, Config, DeleteOptions, Direct, Gates, LogRequest, Nodes, Object, Seed, User,
    elapse, resources,
};
use plimsoll_probe::Transcript;
use plimsoll_vendors::Division;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Fleet, Images};
use crate::{
    Faults,
    platform::{Accelerators, Allocation, Latencies, NodeGroup, PlatformSpec},
};

/// A platform of one node without anything but its kubelet.
struct Bench {
    api: Direct,
    fleet: Fleet,
    _components: JoinSet<()>,
}

const PROBE: &str = "plimsoll.dev/probe:test";
const NODE: &str = "gpu-1";
const PATIENCE: Duration = Duration::from_secs(600);

impl Bench {
    fn new(allocation: Allocation, defects: &[&str]) -> Self {
        let mut group = NodeGroup::new("gpu", 1);
        group.accelerators = vec![Accelerators {
            vendor: "nvidia".to_owned(),
            count: 2,
            allocation,
            busy: 0,
            division: Division::default(),
            sharing: None,
            shares: 0,
            exporter: true,
        }];
        let mut spec = PlatformSpec::preset("minimal").unwrap();
        spec.kubernetes = 36;
        spec.latencies = Latencies::default();
        spec.nodes = vec![group];
        Self::of(&spec, defects)
    }

    fn of(spec: &PlatformSpec, defects: &[&str]) -> Self {
        let server = ApiServer::new(Config {
            minor: spec.kubernetes,
            clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
            seed: Seed::new(1),
            gates: Gates::default(),
            latency: Duration::ZERO,
        });
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"},
        });
        server.load(vec![account]).unwrap();
        let faults: Faults = defects.iter().copied().collect();
        let mut components = JoinSet::new();
        let fleet = Fleet::start(&mut components, &server, spec, &faults, Images::default()).unwrap();
        let api = server.direct(User::admin());
        Self {
            api,
            fleet,
            _components: components,
        }
    }

    /// Creates a pod and binds it, as a scheduler would.
    async fn run(&self, pod: Value) -> Object {
        let pod = self.api.create(pod).await.unwrap();
        let name = pod["metadata"]["name"].as_str().unwrap();
        self.api.bind("default", name, NODE).await.unwrap();
        pod
    }

    /// Waits until the pod is so.
    async fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Object {
        let mut changes = self.api.watch(&[resources::PODS]);
        let wanted = async {
            loop {
                let change = changes.next().await.unwrap();
                if matches!(change, Change::Deleted(..)) || change.object()["metadata"]["name"] != name {
                    continue;
                }
                let pod = self.get(name);
                if let Some(pod) = pod.filter(|pod| is(pod)) {
                    return pod;
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wanted).await;
        waited.unwrap_or_else(|_| panic!("{:#}", self.get(name).unwrap()["status"]))
    }

    async fn until_gone(&self, name: &str) {
        let mut changes = self.api.watch(&[resources::PODS]);
        while self.get(name).is_some() {
            tokio::time::timeout(PATIENCE, changes.next()).await.unwrap();
        }
    }

    fn get(&self, name: &str) -> Option<Object> {
        self.api.get(&resources::PODS, Some("default"), name)
    }

    async fn phase(&self, name: &str, phase: &str) -> Object {
        self.until(name, |pod| pod["status"]["phase"] == phase).await
    }

    async fn delete(&self, name: &str) {
        let options = DeleteOptions::default();
        self.api
            .delete(&resources::PODS, Some("default"), name, options)
            .await
            .unwrap();
    }

    async fn log(&self, pod: &str, container: &str, previous: bool) -> String {
        let request = LogRequest {
            namespace: "default".to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
            ..LogRequest::default()
        };
        let pieces: Vec<Bytes> = self.fleet.logs(request).await.unwrap().collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    async fn transcript(&self, pod: &str, container: &str) -> Transcript {
        Transcript::from_log(&self.log(pod, container, false).await)
    }

    fn events(&self, name: &str) -> Vec<String> {
        let mut events = self.api.list(&resources::EVENTS, Some("default"));
        events.sort_by_key(|event| {
            let version = event["metadata"]["resourceVersion"].as_str().unwrap();
            version.parse::<u64>().unwrap()
        });
        let about = events
            .iter()
            .filter(|event| event["involvedObject"]["name"] == name);
        about
            .map(|event| {
                format!(
                    "{} {}",
                    event["reason"].as_str().unwrap(),
                    event["message"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// A claim that was allocated a device of the node, reserved for a pod.
    async fn claim(&self, name: &str, devices: &[&str], pod: &Object) {
        let claim = json!({
            "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}},
        });
        let mut claim = match self.api.get(&resources::RESOURCE_CLAIMS, Some("default"), name) {
            Some(claim) => (*claim).clone(),
            None => (*self.api.create(claim).await.unwrap()).clone(),
        };
        let results: Vec<Value> = devices
            .iter()
            .map(|device| json!({"request": "r", "driver": "gpu.nvidia.com", "pool": NODE, "device": device}))
            .collect();
        let consumer = json!({
            "resource": "pods", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"],
        });
        let mut consumers = claim["status"]["reservedFor"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        consumers.push(consumer);
        claim["status"] = json!({
            "allocation": {"devices": {"results": results}}, "reservedFor": consumers,
        });
        self.api.update_status(claim).await.unwrap();
    }

    /// A pod with a claim for these devices, running.
    async fn holder(&self, name: &str, claim: &str, devices: &[&str], args: &[&str]) -> Object {
        let mut pod = pod(name, &[container("holder", args)]);
        pod["spec"]["resourceClaims"] = json!([{"name": "own", "resourceClaimName": claim}]);
        pod["spec"]["containers"][0]["resources"] = json!({"claims": [{"name": "own"}]});
        let pod = self.api.create(pod).await.unwrap();
        self.claim(claim, devices, &pod).await;
        self.api.bind("default", name, NODE).await.unwrap();
        pod
    }
}

fn container(name: &str, args: &[&str]) -> Value {
    json!({"name": name, "image": PROBE, "args": args, "imagePullPolicy": "IfNotPresent"})
}

fn pod(name: &str, containers: &[Value]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": containers},
    })
}

fn open(transcript: &Transcript) -> Vec<&str> {
    transcript
        .devices()
        .filter(|node| node.is_open())
        .map(|node| node.path.as_str())
        .collect()
}

fn condition<'a>(pod: &'a Value, kind: &str) -> &'a Value {
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap()
}

const LOOK: [&str; 2] = ["devices", "--match=/dev/nvidia*"];
const STAY: [&str; 3] = ["devices", "--match=/dev/nvidia*", "--hold"];

fn asking(name: &str, count: u32, args: &[&str]) -> Value {
    let mut pod = pod(name, &[container("holder", args)]);
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {"nvidia.com/gpu": count.to_string()}});
    pod
}
