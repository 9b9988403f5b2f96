//! All nodes of a platform.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use plimsoll_apiserver::{ApiServer, Change, DeleteOptions, Direct, Object, Status, User, elapse, resources};
use plimsoll_vendors::Vendor;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::{
    exporter::Exporter,
    ground::Ground,
    images::Images,
    kubelet::{Health, Kubelet},
    network::{Fabric, Names},
    object,
    pod::PodWorker,
    tasks::Tasks,
};
use crate::{
    Faults,
    drivers::{cluster_objects, exporter_slice},
    platform::{Latencies, NodeGroup, PlatformSpec},
};

/// How often a Lease is renewed, and how many nodes' Leases at once: with more nodes each has its turn less often, and
/// lasts longer.
const RENEWAL: Duration = Duration::from_secs(10);
const RENEWED_AT_ONCE: usize = 100;

/// How many times as long a Lease lasts as it takes to be renewed.
const LASTING: u64 = 4;

/// All nodes of a platform, and the kubelets on them. Clones are the same fleet.
///
/// One task watches pods for all of them; a pod that does something has a task of its own, and one that merely runs, as
/// those do that the platform began with, costs nothing until it is to go.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    ground: Arc<Ground>,
    minor: u32,
    nodes: Mutex<BTreeMap<String, Arc<Kubelet>>>,
    /// By uid of the pod.
    workers: Mutex<BTreeMap<String, Arc<PodWorker>>>,
}

impl Fleet {
    /// Builds the nodes of a platform and sets their kubelets to work among its `components`: Nodes, Leases, and what the
    /// drivers of their accelerators publish are there when this returns.
    ///
    /// # Errors
    /// When the API server does not take an object of theirs.
    pub fn start(
        components: &mut JoinSet<()>,
        server: &ApiServer,
        spec: &PlatformSpec,
        faults: &Faults,
        images: Images,
    ) -> Result<Self, Status> {
        let api = server.direct(User::component("kubelet"));
        let (tasks, run) = Tasks::new();
        let ground = Ground {
            api: api.clone(),
            latencies: spec.latencies,
            faults: faults.clone(),
            images,
            fabric: Fabric::default(),
            names: Names::default(),
            tasks,
        };
        let fleet = Self(Arc::new(Inner {
            ground: Arc::new(ground),
            minor: spec.kubernetes,
            nodes: Mutex::default(),
            workers: Mutex::default(),
        }));
        server.load(cluster_objects(&spec.nodes))?;
        for group in &spec.nodes {
            let shared = Arc::new(group.clone());
            for name in group.node_names() {
                fleet.insert(&name, &shared);
            }
        }
        let lasting = fleet.lease_seconds();
        let now = api.now();
        let kubelets = fleet.kubelets();
        server.load(kubelets.iter().map(|kubelet| object::node(kubelet, &now)))?;
        for kubelet in &kubelets {
            server.load(fleet.dependents(kubelet, lasting))?;
        }
        server.set_nodes(Arc::new(fleet.clone()));
        let delay = Latencies::of(spec.latencies.dns_ms);
        components.spawn(run);
        components.spawn(fleet.0.ground.names.clone().follow(api, delay));
        components.spawn(fleet.clone().follow_pods());
        if !faults.has("drv.not-kept") {
            components.spawn(
                fleet
                    .clone()
                    .keep_labels(server.direct(User::component("node-labeller"))),
            );
        }
        components.spawn(
            fleet
                .clone()
                .divide_devices(server.direct(User::component("partition-manager"))),
        );
        components.spawn(
            fleet
                .clone()
                .follow_plugins(server.direct(User::component("kubelet"))),
        );
        components.spawn(fleet.clone().renew_leases());
        Ok(fleet)
    }

    /// Adds a node to a running platform.
    ///
    /// # Errors
    /// When the API server does not take an object of its.
    pub async fn add(&self, name: &str, group: &NodeGroup) -> Result<(), Status> {
        let kubelet = self.insert(name, &Arc::new(group.clone()));
        let api = self.api();
        api.create(object::node(&kubelet, &api.now())).await?;
        for object in self.dependents(&kubelet, self.lease_seconds()) {
            api.create(object).await?;
        }
        Ok(())
    }

