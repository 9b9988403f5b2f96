//! Nodes, and what running pods use of them.

use std::collections::BTreeMap;

use kube::{Client, Error};
use serde::Deserialize;

use super::{
    inventory::{Counted, Node, NodeTaint},
    kinds,
    page::{PAGE, each},
    quantity::whole,
};

/// Prefixes and names of labels that say something about topology, machines, accelerators and who scales them.
const LABELS: &[&str] = &[
    "topology.kubernetes.io/",
    "topology.k8s.aws/",
    "oci.oraclecloud.com/",
    "node.kubernetes.io/instance-type",
    "node-role.kubernetes.io/",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "kubernetes.io/hostname",
    "resource.kubernetes.io/",
    "feature.node.kubernetes.io/pci-",
    "nvidia.com/",
    "amd.com/",
    "gpu.intel.com/",
    "habana.ai/",
    "cloud.google.com/",
    "eks.amazonaws.com/",
    "kubernetes.azure.com/",
    "karpenter.sh/",
];

/// Whether a survey keeps a node's label of that name: what it does not keep may be there or not.
#[must_use]
pub fn keeps_label(name: &str) -> bool {
    LABELS.iter().any(|label| name.starts_with(label))
}

/// What is counted of `cpu` and the like, besides extended resources.
const BASIC: &[&str] = &["cpu", "memory", "ephemeral-storage", "pods"];

#[derive(Deserialize)]
struct NodeObject {
    metadata: Meta,
    #[serde(default)]
    spec: NodeSpec,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct NodeSpec {
    #[serde(default)]
    unschedulable: bool,
    #[serde(default)]
    taints: Vec<NodeTaint>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeStatus {
    #[serde(default)]
    capacity: BTreeMap<String, String>,
    #[serde(default)]
    allocatable: BTreeMap<String, String>,
    #[serde(default)]
    conditions: Vec<NodeCondition>,
    #[serde(default)]
    node_info: NodeInfo,
}

#[derive(Deserialize)]
struct NodeCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    operating_system: String,
    architecture: String,
    kubelet_version: String,
    container_runtime_version: String,
    kernel_version: String,
}

impl From<NodeObject> for Node {
    fn from(node: NodeObject) -> Self {
        let NodeObject {
            metadata,
            spec,
            status,
        } = node;
        let ready = status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "True");
        let labels = metadata
            .labels
            .into_iter()
            .filter(|(name, _)| keeps_label(name))
            .collect();
        let (extended, basic): (BTreeMap<_, _>, BTreeMap<_, _>) = status
            .allocatable
            .into_iter()
            .partition(|(name, _)| is_extended(name));
        Self {
            name: metadata.name,
            ready,
            schedulable: !spec.unschedulable,
            os: status.node_info.operating_system,
            arch: status.node_info.architecture,
            labels,
            taints: spec.taints,
            allocatable: basic
                .into_iter()
                .filter(|(name, _)| BASIC.contains(&name.as_str()))
                .collect(),
            accelerators: extended
                .into_iter()
                .map(|(name, quantity)| {
                    let allocatable = whole(&quantity);
                    let capacity = status.capacity.get(&name).map_or(allocatable, |text| whole(text));
                    let counted = Counted {
                        capacity,
                        allocatable,
                        used: 0,
                    };
                    (name, counted)
                })
                .collect(),
            kubelet: status.node_info.kubelet_version,
            runtime: status.node_info.container_runtime_version,
            kernel: status.node_info.kernel_version,
        }
    }
}

/// Whether a resource is somebody's own, not one that Kubernetes knows itself.
fn is_extended(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(domain, _)| domain != "kubernetes.io" && !domain.ends_with(".kubernetes.io"))
}

/// The nodes, by name.
pub(super) async fn nodes(client: &Client) -> Result<Vec<Node>, Error> {
    let mut nodes = Vec::new();
    let take = |node: NodeObject| nodes.push(Node::from(node));
    each(client, &kinds::core("Node", "nodes"), "", PAGE, take).await?;
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}

