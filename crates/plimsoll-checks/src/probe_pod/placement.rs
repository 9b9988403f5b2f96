//! Where a probe pod may run.

use plimsoll_platform::survey::Node;
use plimsoll_vendors::Vendor;
use serde_json::{Value, json};

const HOSTNAME: &str = "kubernetes.io/hostname";

/// Constrains a pod to nodes, always through the scheduler.
///
/// Only taints that keep ordinary work off accelerated nodes are tolerated, and only those seen on the very
/// nodes that are meant: a cordoned node, or one that an autoscaler is about to remove, stays off limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    hostname: Option<String>,
    taints: Vec<Taint>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Taint {
    key: String,
    effect: String,
}

impl Placement {
    /// Any Linux node without taints.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// This node.
    #[must_use]
    pub fn on(node: &Node) -> Self {
        let hostname = node.labels.get(HOSTNAME).unwrap_or(&node.name).clone();
        Self {
            hostname: Some(hostname),
            ..Self::tolerating([node])
        }
    }

    /// Any Linux node, these accelerated ones among them.
    #[must_use]
    pub fn tolerating<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let taints = nodes.into_iter().flat_map(|node| &node.taints);
        let mut taints: Vec<Taint> = taints
            .filter(|taint| marks_accelerators(&taint.key))
            .map(|taint| Taint {
                key: taint.key.clone(),
                effect: taint.effect.clone(),
            })
            .collect();
        taints.sort();
        taints.dedup();
        Self {
            hostname: None,
            taints,
        }
    }

    pub(super) fn node_selector(&self) -> Value {
        let mut selector = json!({"kubernetes.io/os": "linux"});
        if let Some(hostname) = &self.hostname {
            selector[HOSTNAME] = json!(hostname);
        }
        selector
    }

    pub(super) fn tolerations(&self) -> Vec<Value> {
        self.taints
            .iter()
            .map(|taint| json!({"key": taint.key, "operator": "Exists", "effect": taint.effect}))
            .collect()
    }
}

/// Whether a taint's key says that a node is kept for accelerated work: a vendor's profile names it, or it
/// is called after an extended resource.
fn marks_accelerators(key: &str) -> bool {
    Vendor::by_resource(key).is_some()
        || Vendor::all()
            .iter()
            .any(|vendor| vendor.taints.iter().any(|taint| taint == key))
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::survey::NodeTaint;

    use super::*;

    fn node(keys: &[&str]) -> Node {
        let taint = |key: &&str| NodeTaint {
            key: (*key).to_owned(),
            value: None,
            effect: "NoSchedule".to_owned(),
        };
        Node {
            name: "n".to_owned(),
            taints: keys.iter().map(taint).collect(),
            ..Node::default()
        }
    }

    #[test]
    fn only_accelerator_taints_are_tolerated() {
        let node = node(&[
            "nvidia.com/gpu",
            "node.kubernetes.io/unschedulable",
            "team/private",
        ]);
        assert_eq!(
            Placement::on(&node).tolerations(),
            [json!({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"})]
        );
    }

    #[test]
    fn nothing_is_tolerated_where_nothing_is_tainted() {
        assert!(Placement::on(&node(&[])).tolerations().is_empty());
        assert!(Placement::tolerating([]).tolerations().is_empty());
        assert!(Placement::anywhere().tolerations().is_empty());
    }

    #[test]
    fn a_node_is_chosen_by_the_label_that_schedulers_know_it_by() {
        let mut node = node(&[]);
        assert_eq!(Placement::on(&node).node_selector()[HOSTNAME], "n");
        node.labels.insert(HOSTNAME.to_owned(), "host-7".to_owned());
        assert_eq!(Placement::on(&node).node_selector()[HOSTNAME], "host-7");
    }
}