    /// Silences a node's kubelet: its containers go on, and nobody hears of it.
    pub fn silence(&self, node: &str) {
        self.set_health(node, Health::Silent);
    }

    /// Takes a node's power away: its containers end, and nobody hears of it.
    pub fn power_off(&self, node: &str) {
        self.set_health(node, Health::Off);
    }

    /// Lets a node come back from either. Its drivers write their specifications anew, as after a reboot.
    pub async fn restore(&self, node: &str) {
        let Some(kubelet) = self.kubelet(node) else { return };
        for driver in kubelet.claims.drivers() {
            driver.restart();
        }
        kubelet.set_health(Health::Well);
        let api = self.api();
        let patch = json!({"status": {"conditions": object::conditions(&api.now())}});
        // A node that was removed meanwhile has none.
        let _ = api
            .merge(&resources::NODES, None, node, Some("status"), patch)
            .await;
        self.renew(&kubelet).await;
    }

    /// Lets an accelerator, known by its uuid, be healthy or not; its driver or plugin tells so.
    pub async fn set_device_health(&self, node: &str, uuid: &str, healthy: bool) {
        let Some(kubelet) = self.kubelet(node) else { return };
        let api = self.api();
        if kubelet.devices.set_health(uuid, healthy) {
            let patch = object::resources(&kubelet, &api.now());
            let _ = api
                .merge(&resources::NODES, None, node, Some("status"), patch)
                .await;
        }
        let uid = self.node_uid(node);
        for driver in kubelet.claims.drivers() {
            if driver.set_health(uuid, healthy) {
                self.publish(driver.slices(&uid, self.0.minor)).await;
            }
        }
        for worker in self.workers().values() {
            worker.look_again();
        }
    }

    /// Publishes what a node's drivers offer now.
    pub(super) async fn publish_all(&self, kubelet: &Kubelet) {
        let uid = self.node_uid(&kubelet.name);
        for driver in kubelet.claims.drivers() {
            self.publish(driver.slices(&uid, self.0.minor)).await;
        }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.0.ground.faults
    }

    /// The uuids of a node's accelerators, in their order.
    #[must_use]
    pub fn accelerators(&self, node: &str) -> Vec<String> {
        let kubelet = self.kubelet(node);
        let accelerators = kubelet.iter().flat_map(|kubelet| &kubelet.accelerators);
        accelerators.map(|accelerator| accelerator.uuid.clone()).collect()
    }

    pub(crate) fn api(&self) -> &Direct {
        &self.0.ground.api
    }

    /// What looks after the pod of that uid, if anything does.
    pub(crate) fn worker(&self, uid: &str) -> Option<Arc<PodWorker>> {
        self.workers().get(uid).cloned()
    }

    fn insert(&self, name: &str, group: &Arc<NodeGroup>) -> Arc<Kubelet> {
        let mut nodes = self.nodes();
        let number = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let kubelet = Kubelet::new(name, number, group, self.0.minor, &self.0.ground.faults);
        let kubelet = Arc::new(kubelet);
        nodes.insert(name.to_owned(), Arc::clone(&kubelet));
        if kubelet
            .accelerators
            .iter()
            .any(|accelerator| accelerator.exported)
        {
            let ground = &self.0.ground;
            let refresh = Latencies::of(ground.latencies.exporter_refresh_ms);
            let endpoint = ground.fabric.plug_in(kubelet.address().into());
            for exporter in Exporter::of_node(&kubelet, &ground.api, refresh, &ground.faults) {
                ground.tasks.spawn(exporter.serve(endpoint.clone()));
            }
        }
        kubelet
    }

