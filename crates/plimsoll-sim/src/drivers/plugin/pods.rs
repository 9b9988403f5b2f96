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
    let plugins: BTreeMap<&str, &str> = groups.into_iter().flat_map(plugins).collect();
    plugins
        .into_iter()
        .map(|(vendor, name)| daemon_set(name, &node_label(vendor)))
        .collect()
}

/// On as many nodes plugins run in pods. On further ones they are a part of the node, as some platforms have it: pods by the
/// thousand would show nothing more.
const IN_PODS: u32 = 100;

/// The labels by which the `number`th node, one of a group, is found by the DaemonSets of its plugins.
pub(crate) fn node_labels(group: &NodeGroup, number: u32) -> impl Iterator<Item = String> {
    plugins(group)
        .filter(move |_| number < IN_PODS)
        .map(|(vendor, _)| node_label(vendor))
}

/// The plugins that a group's devices are handed out by: ids of vendors and names.
fn plugins(group: &NodeGroup) -> impl Iterator<Item = (&'static str, &'static str)> {
    let by_plugin = group
        .accelerators
        .iter()
        .filter(|kind| kind.allocation == Allocation::Plugin);
    by_plugin.filter_map(|kind| {
        let vendor = Vendor::by_id(&kind.vendor).ok()?;
        Some((vendor.id.as_str(), vendor.plugin()?))
    })
}

/// Not the nodes' names: a set would carry all of them, and so would each of its pods.
fn node_label(vendor: &str) -> String {
    format!("simulated.plimsoll.dev/plugin-of-{vendor}")
}

fn daemon_set(name: &str, node_label: &str) -> Value {
    let labels = json!({LABEL: name});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": {node_label: "true"},
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
        let selector = &sets[0]["spec"]["template"]["spec"]["nodeSelector"];
        let labelled = |group, number| {
            let labels = node_labels(group, number);
            labels.filter(|label| selector[label] == "true").count()
        };
        assert_eq!(labelled(&groups[0], 0), 1);
        assert_eq!(labelled(&groups[1], 0), 0, "its devices are handed out by claims");
        assert_eq!(labelled(&groups[0], IN_PODS), 0);
    }
}
