//! Which nodes and accelerators make slots, from the survey alone.

use std::cmp::Reverse;

use plimsoll_platform::{Inventory, Path, survey::Node};

use super::MOST;

/// The label by which nodes are told apart.
pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";

/// The paths that have a node with at least `wanted` free accelerators: DRA before device plugins, since there
/// the scheduler itself has to place devices; then those with the most free.
pub(in super::super) fn paths(inventory: &Inventory, wanted: usize) -> Vec<Path> {
    let free = |path: &Path| {
        inventory
            .by_path(path)
            .map(|accelerator| accelerator.free)
            .sum::<u32>()
    };
    let mut paths: Vec<Path> = inventory
        .paths()
        .into_iter()
        .filter(|path| !node_sizes(inventory, path, wanted).is_empty())
        .cloned()
        .collect();
    paths.sort_by_key(|path| (!path.is_dra(), Reverse(free(path))));
    paths
}

/// How many free accelerators nodes have, if `wanted` or more; the smallest first, which leaves the most to others.
pub(super) fn node_sizes(inventory: &Inventory, path: &Path, wanted: usize) -> Vec<usize> {
    let on_usable = |node: &str| inventory.node(node).is_some_and(Node::is_usable);
    let mut sizes: Vec<usize> = inventory
        .by_path(path)
        .filter(|accelerator| on_usable(&accelerator.node))
        .map(|accelerator| accelerator.free as usize)
        .filter(|free| *free >= wanted)
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

pub(super) fn free_on(inventory: &Inventory, path: &Path, node: &str) -> usize {
    inventory
        .by_path(path)
        .filter(|accelerator| accelerator.node == node)
        .map(|accelerator| accelerator.free as usize)
        .sum()
}

/// The nodes that can take a pod that tolerates nothing, by their hostname label.
pub(super) fn eligible(inventory: &Inventory) -> Vec<String> {
    inventory
        .nodes
        .iter()
        .filter(|node| node.is_usable() && node.os == "linux")
        .filter(|node| node.taints.iter().all(|taint| taint.effect == "PreferNoSchedule"))
        .map(hostname)
        .take(MOST)
        .collect()
}

pub(super) fn hostname(node: &Node) -> String {
    node.labels.get(HOSTNAME).unwrap_or(&node.name).clone()
}

#[cfg(test)]
pub(super) mod tests {
    use plimsoll_platform::survey::{Accelerator, NodeTaint};

    use super::*;

    fn node(name: &str) -> Node {
        Node {
            name: name.to_owned(),
            ready: true,
            schedulable: true,
            os: "linux".to_owned(),
            ..Node::default()
        }
    }

    pub(in super::super) fn plugin(resource: &str) -> Path {
        Path::DevicePlugin {
            resource: resource.to_owned(),
        }
    }

    fn pool(path: &Path, node: &str, free: u32) -> Accelerator {
        Accelerator {
            path: path.clone(),
            vendor: None,
            node: node.to_owned(),
            devices: Vec::new(),
            total: free,
            free,
            because: String::new(),
        }
    }

    pub(in super::super) fn inventory(nodes: &[&str], accelerators: Vec<Accelerator>) -> Inventory {
        Inventory {
            nodes: nodes.iter().map(|name| node(name)).collect(),
            accelerators,
            ..Inventory::default()
        }
    }

    #[test]
    fn nodes_that_take_no_plain_pod_are_no_slots() {
        let mut inventory = inventory(&["a", "b", "c", "d"], Vec::new());
        inventory.nodes[0].schedulable = false;
        inventory.nodes[1].ready = false;
        let taint = |effect: &str| NodeTaint {
            key: "k".to_owned(),
            value: None,
            effect: effect.to_owned(),
        };
        inventory.nodes[2].taints = vec![taint("NoSchedule")];
        inventory.nodes[3].taints = vec![taint("PreferNoSchedule")];
        assert_eq!(eligible(&inventory), ["d"]);
    }

    #[test]
    fn the_smallest_node_that_suffices_is_taken_first() {
        let path = plugin("x/y");
        let pools = vec![
            pool(&path, "a", 8),
            pool(&path, "b", 4),
            pool(&path, "c", 2),
            pool(&path, "gone", 4),
        ];
        let inventory = inventory(&["a", "b", "c"], pools);
        assert_eq!(node_sizes(&inventory, &path, 3), [4, 8]);
        assert!(node_sizes(&inventory, &path, 9).is_empty());
    }

    #[test]
    fn paths_are_those_with_a_node_that_suffices_the_fullest_first() {
        let (few, many, thin) = (plugin("few/x"), plugin("many/x"), plugin("thin/x"));
        let pools = vec![
            pool(&few, "a", 3),
            pool(&many, "a", 8),
            pool(&thin, "a", 1),
            pool(&thin, "b", 1),
        ];
        assert_eq!(paths(&inventory(&["a", "b"], pools), 2), [many, few]);
    }
}
