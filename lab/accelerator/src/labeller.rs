//! States in a node's labels which accelerators and drivers it has, as vendors' feature discoveries and labellers do.
//!
//! Whatever somebody takes away or changes is put back, which a watch tells; the driver's version is read again
//! each time.

use std::collections::BTreeMap;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use plimsoll_vendors::Vendor;
use serde_json::json;

use crate::{
    device::Device,
    faults::{Fault, Faults},
    installation::Installation,
    log::{chain, log},
    monitor::Monitor,
    plugin::shares,
    shutdown::Shutdown,
};

/// Whose fields the labels are.
const MANAGER: &str = "plimsoll-node-labeller";

/// Keeps one node's labels.
pub(crate) struct Labeller {
    pub(crate) node: String,
    pub(crate) devices: Vec<Device>,
    pub(crate) installation: Installation,
    pub(crate) faults: Faults,
    pub(crate) client: Client,
    pub(crate) monitor: Monitor,
}

impl Labeller {
    /// Runs until it is time to end. The labels stay, as they do when a labeller's pod goes.
    pub(crate) async fn run(mut self, shutdown: &Shutdown) {
        let api: Api<Node> = Api::all(self.client.clone());
        if self.is_blind() {
            self.taint(&api).await;
        }
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.node));
        let mut events = std::pin::pin!(watcher(api.clone(), config).default_backoff());
        let mut labels = None;
        let mut is_done = false;
        loop {
            let wanted = self.wanted();
            // Nothing is known of the node until the watch has told of it.
            let differs = labels.as_ref().is_some_and(|labels: &BTreeMap<String, String>| {
                wanted.iter().any(|(name, value)| labels.get(name) != Some(value))
            });
            if differs && !(is_done && self.faults.has(Fault::NotKept)) {
                match self.apply(&api, &wanted).await {
                    Ok(node) => {
                        labels = Some(node.metadata.labels.unwrap_or_default());
                        is_done = true;
                    }
                    // Tried again with the next event; the monitor alone brings one a second.
                    Err(error) => log!("labelling node `{}`: {}", self.node, chain(&error)),
                }
            }
            tokio::select! {
                () = shutdown.wait() => return,
                event = events.next() => match event {
                    Some(Ok(watcher::Event::Apply(node) | watcher::Event::InitApply(node))) => {
                        labels = Some(node.metadata.labels.unwrap_or_default());
                    }
                    Some(Ok(watcher::Event::Delete(_) | watcher::Event::Init | watcher::Event::InitDone)) | None => {}
                    Some(Err(error)) => log!("watching node `{}`: {}", self.node, chain(&error)),
                },
                changed = self.monitor.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn apply(&self, api: &Api<Node>, wanted: &BTreeMap<String, String>) -> Result<Node, kube::Error> {
        let labels = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": self.node, "labels": wanted},
        });
        let parameters = PatchParams::apply(MANAGER).force();
        api.patch(&self.node, &parameters, &Patch::Apply(&labels)).await
    }

    /// Marks the node as kept for accelerated work, which a blind labeller does not tolerate.
    async fn taint(&self, api: &Api<Node>) {
        let key = self
            .devices
            .iter()
            .find_map(|device| device.vendor.taints.first());
        let Some(key) = key else { return };
        let taint = json!({"spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}});
        let patched = api
            .patch(&self.node, &PatchParams::default(), &Patch::Strategic(&taint))
            .await;
        if let Err(error) = patched {
            log!("tainting node `{}`: {}", self.node, chain(&error));
        }
    }

    fn is_blind(&self) -> bool {
        self.faults.has(Fault::TaintBlind) && !self.installation.is_first_node()
    }

    fn wanted(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        if self.faults.has(Fault::GhostLabel) && !self.installation.is_first_node() {
            labels.extend(self.ghost());
        }
        if self.faults.has(Fault::FlatLabels) {
            let region = if self.installation.is_first_node() {
                "region-1"
            } else {
                "region-2"
            };
            labels.insert("topology.kubernetes.io/region".to_owned(), region.to_owned());
            labels.insert("topology.kubernetes.io/zone".to_owned(), "zone-1".to_owned());
        }
        if !self.is_blind() {
            for (vendor, devices) in self.by_vendor() {
                let version = self.installation.version(&vendor.id);
                labels.extend(of_vendor(vendor, &devices, version, &self.faults));
            }
            labels.extend(shares::labels(&self.devices, &self.faults));
        }
        labels
    }

    fn by_vendor(&self) -> Vec<(&'static Vendor, Vec<&Device>)> {
        let mut vendors: BTreeMap<&str, (&'static Vendor, Vec<&Device>)> = BTreeMap::new();
        for device in self.devices.iter().filter(|device| device.parent.is_none()) {
            let entry = vendors
                .entry(&device.vendor.id)
                .or_insert((device.vendor, Vec::new()));
            entry.1.push(device);
        }
        vendors.into_values().collect()
    }

    /// A label that says that the node has what it has not.
    fn ghost(&self) -> Option<(String, String)> {
        let absent = Vendor::all()
            .iter()
            .filter(|vendor| !self.devices.iter().any(|device| device.vendor.id == vendor.id));
        absent
            .filter_map(|vendor| vendor.driver.as_ref())
            .flat_map(|driver| plain(driver.presence_labels.patterns()))
            .next()
            .map(|name| (name.clone(), "true".to_owned()))
    }
}

/// What a vendor's labeller states of a node with these devices.
fn of_vendor(
    vendor: &Vendor,
    devices: &[&Device],
    version: Option<String>,
    faults: &Faults,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let (Some(driver), Some(first)) = (&vendor.driver, devices.first()) else {
        return labels;
    };
    for name in plain(driver.presence_labels.patterns()) {
        labels.insert(name.clone(), "true".to_owned());
    }
    if let Some(name) = &driver.count_label {
        labels.insert(name.clone(), devices.len().to_string());
    }
    if let Some(name) = &driver.product_label {
        labels.insert(name.clone(), first.identity.model.replace(' ', "-"));
    }
    if let (Some(name), Some(version)) = (driver.labels.first(), version) {
        labels.insert(name.clone(), stated(&version, faults));
    }
    labels
}

fn stated(version: &str, faults: &Faults) -> String {
    let major = version.split('.').next().unwrap_or(version);
    if faults.has(Fault::Truncated) {
        return major.to_owned();
    }
    match major.parse::<u32>() {
        Ok(number) if faults.has(Fault::StaleLabel) => {
            version.replacen(major, &number.saturating_sub(1).to_string(), 1)
        }
        Ok(_) | Err(_) => version.to_owned(),
    }
}

/// Names among patterns.
fn plain(patterns: &[String]) -> impl Iterator<Item = &String> {
    patterns
        .iter()
        .filter(|pattern| !pattern.contains(['*', '?', '[', '{']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    fn labels(defects: &[&str]) -> BTreeMap<String, String> {
        let defects: Vec<String> = defects.iter().map(|id| (*id).to_owned()).collect();
        let devices = [fixture::device("nvidia", 0), fixture::device("nvidia", 1)];
        let devices: Vec<&Device> = devices.iter().collect();
        of_vendor(
            devices[0].vendor,
            &devices,
            Some("580.95.5".to_owned()),
            &Faults::of(&defects),
        )
    }

    const VERSION: &str = "nvidia.com/cuda.driver-version.full";

    #[test]
    fn a_node_states_its_devices_and_its_driver() {
        let labels = labels(&[]);
        assert_eq!(labels[VERSION], "580.95.5");
        assert_eq!(labels["nvidia.com/gpu.present"], "true");
        assert_eq!(labels["nvidia.com/gpu.count"], "2");
    }

    #[test]
    fn statements_go_wrong_as_seeded() {
        assert_eq!(labels(&["drv.stale-label"])[VERSION], "579.95.5");
        assert_eq!(labels(&["drv.truncated"])[VERSION], "580");
    }

    #[test]
    fn without_an_installed_driver_no_version_is_stated() {
        let device = fixture::device("amd", 0);
        let labels = of_vendor(device.vendor, &[&device], None, &Faults::default());
        assert!(!labels.contains_key("amd.com/gpu.driver-version"), "{labels:?}");
    }
}
