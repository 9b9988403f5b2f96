//! Device plugins live and die with their pods: while a node's plugin has none, the kubelet has nobody to ask, and what it
//! knew of its devices counts as unhealthy.
//!
//! A plugin is there from the beginning, whenever its first pod comes: nobody sees the platform before.

use std::collections::BTreeMap;

use futures::StreamExt;
use plimsoll_apiserver::{Change, Direct, resources};
use plimsoll_vendors::Vendor;
use serde_json::Value;

use super::{fleet::Fleet, object};
use crate::drivers::PLUGIN_LABEL;

/// A plugin's pod on a node.
struct PluginPod {
    node: String,
    vendor: &'static str,
    uid: String,
    runs: bool,
}

impl Fleet {
    /// Connects plugins with their kubelets and cuts them off, as their pods come and go.
    pub(super) async fn follow_plugins(self, api: Direct) {
        // The pods that went, by node and vendor: what comes after them is another.
        let mut gone: BTreeMap<(String, &'static str), String> = BTreeMap::new();
        let mut changes = api.watch(&[resources::PODS]);
        while let Some(change) = changes.next().await {
            let pod = change.object();
            let Some(found) = plugin_pod(pod) else { continue };
            let is_over =
                matches!(change, Change::Deleted(..)) || !pod["metadata"]["deletionTimestamp"].is_null();
            let place = (found.node.clone(), found.vendor);
            if is_over {
                if gone.get(&place) != Some(&found.uid) {
                    gone.insert(place, found.uid);
                    self.connect(&api, &found.node, found.vendor, false).await;
                }
            } else if found.runs && gone.get(&place).is_some_and(|gone| *gone != found.uid) {
                gone.remove(&place);
                self.connect(&api, &found.node, found.vendor, true).await;
            }
        }
    }

    async fn connect(&self, api: &Direct, node: &str, vendor: &str, connected: bool) {
        let Some(kubelet) = self.kubelet(node) else { return };
        kubelet.devices.connect(vendor, connected);
        let patch = object::resources(&kubelet, &api.now());
        let _ = self
            .api()
            .merge(&resources::NODES, None, node, Some("status"), patch)
            .await;
    }
}

fn plugin_pod(pod: &Value) -> Option<PluginPod> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = pod["metadata"]["labels"][PLUGIN_LABEL].as_str()?;
    let vendor = Vendor::all()
        .iter()
        .find(|vendor| vendor.plugin() == Some(name))?;
    let node = text("/spec/nodeName");
    (!node.is_empty()).then(|| PluginPod {
        node: node.to_owned(),
        vendor: &vendor.id,
        uid: text("/metadata/uid").to_owned(),
        runs: text("/status/phase") == "Running",
    })
}
