//! Divides a node's devices anew when its label asks for it, as vendors' managers of partitions do: it says that it is at
//! work, asks the kubelet who holds a device of that vendor and refuses while anybody does, and says how it ended.

use std::path::PathBuf;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use plimsoll_vendors::dialect::Holder;
use serde_json::json;

use crate::{
    device::Device,
    exporter::holders,
    faults::{Fault, Faults},
    layout::{Divisions, Layout},
    log::{chain, log},
    shutdown::Shutdown,
};

/// What the label of state says.
const DONE: &str = "success";
const AT_WORK: &str = "pending";
const FAILED: &str = "failed";

/// Manages the partitions of one node.
pub(crate) struct Partitioner {
    pub(crate) node: String,
    pub(crate) devices: Vec<Device>,
    pub(crate) layout: Layout,
    pub(crate) faults: Faults,
    pub(crate) client: Client,
    /// Where the kubelet says who holds what.
    pub(crate) pod_resources: PathBuf,
}

impl Partitioner {
    /// Runs until it is time to end; at once where nothing can be divided anew.
    pub(crate) async fn run(self, shutdown: &Shutdown) {
        let divisions = self.layout.divisions(&self.devices);
        if divisions.is_empty() {
            return shutdown.wait().await;
        }
        let mut asked: Vec<Option<String>> = divisions.iter().map(|_| None).collect();
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.node));
        let mut events = std::pin::pin!(watcher(self.nodes(), config).default_backoff());
        loop {
            let event = tokio::select! {
                () = shutdown.wait() => return,
                event = events.next() => event,
            };
            let node = match event {
                Some(Ok(watcher::Event::Apply(node) | watcher::Event::InitApply(node))) => node,
                Some(Ok(watcher::Event::Delete(_) | watcher::Event::Init | watcher::Event::InitDone))
                | None => continue,
                Some(Err(error)) => {
                    log!("watching node `{}`: {}", self.node, chain(&error));
                    continue;
                }
            };
            for (division, last) in divisions.iter().zip(&mut asked) {
                match node.labels().get(division.config) {
                    Some(wanted) if last.as_ref() == Some(wanted) => {}
                    Some(wanted) => {
                        *last = Some(wanted.clone());
                        self.divide(division, wanted).await;
                    }
                    // Nobody has asked for anything yet.
                    None => {
                        self.label(&[(division.config, &division.own), (division.state, DONE)])
                            .await
                    }
                }
            }
        }
    }

    async fn divide(&self, division: &Divisions, wanted: &str) {
        let vendor = division.vendor.as_str();
        let undivided = match wanted {
            wanted if wanted == division.own => false,
            wanted if wanted == division.whole => true,
            other => {
                log!("{vendor}: no division is called `{other}`");
                return self.label(&[(division.state, FAILED)]).await;
            }
        };
        if self.layout.is_undivided(vendor) == undivided {
            return self.label(&[(division.state, DONE)]).await;
        }
        self.label(&[(division.state, AT_WORK)]).await;
        let holders = match self.holders(vendor).await {
            Ok(holders) => holders,
            Err(error) => {
                log!("{vendor}: who holds which device is not known: {}", chain(&error));
                return self.label(&[(division.state, FAILED)]).await;
            }
        };
        if let Some(holder) = holders.first() {
            if !self.faults.has(Fault::PullsRug) {
                log!(
                    "{vendor}: not divided as `{wanted}`, in use by pod `{}/{}`",
                    holder.namespace,
                    holder.pod
                );
                return self.label(&[(division.state, FAILED)]).await;
            }
            for holder in &holders {
                self.delete(holder).await;
            }
        }
        self.layout.set(vendor, undivided);
        log!("{vendor}: divided as `{wanted}`");
        self.label(&[(division.state, DONE)]).await;
    }

    async fn holders(&self, vendor: &str) -> Result<Vec<Holder>, tonic::Status> {
        let pods = holders::ask(&self.pod_resources).await?;
        let by_uuid = holders::by_uuid(&pods, &self.devices, &self.node);
        let own = self.devices.iter().filter(|device| device.vendor.id == vendor);
        Ok(own
            .filter_map(|device| by_uuid.get(&device.identity.uuid).cloned())
            .collect())
    }

    async fn delete(&self, holder: &Holder) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &holder.namespace);
        if let Err(error) = pods.delete(&holder.pod, &DeleteParams::default()).await {
            log!(
                "deleting pod `{}/{}`: {}",
                holder.namespace,
                holder.pod,
                chain(&error)
            );
        }
    }

    async fn label(&self, labels: &[(&str, &str)]) {
        let labels: serde_json::Map<String, serde_json::Value> = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let patch = json!({"metadata": {"labels": labels}});
        let patched = self
            .nodes()
            .patch(&self.node, &PatchParams::default(), &Patch::Merge(&patch))
            .await;
        if let Err(error) = patched {
            log!("labelling node `{}`: {}", self.node, chain(&error));
        }
    }

    fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }
}
