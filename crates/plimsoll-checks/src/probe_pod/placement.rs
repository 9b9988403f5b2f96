//! Where a probe pod may run.

use serde_json::{Value, json};

use plimsoll_vendors::Vendor;

/// A taint of a node, as far as tolerating it goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeTaint {
    /// Its key.
    pub key: String,
    /// Its effect, such as `NoSchedule`.
    pub effect: String,
}

/// Constrains a pod to nodes, always through the scheduler.
///
/// Only taints that keep ordinary work off accelerated nodes are tolerated, and only those seen on the very
/// nodes that are meant: a cordoned node, or one that an autoscaler is about to remove, stays off limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    hostname: Option<String>,
    taints: Vec<NodeTaint>,
}

impl Placement {
    /// Any Linux node without taints.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// The node whose `kubernetes.io/hostname` label is `hostname`.
    #[must_use]
    pub fn on(hostname: impl Into<String>, taints: impl IntoIterator<Item = NodeTaint>) -> Self {
        Self {
            hostname: Some(hostname.into()),
            taints: accelerator_taints(taints),
        }
    }

    /// Any Linux node, the accelerated nodes with these taints among them.
    #[must_use]
    pub fn tolerating(taints: impl IntoIterator<Item = NodeTaint>) -> Self {
        Self {
            hostname: None,
            taints: accelerator_taints(taints),
        }
    }

    pub(super) fn node_selector(&self) -> Value {
        let mut selector = json!({"kubernetes.io/os": "linux"});
        if let Some(hostname) = &self.hostname {
            selector["kubernetes.io/hostname"] = json!(hostname);
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

fn accelerator_taints(taints: impl IntoIterator<Item = NodeTaint>) -> Vec<NodeTaint> {
    let mut taints: Vec<NodeTaint> = taints
        .into_iter()
        .filter(|taint| marks_accelerators(&taint.key))
        .collect();
    taints.sort();
    taints.dedup();
    taints
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
    use super::*;

    fn taint(key: &str) -> NodeTaint {
        NodeTaint {
            key: key.to_owned(),
            effect: "NoSchedule".to_owned(),
        }
    }

    #[test]
    fn only_accelerator_taints_are_tolerated() {
        let placement = Placement::on(
            "n",
            [
                taint("nvidia.com/gpu"),
                taint("node.kubernetes.io/unschedulable"),
                taint("team/private"),
            ],
        );
        assert_eq!(
            placement.tolerations(),
            [json!({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"})]
        );
    }

    #[test]
    fn nothing_is_tolerated_where_nothing_is_tainted() {
        assert!(Placement::tolerating([]).tolerations().is_empty());
        assert!(Placement::anywhere().tolerations().is_empty());
    }
}
