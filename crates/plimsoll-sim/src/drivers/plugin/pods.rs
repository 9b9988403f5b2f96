//! The pods that device plugins run in.

use std::collections::BTreeMap;

use plimsoll_vendors::Vendor;
use serde_json::{Value, json};

use crate::platform::{Allocation, NodeGroup};

/// The label by which a plugin's pods are known.
pub(crate) const LABEL: &str = "app.kubernetes.io/name";

const NAMESPACE: &str = "kube-system";

/// What they run.
pub(crate) const IMAGE: &str = "example.org/vendors/device-plugin:1.0";

/// A DaemonSet for each vendor with a device plugin, for the nodes that have its devices.
pub(crate) fn daemon_sets<'a>(groups: impl IntoIterator<Item = &'a NodeGroup>) -> Vec<Value> {
    let mut nodes: BTreeMap<&str, (&'static str, Vec<String>)> = BTreeMap::new();
    for group in groups {
        for kind in &group.accelerators {
            let Ok(vendor) = Vendor::by_id(&kind.vendor) else {
                continue;
            };
            if kind.allocation == Allocation::Plugin
                && let Some(name) = vendor.plugin()
            {
                let of_vendor = nodes.entry(&vendor.id).or_insert((name, Vec::new()));
                of_vendor.1.extend(group.node_names());
            }
        }
    }
    nodes
        .into_values()
        .map(|(name, mut nodes)| {
            nodes.sort();
            nodes.dedup();
            daemon_set(name, &nodes)
        })
        .collect()
}

fn daemon_set(name: &str, nodes: &[String]) -> Value {
    let labels = json!({LABEL: name});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                        {"matchExpressions": [
                            {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}]}]}}},
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": "plugin", "image": IMAGE}],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::fixture::group;

    #[test]
    fn a_vendors_plugin_runs_where_its_devices_are_handed_out_by_it() {
        let groups = [
            group("nvidia", 1, Allocation::Plugin),
            group("amd", 1, Allocation::Dra),
        ];
        let sets = daemon_sets(&groups);
        assert_eq!(sets.len(), 1);
        assert_eq!(sets[0]["metadata"]["name"], "nvidia-device-plugin-daemonset");
        let terms = sets[0]
            .pointer(
                "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution",
            )
            .unwrap();
        let names: Vec<String> = groups[0].node_names().collect();
        assert_eq!(
            terms["nodeSelectorTerms"][0]["matchExpressions"][0]["values"],
            json!(names)
        );
    }
}
