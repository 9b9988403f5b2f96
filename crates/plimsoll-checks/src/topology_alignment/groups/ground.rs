//! In which domains groups of pods are placed.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_platform::survey::Node;

use crate::topology_alignment::domains;

/// Every node has it, and is a domain by itself.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Nodes that share a fabric.
const CLIQUE: &str = "nvidia.com/gpu.clique";

/// A group that is too big for a domain has no more members than that, one on each node.
const MOST: usize = 6;

/// Nodes that name domains of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ground {
    /// The label.
    pub(super) key: String,
    /// Its value, by node.
    pub(super) domains: BTreeMap<String, String>,
}

impl Ground {
    /// The smallest domains of which there are several, and of which a group can be too big without being big: racks
    /// before zones, and single nodes where nothing else is named.
    pub(super) fn of(nodes: &[Node]) -> Option<Self> {
        domains::labels()
            .into_iter()
            .rev()
            .chain([CLIQUE, HOSTNAME])
            .map(|key| Self::by(nodes, key))
            .find(|ground| ground.count() > 1 && ground.too_many() <= MOST)
    }

    fn by(nodes: &[Node], key: &str) -> Self {
        let named = nodes
            .iter()
            .filter(|node| takes_anybody(node))
            .filter_map(|node| {
                let domain = node.labels.get(key).filter(|domain| !domain.is_empty())?;
                Some((node.name.clone(), domain.clone()))
            });
        Self {
            key: key.to_owned(),
            domains: named.collect(),
        }
    }

    /// How many domains there are.
    pub(super) fn count(&self) -> usize {
        self.domains.values().collect::<BTreeSet<_>>().len()
    }

    /// One member for each node of the biggest domain, and one more.
    pub(super) fn too_many(&self) -> usize {
        let mut sizes: BTreeMap<&String, usize> = BTreeMap::new();
        for domain in self.domains.values() {
            *sizes.entry(domain).or_default() += 1;
        }
        sizes.into_values().max().unwrap_or_default() + 1
    }
}

/// Whether a pod without any wishes can be placed there.
fn takes_anybody(node: &Node) -> bool {
    let keeps_out = |effect: &str| effect != "PreferNoSchedule";
    node.ready
        && node.schedulable
        && node.os == "linux"
        && !node.taints.iter().any(|taint| keeps_out(&taint.effect))
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::survey::NodeTaint;

    use super::*;

    fn node(name: &str, labels: &[(&str, &str)]) -> Node {
        let own = [(HOSTNAME, name)];
        let labels = labels.iter().chain(&own);
        Node {
            name: name.to_owned(),
            ready: true,
            schedulable: true,
            os: "linux".to_owned(),
            labels: labels
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Node::default()
        }
    }

    #[test]
    fn racks_are_taken_before_single_nodes() {
        const RACK: &str = "topology.kubernetes.io/rack";
        let nodes = [
            node("a", &[(RACK, "r1")]),
            node("b", &[(RACK, "r1")]),
            node("c", &[(RACK, "r2")]),
        ];
        let ground = Ground::of(&nodes).unwrap();
        assert_eq!(
            (ground.key.as_str(), ground.count(), ground.too_many()),
            (RACK, 2, 3)
        );
        let ground = Ground::of(&nodes[..2]).unwrap();
        assert_eq!(
            (ground.key.as_str(), ground.too_many()),
            (HOSTNAME, 2),
            "one rack"
        );
    }

    #[test]
    fn a_zone_of_many_nodes_is_too_big_to_be_overfilled() {
        const ZONE: &str = "topology.kubernetes.io/zone";
        let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
        let nodes: Vec<Node> = (0..)
            .zip(&names)
            .map(|(number, name)| node(name, &[(ZONE, if number < 10 { "a" } else { "b" })]))
            .collect();
        assert_eq!(Ground::of(&nodes).unwrap().key, HOSTNAME);
    }

    #[test]
    fn one_node_that_takes_pods_is_no_ground() {
        let mut tainted = node("b", &[]);
        tainted.taints.push(NodeTaint {
            key: "nvidia.com/gpu".to_owned(),
            value: None,
            effect: "NoSchedule".to_owned(),
        });
        let mut cordoned = node("c", &[]);
        cordoned.schedulable = false;
        assert_eq!(Ground::of(&[node("a", &[]), tainted, cordoned]), None);
        assert_eq!(Ground::of(&[]), None);
    }
}