/// What pods that have not ended use and say, summed up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// Extended resources in use, by node and name.
    pub(super) extended: BTreeMap<(String, String), u64>,
    /// How many pods name which scheduler.
    pub(super) schedulers: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct PodObject {
    #[serde(default)]
    spec: PodSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    node_name: String,
    scheduler_name: String,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    resources: Resources,
    restart_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resources {
    requests: BTreeMap<String, String>,
}

/// Sums up the pods that have not ended.
pub(super) async fn usage(client: &Client) -> Result<Usage, Error> {
    let mut usage = Usage::default();
    let running = "status.phase!=Succeeded,status.phase!=Failed";
    let take = |pod: PodObject| usage.add(&pod.spec);
    each(client, &kinds::core("Pod", "pods"), running, PAGE, take).await?;
    Ok(usage)
}

impl Usage {
    fn add(&mut self, pod: &PodSpec) {
        if pod.node_name.is_empty() {
            return;
        }
        if !pod.scheduler_name.is_empty() {
            *self.schedulers.entry(pod.scheduler_name.clone()).or_default() += 1;
        }
        for (name, count) in pod.extended() {
            *self
                .extended
                .entry((pod.node_name.clone(), name.to_owned()))
                .or_default() += count;
        }
    }
}

impl PodSpec {
    /// What the pod has of extended resources: its containers' and sidecars' together, or what its greediest
    /// init container needs, if that is more.
    fn extended(&self) -> BTreeMap<&str, u64> {
        let sidecars = self
            .init_containers
            .iter()
            .filter(|init| init.restart_policy.is_some());
        let mut needs: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, count) in self
            .containers
            .iter()
            .chain(sidecars)
            .flat_map(Container::extended)
        {
            *needs.entry(name).or_default() += count;
        }
        let inits = self
            .init_containers
            .iter()
            .filter(|init| init.restart_policy.is_none());
        for (name, count) in inits.flat_map(Container::extended) {
            let need = needs.entry(name).or_default();
            *need = (*need).max(count);
        }
        needs
    }
}

impl Container {
    fn extended(&self) -> impl Iterator<Item = (&str, u64)> {
        let requests = self.resources.requests.iter();
        requests
            .filter(|(name, _)| is_extended(name))
            .map(|(name, count)| (name.as_str(), whole(count)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_uses_what_its_containers_and_sidecars_request_or_its_greediest_init_container() {
        let request = |count: &str| json!({"requests": {"nvidia.com/gpu": count, "cpu": "1"}});
        let pod: PodObject = serde_json::from_value(json!({"spec": {
            "nodeName": "a",
            "schedulerName": "volcano",
            "containers": [{"resources": request("1")}, {"resources": request("1")}, {}],
            "initContainers": [
                {"resources": request("1"), "restartPolicy": "Always"},
                {"resources": request("2")},
            ],
        }}))
        .unwrap();
        let mut usage = Usage::default();
        usage.add(&pod.spec);
        assert_eq!(
            usage.extended,
            [(("a".into(), "nvidia.com/gpu".into()), 3)].into()
        );
        assert_eq!(usage.schedulers, [("volcano".into(), 1)].into());
    }

    #[test]
    fn a_pod_that_is_nowhere_uses_nothing() {
        let mut usage = Usage::default();
        usage.add(&PodSpec {
            scheduler_name: "default-scheduler".into(),
            ..PodSpec::default()
        });
        assert_eq!(usage, Usage::default());
    }

    #[test]
    fn a_node_is_told_by_the_facts_that_matter() {
        let node: NodeObject = serde_json::from_value(json!({
            "metadata": {"name": "a", "labels": {"topology.kubernetes.io/zone": "z", "private": "x"}},
            "spec": {"unschedulable": true, "taints": [{"key": "k", "effect": "NoSchedule"}]},
            "status": {
                "allocatable": {"cpu": "2", "nvidia.com/gpu": "4", "hugepages-2Mi": "0"},
                "conditions": [{"type": "Ready", "status": "Unknown"}],
                "nodeInfo": {"operatingSystem": "linux", "architecture": "amd64"},
            },
        }))
        .unwrap();
        let node = Node::from(node);
        assert!(!node.ready && !node.schedulable && !node.is_usable());
        assert_eq!(node.labels.len(), 1);
        assert_eq!(node.allocatable, [("cpu".into(), "2".into())].into());
        assert_eq!(
            node.accelerators["nvidia.com/gpu"],
            Counted {
                capacity: 4,
                allocatable: 4,
                used: 0
            }
        );
    }
}
