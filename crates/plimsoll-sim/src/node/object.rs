//! A node in the API.

use serde_json::{Map, Value, json};

use crate::drivers::plugin_node_labels;

use super::{
    kubelet::{Health, Kubelet},
    network::pod_range,
    partitioner::DONE,
};

/// Where Leases of nodes are.
pub(crate) const LEASES: &str = "kube-node-lease";

/// The Node of a kubelet that is well, at `now`.
pub(crate) fn node(kubelet: &Kubelet, now: &str) -> Value {
    let group = &kubelet.group;
    let mut labels = Map::from_iter(
        [
            ("kubernetes.io/hostname", kubelet.name.as_str()),
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("beta.kubernetes.io/os", "linux"),
            ("beta.kubernetes.io/arch", "amd64"),
            ("node.kubernetes.io/instance-type", group.name.as_str()),
        ]
        .map(|(key, value)| (key.to_owned(), json!(value))),
    );
    labels.extend(plugin_node_labels(group, kubelet.number).map(|label| (label, json!("true"))));
    for (key, value) in kubelet.labels.iter().chain(&group.labels) {
        labels.insert(key.clone(), json!(value));
    }
    for layouts in &kubelet.layouts {
        labels.insert(layouts.config.to_owned(), json!(layouts.own));
        labels.insert(layouts.state.to_owned(), json!(DONE));
    }
    let range = pod_range(kubelet.number);
    let mut spec =
        json!({"podCIDR": range, "podCIDRs": [range], "providerID": format!("simulated://{}", kubelet.name)});
    let mut taints: Vec<Value> = group.taints.iter().filter_map(|text| taint(text)).collect();
    taints.extend(
        kubelet
            .taint
            .map(|key| json!({"key": key, "effect": "NoSchedule"})),
    );
    if group.cordoned {
        spec["unschedulable"] = json!(true);
        taints.push(json!({
            "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": now,
        }));
    }
    if !taints.is_empty() {
        spec["taints"] = Value::Array(taints);
    }
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": kubelet.name, "labels": labels,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": spec,
        "status": status(kubelet, now),
    })
}

/// Its status.
fn status(kubelet: &Kubelet, now: &str) -> Value {
    let group = &kubelet.group;
    let memory = u64::from(group.memory_gib) << 20;
    let own = Map::from_iter([
        ("cpu".to_owned(), json!(group.cpu.to_string())),
        ("memory".to_owned(), json!(format!("{memory}Ki"))),
        ("ephemeral-storage".to_owned(), json!("1073741824Ki")),
        ("hugepages-1Gi".to_owned(), json!("0")),
        ("hugepages-2Mi".to_owned(), json!("0")),
        ("pods".to_owned(), json!(group.max_pods.to_string())),
    ]);
    let (capacity, allocatable) = kubelet.devices.resources();
    let with = |resources: Map<String, Value>| {
        let mut all = own.clone();
        all.extend(resources);
        Value::Object(all)
    };
    let address = kubelet.address().to_string();
    let version = version(kubelet.minor);
    let handlers: Vec<Value> = std::iter::once("")
        .chain(["runc"])
        .chain(kubelet.handlers.iter().map(String::as_str))
        .map(|name| {
            json!({"name": name, "features": {"recursiveReadOnlyMounts": true, "userNamespaces": true}})
        })
        .collect();
    json!({
        "capacity": with(capacity),
        "allocatable": with(allocatable),
        "conditions": conditions(now),
        "addresses": [
            {"type": "InternalIP", "address": address}, {"type": "Hostname", "address": kubelet.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": digits(kubelet.machine.boot_id()), "systemUUID": kubelet.machine.boot_id(),
            "bootID": kubelet.machine.boot_id(), "kernelVersion": "6.12.0", "osImage": "Simulated Linux",
            "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": version, "kubeProxyVersion": "",
            "operatingSystem": "linux", "architecture": "amd64", "swap": {"capacity": 0},
        },
        "runtimeHandlers": handlers,
        "features": {"supplementalGroupsPolicy": true},
    })
}

/// What changes of a status when devices do.
pub(crate) fn resources(kubelet: &Kubelet, now: &str) -> Value {
    let status = status(kubelet, now);
    json!({"status": {"capacity": status["capacity"], "allocatable": status["allocatable"]}})
}

/// The conditions of a node that is well.
pub(crate) fn conditions(now: &str) -> Value {
    let condition = |kind: &str, met: bool, reason: &str, message: &str| {
        json!({
            "type": kind, "status": if met { "True" } else { "False" }, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    json!([
        condition(
            "MemoryPressure",
            false,
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available"
        ),
        condition(
            "DiskPressure",
            false,
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure"
        ),
        condition(
            "PIDPressure",
            false,
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available"
        ),
        condition("Ready", true, "KubeletReady", "kubelet is posting ready status"),
    ])
}

/// A node's Lease, renewed at `now`; it lasts `seconds`.
pub(crate) fn lease(kubelet: &Kubelet, node_uid: &str, now: &str, seconds: u64) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": kubelet.name, "namespace": LEASES,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": kubelet.name, "uid": node_uid}],
        },
        "spec": {"holderIdentity": kubelet.name, "leaseDurationSeconds": seconds, "renewTime": now},
    })
}

/// Whether a kubelet renews its Lease.
pub(crate) fn renews(kubelet: &Kubelet) -> bool {
    match kubelet.health() {
        Health::Well => true,
        Health::Silent | Health::Off => false,
    }
}

/// The version of a kubelet, as its node tells it.
fn version(minor: u32) -> String {
    format!("v1.{minor}.0")
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Reads `key=value:Effect` or `key:Effect`.
fn taint(text: &str) -> Option<Value> {
    let (rest, effect) = text.rsplit_once(':')?;
    Some(match rest.split_once('=') {
        Some((key, value)) => json!({"key": key, "value": value, "effect": effect}),
        None => json!({"key": rest, "effect": effect}),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Faults, drivers::fixture::group, platform::Allocation};

    #[test]
    fn a_node_tells_what_it_has_and_what_keeps_pods_off() {
        let mut group = group("nvidia", 2, Allocation::Plugin);
        group.taints = vec![
            "nvidia.com/gpu:NoSchedule".to_owned(),
            "team=a:NoExecute".to_owned(),
        ];
        group.kubelet = Some(35);
        let kubelet = Kubelet::new("gpu-1", 3, &Arc::new(group), 36, &Faults::default());
        let node = node(&kubelet, "2026-10-01T08:00:00Z");
        assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], "gpu-1");
        assert_eq!(node["status"]["allocatable"]["nvidia.com/gpu"], "2");
        assert_eq!(node["status"]["capacity"]["memory"], "268435456Ki");
        assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.35.0");
        assert_eq!(node["spec"]["podCIDR"], "10.64.3.0/24");
        assert_eq!(
            node["spec"]["taints"],
            json!([
                {"key": "nvidia.com/gpu", "effect": "NoSchedule"},
                {"key": "team", "value": "a", "effect": "NoExecute"},
            ])
        );
        assert_eq!(node["status"]["runtimeHandlers"][2]["name"], "nvidia");
    }

    #[test]
    fn a_cordoned_node_is_tainted_too() {
        let mut group = NodeGroup::new("n", 1);
        group.cordoned = true;
        let kubelet = Kubelet::new("n-1", 0, &Arc::new(group), 36, &Faults::default());
        let node = node(&kubelet, "now");
        assert_eq!(node["spec"]["unschedulable"], true);
        assert_eq!(
            node["spec"]["taints"][0]["key"],
            "node.kubernetes.io/unschedulable"
        );
    }

    use crate::platform::NodeGroup;
}
