//! What divides the devices of a node anew when a label asks for it, as vendors' managers of partitions do: it says that it
//! is at work, refuses while anybody holds a device of that vendor, and says how it ended.

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt;
use plimsoll_apiserver::{Change, DeleteOptions, Direct, elapse, resources};
use serde_json::json;

use super::{fleet::Fleet, kubelet::Kubelet, object};
use crate::drivers::Layouts;

/// How long it takes.
const TAKES: Duration = Duration::from_secs(2);

/// What the label says that tells how far it is.
pub(super) const DONE: &str = "success";
const AT_WORK: &str = "pending";
const FAILED: &str = "failed";

impl Fleet {
    /// Divides devices as labels ask, for as long as the platform runs.
    pub(super) async fn divide_devices(self, api: Direct) {
        let mut asked: BTreeMap<(String, &'static str), String> = BTreeMap::new();
        let mut changes = api.watch(&[resources::NODES]);
        while let Some(change) = changes.next().await {
            if let Change::Deleted(..) = change {
                continue;
            }
            let node = change.object();
            let name = node["metadata"]["name"].as_str().unwrap_or_default();
            let Some(kubelet) = self.kubelet(name) else {
                continue;
            };
            for layouts in &kubelet.layouts {
                let Some(wanted) = node["metadata"]["labels"][layouts.config].as_str() else {
                    continue;
                };
                let last = asked
                    .entry((kubelet.name.clone(), layouts.vendor))
                    .or_insert_with(|| layouts.own.clone());
                if last != wanted {
                    wanted.clone_into(last);
                    self.divide(&api, &kubelet, layouts, wanted).await;
                }
            }
        }
    }

    async fn divide(&self, api: &Direct, kubelet: &Kubelet, layouts: &Layouts, wanted: &str) {
        tell(api, kubelet, layouts, AT_WORK).await;
        elapse(TAKES).await;
        let whole = match wanted {
            wanted if wanted == layouts.own => false,
            wanted if wanted == layouts.whole => true,
            _ => return tell(api, kubelet, layouts, FAILED).await,
        };
        let holders = kubelet.holders(layouts.vendor);
        if kubelet.is_undivided(layouts.vendor) == whole {
            return tell(api, kubelet, layouts, DONE).await;
        }
        if !holders.is_empty() {
            if !self.faults().has("mig.pulls-rug") {
                return tell(api, kubelet, layouts, FAILED).await;
            }
            for pod in api.pods_on(&kubelet.name) {
                let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
                if holders.iter().any(|holder| holder == text("uid")) {
                    let (namespace, name) = (text("namespace"), text("name"));
                    let _ = api
                        .delete(&resources::PODS, Some(namespace), name, DeleteOptions::default())
                        .await;
                }
            }
        }
        kubelet.lay_out(layouts.vendor, whole, self.faults());
        let patch = object::resources(kubelet, &api.now());
        let _ = self
            .api()
            .merge(&resources::NODES, None, &kubelet.name, Some("status"), patch)
            .await;
        self.publish_all(kubelet).await;
        tell(api, kubelet, layouts, DONE).await;
    }
}

/// Nothing comes of it where the node is gone.
async fn tell(api: &Direct, kubelet: &Kubelet, layouts: &Layouts, state: &str) {
    let labels = json!({"metadata": {"labels": {layouts.state: state}}});
    let _ = api
        .merge(&resources::NODES, None, &kubelet.name, None, labels)
        .await;
}
