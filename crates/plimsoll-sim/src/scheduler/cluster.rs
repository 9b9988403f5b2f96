//! What is on which node, kept up to date change by change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use super::{Object, labels::Labels, pod::Pod, resources::Resources, taint::Taint, wishes::PodTerm};

/// A node and who is on it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) taints: Vec<Taint>,
    pub(super) is_unschedulable: bool,
    /// What it has for pods.
    pub(super) capacity: Resources,
    /// How many pods it takes.
    pub(super) pod_limit: i64,
    pub(super) used: Resources,
    pub(super) pods: BTreeMap<Arc<str>, Arc<Pod>>,
    labels: Labels,
}

impl Node {
    fn read(object: &Object) -> Self {
        let spec = &object["spec"];
        let allocatable = &object["status"]["allocatable"];
        let pods = super::amount::Amount::read(&allocatable["pods"]);
        Self {
            name: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            taints: spec["taints"]
                .as_array()
                .into_iter()
                .flatten()
                .map(Taint::read)
                .collect(),
            is_unschedulable: spec["unschedulable"] == true,
            capacity: Resources::read(allocatable),
            pod_limit: pods.map_or(0, super::amount::Amount::ceiling),
            used: Resources::default(),
            pods: BTreeMap::new(),
            labels: Labels::read(&object["metadata"]["labels"]),
        }
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The value of one of its labels.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key)
    }

    /// Whether it is as good for pods as `other`.
    fn is_like(&self, other: &Self) -> bool {
        self.labels == other.labels
            && self.taints == other.taints
            && self.is_unschedulable == other.is_unschedulable
            && self.capacity == other.capacity
            && self.pod_limit == other.pod_limit
    }

    fn add(&mut self, pod: Arc<Pod>) {
        self.used.add(&pod.needs);
        self.pods.insert(pod.uid.clone(), pod);
    }

    fn remove(&mut self, uid: &str) {
        if let Some(pod) = self.pods.remove(uid) {
            self.used.subtract(&pod.needs);
        }
    }
}

/// All nodes, and all pods that take room.
#[derive(Clone, Debug, Default)]
pub(super) struct Cluster {
    nodes: BTreeMap<String, Node>,
    /// Pods that take room, by uid; also those whose node is not known.
    pods: BTreeMap<Arc<str>, Arc<Pod>>,
    /// The uids of pods that take room, by namespace.
    by_namespace: BTreeMap<String, BTreeSet<Arc<str>>>,
    /// Those of them that want certain pods kept away.
    repelling: BTreeSet<Arc<str>>,
    namespaces: BTreeMap<String, Labels>,
}

