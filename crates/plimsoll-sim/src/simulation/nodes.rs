//! A platform's nodes as the API shows them from the beginning.

use plimsoll_apiserver::{ApiServer, Direct, Status, resources};
use serde_json::{Value, json};

use super::SIMULATED_LABEL;
use crate::platform::{NodeGroup, PlatformSpec};

/// Marks the platform as a simulated one, where every client can see it.
pub(super) async fn say_what_it_is(admin: &Direct, spec: &PlatformSpec) -> Result<(), Status> {
    let labels = json!({"metadata": {"labels": {SIMULATED_LABEL: spec.name}}});
    admin
        .merge(&resources::NAMESPACES, None, "kube-system", None, labels)
        .await
        .map(drop)
}

/// The Node objects.
pub(super) fn objects(spec: &PlatformSpec, server: &ApiServer) -> Vec<Value> {
    let now = server.clock().now().to_string();
    spec.node_names()
        .enumerate()
        .map(|(index, (name, group))| node(&name, index, group, spec.kubernetes, &now))
        .collect()
}

fn node(name: &str, index: usize, group: &NodeGroup, minor: u32, now: &str) -> Value {
    let kubelet = group.kubelet.unwrap_or(minor);
    let mut labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": group.name,
    });
    for (key, value) in &group.labels {
        labels[key] = value.as_str().into();
    }
    let mut spec = json!({"podCIDR": format!("10.{}.{}.0/24", 64 + index / 256 % 64, index % 256)});
    let mut taints: Vec<Value> = group.taints.iter().filter_map(|text| taint(text)).collect();
    if group.cordoned {
        spec["unschedulable"] = true.into();
        taints.push(
            json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": now}),
        );
    }
    if !taints.is_empty() {
        spec["taints"] = taints.into();
    }
    let room = json!({
        "cpu": group.cpu.to_string(), "memory": format!("{}Gi", group.memory_gib),
        "ephemeral-storage": "200Gi", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "pods": group.max_pods.to_string(),
    });
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"node.alpha.kubernetes.io/ttl": "0"}},
        "spec": spec,
        "status": {
            "capacity": room, "allocatable": room,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "addresses": [
                {"type": "InternalIP", "address": format!("192.168.{}.{}", index / 250 % 250, index % 250 + 1)},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": format!("{index:032x}"), "systemUUID": format!("{index:032x}"),
                "bootID": format!("00000000-0000-4000-8000-{index:012x}"),
                "kernelVersion": "6.12.0-simulated", "osImage": "Plimsoll simulated node",
                "containerRuntimeVersion": "simulated://1.0.0", "kubeletVersion": format!("v1.{kubelet}.0"),
                "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
            },
        },
    })
}

/// A taint written as `key=value:Effect` or `key:Effect`.
fn taint(text: &str) -> Option<Value> {
    let (key, effect) = text.rsplit_once(':')?;
    Some(match key.split_once('=') {
        Some((key, value)) => json!({"key": key, "value": value, "effect": effect}),
        None => json!({"key": key, "effect": effect}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taint_may_go_without_a_value() {
        assert_eq!(
            taint("a=b:NoSchedule"),
            Some(json!({"key": "a", "value": "b", "effect": "NoSchedule"}))
        );
        assert_eq!(
            taint("a:NoExecute"),
            Some(json!({"key": "a", "effect": "NoExecute"}))
        );
    }

    #[test]
    fn a_node_shows_what_its_group_says() {
        let mut group = NodeGroup::new("gpu", 1);
        group.labels.insert("zone".to_owned(), "a".to_owned());
        group.cordoned = true;
        group.kubelet = Some(34);
        let node = node("gpu-1", 0, &group, 36, "2026-01-05T08:00:00Z");
        assert_eq!(node["metadata"]["labels"]["zone"], "a");
        assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], "gpu-1");
        assert_eq!(node["spec"]["unschedulable"], true);
        assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.34.0");
        assert_eq!(node["status"]["allocatable"]["cpu"], "32");
    }
}
