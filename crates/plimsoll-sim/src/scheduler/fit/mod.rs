//! Which nodes take a pod, and why the others don't.
//!
//! What only depends on the pod and on who is where is worked out once per pod ([`Fit::of`]); then each node is looked
//! at ([`Fit::check`]), in the order in which the real scheduler's plugins do: the first that refuses gives the reasons.

mod neighbours;
pub(super) mod spread;

use std::{borrow::Cow, collections::BTreeSet};

use self::{neighbours::Neighbours, spread::Spread};
use super::{
    cluster::{Cluster, Node},
    pod::Pod,
    resources::Resources,
    taint::Taint,
    wishes::Wishes,
};

/// Why a node doesn't take a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    /// In the scheduler's words.
    pub(super) text: Cow<'static, str>,
    /// Whether it could change if pods left the node.
    pub(super) is_curable: bool,
}

impl Refusal {
    pub(super) fn curable(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            is_curable: true,
        }
    }

    pub(super) fn incurable(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            is_curable: false,
        }
    }
}

/// What is asked of the nodes for one pod.
pub(super) struct Fit<'a> {
    pod: &'a Pod,
    /// The only nodes that the pod's own fields allow, if they name some.
    named: Option<BTreeSet<&'a str>>,
    neighbours: Neighbours,
    spread: Spread,
    /// Resources that DeviceClasses stand for: claims provide them on nodes that don't have them themselves.
    claimable: &'a BTreeSet<String>,
    names_taints: bool,
}

/// The minor version of Kubernetes from which on a refusal doesn't name the taint any more.
const TAINTS_UNNAMED_SINCE: u32 = 35;

impl<'a> Fit<'a> {
    /// Works out what `pod` needs.
    pub(super) fn of(cluster: &Cluster, pod: &'a Pod, claimable: &'a BTreeSet<String>, minor: u32) -> Self {
        let named = pod.wishes.nodes.as_ref().and_then(|nodes| nodes.named());
        Self {
            pod,
            named: named.map(BTreeSet::from_iter),
            neighbours: Neighbours::of(cluster, pod),
            spread: Spread::of(cluster, pod),
            claimable,
            names_taints: minor < TAINTS_UNNAMED_SINCE,
        }
    }

    /// Whether the node takes the pod, claims aside; if not, why.
    pub(super) fn check(&self, node: &Node) -> Result<(), Vec<Refusal>> {
        self.check_node(node).map_err(|refusal| vec![refusal])?;
        self.check_room(node)?;
        self.spread.check(node).map_err(|refusal| vec![refusal])?;
        self.neighbours.check(node).map_err(|refusal| vec![refusal])
    }

    fn check_node(&self, node: &Node) -> Result<(), Refusal> {
        if self
            .named
            .as_ref()
            .is_some_and(|named| !named.contains(node.name.as_str()))
        {
            return Err(Refusal::incurable(
                "node(s) didn't satisfy plugin(s) [NodeAffinity]",
            ));
        }
        let wishes = &self.pod.wishes;
        if node.is_unschedulable && !tolerates_unschedulable(wishes) {
            return Err(Refusal::incurable("node(s) were unschedulable"));
        }
        if let Some(taint) = untolerated(wishes, node) {
            return Err(Refusal::incurable(if self.names_taints {
                Cow::Owned(format!(
                    "node(s) had untolerated taint {{{}: {}}}",
                    taint.key, taint.value
                ))
            } else {
                Cow::Borrowed("node(s) had untolerated taint(s)")
            }));
        }
        if !accepts(wishes, node) {
            return Err(Refusal::incurable(
                "node(s) didn't match Pod's node affinity/selector",
            ));
        }
        let taken = || node.pods.values().flat_map(|pod| &pod.ports);
        if self
            .pod
            .ports
            .iter()
            .any(|port| taken().any(|other| port.clashes(other)))
        {
            return Err(Refusal::curable(
                "node(s) didn't have free ports for the requested pod ports",
            ));
        }
        Ok(())
    }

    fn check_room(&self, node: &Node) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        if i64::try_from(node.pods.len()).unwrap_or(i64::MAX) >= node.pod_limit {
            refusals.push(Refusal::curable("Too many pods"));
        }
        let mut lacking = self.pod.needs.lacking(&node.capacity, &node.used);
        lacking.retain(|name| !is_claimed(name, node, self.claimable));
        if !lacking.is_empty() {
            // What the node hasn't even when it is empty, nobody's leaving brings.
            let never = self.pod.needs.lacking(&node.capacity, &Resources::default());
            refusals.extend(lacking.into_iter().map(|name| Refusal {
                text: Cow::Owned(format!("Insufficient {name}")),
                is_curable: !never.contains(&name),
            }));
        }
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(refusals)
        }
    }
}

/// Whether a resource comes from claims on that node, and not from a device plugin.
pub(super) fn is_claimed(name: &str, node: &Node, claimable: &BTreeSet<String>) -> bool {
    claimable.contains(name) && node.capacity.others.get(name).is_none_or(|amount| *amount == 0)
}

/// Whether the pod's node selector and required node affinity accept the node.
pub(super) fn accepts(wishes: &Wishes, node: &Node) -> bool {
    let mut labels = wishes.node_labels.iter();
    labels.all(|(key, value)| node.label(key) == Some(value))
        && wishes
            .nodes
            .as_ref()
            .is_none_or(|selector| selector.selects(&node.name, node.labels()))
}

/// The first taint of the node that keeps the pod out.
pub(super) fn untolerated<'a>(wishes: &Wishes, node: &'a Node) -> Option<&'a Taint> {
    node.taints
        .iter()
        .filter(|taint| taint.keeps_out())
        .find(|taint| {
            !wishes
                .tolerations
                .iter()
                .any(|toleration| toleration.tolerates(taint))
        })
}

fn tolerates_unschedulable(wishes: &Wishes) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        value: String::new(),
        effect: "NoSchedule".to_owned(),
    };
    wishes
        .tolerations
        .iter()
        .any(|toleration| toleration.tolerates(&taint))
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