impl Cluster {
    /// The nodes, by name.
    pub(super) fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.nodes.values()
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Pods that take room and that a term may be about.
    pub(super) fn candidates<'a>(&'a self, term: &'a PodTerm) -> Box<dyn Iterator<Item = &'a Arc<Pod>> + 'a> {
        match term.only_namespaces() {
            Some(namespaces) => {
                let uids = namespaces
                    .iter()
                    .filter_map(|name| self.by_namespace.get(name))
                    .flatten();
                Box::new(uids.filter_map(|uid| self.pods.get(uid)))
            }
            None => Box::new(self.pods.values()),
        }
    }

    pub(super) fn pod(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.pods.get(uid)
    }

    /// Pods that take room and want certain pods kept away.
    pub(super) fn repelling(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.repelling.iter().filter_map(|uid| self.pods.get(uid))
    }

    /// The labels of a namespace; none if it is not known.
    pub(super) fn namespace_labels(&self, name: &str) -> &Labels {
        static NONE: LazyLock<Labels> = LazyLock::new(Labels::default);
        self.namespaces.get(name).unwrap_or(&NONE)
    }

    /// A node came or changed; says whether that makes a difference to a pod.
    pub(super) fn set_node(&mut self, object: &Object) -> bool {
        let mut node = Node::read(object);
        match self.nodes.get_mut(&node.name) {
            Some(known) => {
                let is_news = !node.is_like(known);
                node.used = std::mem::take(&mut known.used);
                node.pods = std::mem::take(&mut known.pods);
                *known = node;
                is_news
            }
            None => {
                let here = |pod: &&Arc<Pod>| pod.node.as_deref() == Some(&node.name);
                let pods: Vec<_> = self.pods.values().filter(here).cloned().collect();
                pods.into_iter().for_each(|pod| node.add(pod));
                self.nodes.insert(node.name.clone(), node);
                true
            }
        }
    }

    /// The same nodes with nobody on them.
    pub(super) fn emptied(&self) -> Self {
        let mut empty = Self {
            namespaces: self.namespaces.clone(),
            ..Self::default()
        };
        for node in self.nodes.values() {
            let node = Node {
                used: Resources::default(),
                pods: BTreeMap::new(),
                ..node.clone()
            };
            empty.nodes.insert(node.name.clone(), node);
        }
        empty
    }

    /// A node went.
    pub(super) fn remove_node(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// A namespace came or changed.
    pub(super) fn set_namespace(&mut self, object: &Object) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        self.namespaces
            .insert(name.to_owned(), Labels::read(&object["metadata"]["labels"]));
    }

    /// A namespace went.
    pub(super) fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// A pod is on its node, or is about to be.
    pub(super) fn place(&mut self, pod: Arc<Pod>) {
        self.remove_pod(&pod.uid);
        if let Some(node) = pod.node.as_ref().and_then(|name| self.nodes.get_mut(name)) {
            node.add(pod.clone());
        }
        if !pod.wishes.apart.is_empty() {
            self.repelling.insert(pod.uid.clone());
        }
        match self.by_namespace.get_mut(&pod.namespace) {
            Some(uids) => {
                uids.insert(pod.uid.clone());
            }
            None => {
                self.by_namespace
                    .insert(pod.namespace.clone(), BTreeSet::from([pod.uid.clone()]));
            }
        }
        self.pods.insert(pod.uid.clone(), pod);
    }

    /// A pod takes no room any more.
    pub(super) fn remove_pod(&mut self, uid: &str) -> Option<Arc<Pod>> {
        let pod = self.pods.remove(uid)?;
        self.repelling.remove(uid);
        if let Some(uids) = self.by_namespace.get_mut(&pod.namespace) {
            uids.remove(uid);
            if uids.is_empty() {
                self.by_namespace.remove(&pod.namespace);
            }
        }
        if let Some(node) = pod.node.as_ref().and_then(|name| self.nodes.get_mut(name)) {
            node.remove(uid);
        }
        Some(pod)
    }

    /// Places a pending pod on a node, for the time of a trial or until it is bound.
    pub(super) fn assume(&mut self, pod: &Pod, node: &str) {
        let mut placed = pod.clone().settled();
        placed.node = Some(node.to_owned());
        self.place(Arc::new(placed));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, node: &str) -> Arc<Pod> {
        let object = json!({"metadata": {"name": uid, "uid": uid, "namespace": "ns"},
            "spec": {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": "1"}}}]}});
        Arc::new(Pod::read(&Arc::new(object)))
    }

    fn node(cpu: &str) -> Object {
        Arc::new(json!({"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": cpu, "pods": "110"}}}))
    }

    #[test]
    fn a_node_that_comes_after_its_pods_knows_them() {
        let mut cluster = Cluster::default();
        cluster.place(pod("a", "n1"));
        cluster.set_node(&node("4"));
        assert_eq!(cluster.node("n1").map(|node| node.used.cpu), Some(1000));
    }

    #[test]
    fn a_node_that_changes_keeps_its_pods() {
        let mut cluster = Cluster::default();
        cluster.set_node(&node("4"));
        cluster.place(pod("a", "n1"));
        cluster.place(pod("a", "n1"));
        cluster.set_node(&node("8"));
        let node = cluster.node("n1").unwrap();
        assert_eq!(
            (node.used.cpu, node.capacity.cpu, node.pods.len(), node.pod_limit),
            (1000, 8000, 1, 110)
        );
        cluster.remove_pod("a");
        assert_eq!(cluster.node("n1").map(|node| node.used.cpu), Some(0));
    }
}
