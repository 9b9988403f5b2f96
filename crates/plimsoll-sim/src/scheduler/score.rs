//! Which of the nodes that take a pod is the best.

use std::collections::BTreeMap;

use super::{
    cluster::{Cluster, Node},
    fit::spread,
    pod::Pod,
};

/// What is worked out once per pod.
pub(super) struct Score<'a> {
    pod: &'a Pod,
    /// Weights of domains for the pods that are in them: by node label and its value.
    company: BTreeMap<(String, String), i64>,
    /// How many pods of its kind each domain has, for each wish to be spread.
    spread: Vec<(String, BTreeMap<String, i64>)>,
}

impl<'a> Score<'a> {
    pub(super) fn of(cluster: &Cluster, pod: &'a Pod) -> Self {
        let wishes = &pod.wishes;
        let mut company = BTreeMap::new();
        for (weight, term) in &wishes.preferred_pods {
            for other in cluster.candidates(term) {
                let labels = cluster.namespace_labels(&other.namespace);
                let node = other.node.as_deref().and_then(|name| cluster.node(name));
                if let Some(value) = node.and_then(|node| node.label(&term.topology_key))
                    && term.is_about(other, labels)
                {
                    let domain = (term.topology_key.clone(), value.to_owned());
                    *company.entry(domain).or_default() += weight;
                }
            }
        }
        let wished = wishes.spread.iter().filter(|constraint| !constraint.is_required);
        let spread = wished.map(|constraint| {
            (
                constraint.topology_key.clone(),
                spread::counts(cluster, pod, constraint, &[]),
            )
        });
        Self {
            pod,
            company,
            spread: spread.collect(),
        }
    }

    /// How good a node is for the pod; the more the better.
    pub(super) fn node(&self, node: &Node) -> i64 {
        self.room(node) + self.wishes(node) - self.disliked(node)
    }

    /// How much of the node stays free, in per cent of processors and memory.
    fn room(&self, node: &Node) -> i64 {
        let free = |capacity: i64, used: i64, asked: i64| {
            let left = capacity.saturating_sub(used).saturating_sub(asked).max(0);
            i64::try_from(i128::from(left) * 100 / i128::from(capacity.max(1))).unwrap_or_default()
        };
        let needs = &self.pod.needs;
        let cpu = free(node.capacity.cpu, node.used.cpu, needs.cpu);
        let memory = free(node.capacity.memory, node.used.memory, needs.memory);
        (cpu + memory) / 2
    }

    fn wishes(&self, node: &Node) -> i64 {
        let preferred = self.pod.wishes.preferred_nodes.iter();
        let nodes: i64 = preferred
            .filter(|(_, term)| term.holds(&node.name, node.labels()))
            .map(|(weight, _)| 2 * weight)
            .sum();
        let company = self
            .company
            .iter()
            .filter(|((key, value), _)| node.label(key) == Some(value));
        let company: i64 = company.map(|(_, weight)| 2 * weight).sum();
        let crowd: i64 = self
            .spread
            .iter()
            .filter_map(|(key, counts)| counts.get(node.label(key)?))
            .sum();
        nodes + company - 10 * crowd
    }

    /// Taints that would rather not have the pod there.
    fn disliked(&self, node: &Node) -> i64 {
        let tolerations = &self.pod.wishes.tolerations;
        let disliked = node
            .taints
            .iter()
            .filter(|taint| taint.effect == "PreferNoSchedule")
            .filter(|taint| !tolerations.iter().any(|toleration| toleration.tolerates(taint)));
        300 * i64::try_from(disliked.count()).unwrap_or(i64::MAX / 300)
    }
}