    /// What depends on a Node that is there: its Lease and its drivers' slices.
    fn dependents(&self, kubelet: &Kubelet, lease_seconds: u64) -> Vec<Value> {
        let uid = self.node_uid(&kubelet.name);
        let now = self.api().now_micros();
        let mut objects = vec![object::lease(kubelet, &uid, &now, lease_seconds)];
        for driver in kubelet.claims.drivers() {
            objects.extend(driver.slices(&uid, self.0.minor));
        }
        let mut exporters: Vec<&str> = kubelet
            .accelerators
            .iter()
            .filter(|accelerator| accelerator.exported)
            .map(|accelerator| accelerator.vendor())
            .collect();
        exporters.sort_unstable();
        exporters.dedup();
        for vendor in exporters {
            if let Some(metrics) = Vendor::by_id(vendor)
                .ok()
                .and_then(|vendor| vendor.metrics.as_ref())
            {
                objects.push(exporter_slice(metrics, &kubelet.name, &uid, kubelet.address()));
            }
        }
        objects
    }

    fn node_uid(&self, node: &str) -> String {
        let node = self.api().get(&resources::NODES, None, node);
        node.and_then(|node| node["metadata"]["uid"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Replaces what is published by these slices; those that nobody publishes any more go.
    async fn publish(&self, slices: Vec<Value>) {
        let api = self.api();
        let Some(first) = slices.first() else { return };
        let (driver, node) = (first["spec"]["driver"].clone(), first["spec"]["nodeName"].clone());
        let published = api.list_where(&resources::RESOURCE_SLICES, None, |slice| {
            slice["spec"]["driver"] == driver && slice["spec"]["nodeName"] == node
        });
        let names: Vec<&Value> = slices.iter().map(|slice| &slice["metadata"]["name"]).collect();
        for old in &published {
            if !names.contains(&&old["metadata"]["name"]) {
                let name = old["metadata"]["name"].as_str().unwrap_or_default();
                let _ = api
                    .delete(&resources::RESOURCE_SLICES, None, name, DeleteOptions::default())
                    .await;
            }
        }
        for slice in &slices {
            let known = published
                .iter()
                .any(|old| old["metadata"]["name"] == slice["metadata"]["name"]);
            // What is refused here is as it was; the next change brings the next attempt.
            let _ = if known {
                api.update(slice.clone()).await
            } else {
                api.create(slice.clone()).await
            };
        }
    }

    /// Puts labels back that somebody takes off a node or changes, as vendors' labellers do.
    async fn keep_labels(self, api: Direct) {
        let mut changes = api.watch(&[resources::NODES]);
        while let Some(change) = changes.next().await {
            if let Change::Deleted(..) = change {
                continue;
            }
            let node = change.object();
            let Some(kubelet) = node["metadata"]["name"]
                .as_str()
                .and_then(|name| self.kubelet(name))
            else {
                continue;
            };
            let missing: Map<String, Value> = kubelet
                .labels
                .iter()
                .filter(|(name, value)| node["metadata"]["labels"][name.as_str()] != value.as_str())
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            if !missing.is_empty() {
                // What is refused is tried again with the node's next change.
                let labels = json!({"metadata": {"labels": missing}});
                let _ = api
                    .merge(&resources::NODES, None, &kubelet.name, None, labels)
                    .await;
            }
        }
    }

    async fn follow_pods(self) {
        let mut changes = self.api().watch(&[resources::PODS]);
        while let Some(change) = changes.next().await {
            self.take_in(&change);
        }
    }

    fn take_in(&self, change: &Change) {
        let pod = change.object();
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        if let Change::Deleted(..) = change {
            match self.workers().remove(uid) {
                Some(worker) => worker.gone(),
                None => self.release_adopted(pod),
            }
            return;
        }
        if let Some(worker) = self.workers().get(uid) {
            worker.update(pod);
            return;
        }
        let Some(kubelet) = pod["spec"]["nodeName"]
            .as_str()
            .and_then(|node| self.kubelet(node))
        else {
            return;
        };
        let is_leaving = !pod["metadata"]["deletionTimestamp"].is_null();
        let phase = pod["status"]["phase"].as_str().unwrap_or_default();
        match (phase, is_leaving) {
            ("Running" | "Succeeded" | "Failed", true) => self.dismiss(&kubelet, pod),
            ("Running", false) => self.adopt(&kubelet, pod),
            ("Succeeded" | "Failed", false) => {}
            _ => self.employ(&kubelet, pod, uid),
        }
    }

    /// Sets somebody to work on a pod.
    fn employ(&self, kubelet: &Arc<Kubelet>, pod: &Object, uid: &str) {
        let worker = PodWorker::new(&self.0.ground, kubelet, pod);
        self.workers().insert(uid.to_owned(), Arc::clone(&worker));
        self.0.ground.tasks.spawn(worker.run());
    }

    /// Takes note of a pod that ran before the kubelet knew of it; only what it holds is of interest.
    fn adopt(&self, kubelet: &Kubelet, pod: &Object) {
        if !kubelet.accelerators.is_empty() {
            // What does not fit is as it is: the pod runs.
            let _ = kubelet.devices.admit(pod);
            kubelet.claims.adopt(self.api(), pod);
        }
        let address = pod["status"]["podIP"].as_str();
        if let Some(address) = address.and_then(|address| address.parse().ok()) {
            kubelet.addresses().hold(address);
        }
    }

    /// Ends a pod that nobody looks after.
    fn dismiss(&self, kubelet: &Arc<Kubelet>, pod: &Object) {
        let (fleet, kubelet, pod) = (self.clone(), Arc::clone(kubelet), Arc::clone(pod));
        self.0.ground.tasks.spawn(async move {
            kubelet.connected().await;
            elapse(Latencies::of(fleet.0.ground.latencies.pod_removal_ms)).await;
            let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
            fleet.give_back(&kubelet, text("uid")).await;
            let options = DeleteOptions {
                uid: Some(text("uid").to_owned()),
                grace_seconds: Some(0),
                ..DeleteOptions::default()
            };
            // Somebody else may have been faster.
            let _ = fleet
                .api()
                .delete(&resources::PODS, Some(text("namespace")), text("name"), options)
                .await;
        });
    }

    /// A pod that nobody looked after is gone.
    fn release_adopted(&self, pod: &Object) {
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let Some(kubelet) = self
            .kubelet(node)
            .filter(|kubelet| !kubelet.accelerators.is_empty())
        else {
            return;
        };
        let (fleet, uid) = (
            self.clone(),
            pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
        );
        self.0
            .ground
            .tasks
            .spawn(async move { fleet.give_back(&kubelet, &uid).await });
    }

    async fn give_back(&self, kubelet: &Kubelet, uid: &str) {
        let takes = Latencies::of(self.0.ground.latencies.device_prepare_ms) / 3;
        for accelerator in kubelet.claims.unprepare(uid, takes).await {
            kubelet.machine.clear(accelerator.number);
        }
        kubelet.devices.release(uid);
        kubelet.processors.release(uid);
    }

    async fn renew_leases(self) {
        loop {
            elapse(RENEWAL * self.turns()).await;
            for kubelet in self.kubelets() {
                if object::renews(&kubelet) {
                    self.renew(&kubelet).await;
                }
            }
        }
    }

    async fn renew(&self, kubelet: &Kubelet) {
        let api = self.api();
        let patch = json!({"spec": {"renewTime": api.now_micros()}});
        // A Lease that somebody removed is not renewed.
        let _ = api
            .merge(
                &resources::LEASES,
                Some(object::LEASES),
                &kubelet.name,
                None,
                patch,
            )
            .await;
    }

    /// In how many turns the Leases of all nodes are renewed.
    fn turns(&self) -> u32 {
        let turns = self.nodes().len().div_ceil(RENEWED_AT_ONCE).max(1);
        u32::try_from(turns).unwrap_or(u32::MAX)
    }

    fn lease_seconds(&self) -> u64 {
        RENEWAL.as_secs() * u64::from(self.turns()) * LASTING
    }

    fn set_health(&self, node: &str, health: Health) {
        if let Some(kubelet) = self.kubelet(node) {
            kubelet.set_health(health);
        }
    }

    pub(super) fn kubelet(&self, node: &str) -> Option<Arc<Kubelet>> {
        self.nodes().get(node).cloned()
    }

    fn kubelets(&self) -> Vec<Arc<Kubelet>> {
        self.nodes().values().cloned().collect()
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Kubelet>>> {
        self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<PodWorker>>> {
        self.0.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
