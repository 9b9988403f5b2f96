//! Making room for an important pod: which pods of lower priority would have to go.

use std::sync::Arc;

use super::{pod::Pod, refusal::Account, state::State};

/// A node and who has to leave it.
#[derive(Clone, Debug)]
pub(super) struct Eviction {
    pub(super) node: String,
    /// The most important first.
    pub(super) victims: Vec<Arc<Pod>>,
}

impl State {
    /// The cheapest way to make room for a pod on one of the nodes that refused it; none where there is none.
    pub(super) fn eviction_for(&mut self, pod: &Pod, account: &Account) -> Option<Eviction> {
        if !pod.may_preempt || account.beforehand.is_some() {
            return None;
        }
        let curable: Vec<String> = account
            .refusals
            .keys()
            .filter(|node| account.is_curable(node))
            .cloned()
            .collect();
        let ways = curable.into_iter().filter_map(|node| self.eviction_on(pod, node));
        // Whom it hurts least: the less important, the fewer; then by the node's name.
        ways.min_by_key(|way| {
            let highest = way.victims.first().map(|victim| victim.priority);
            let sum: i64 = way.victims.iter().map(|victim| victim.priority).sum();
            (highest, sum, way.victims.len(), way.node.clone())
        })
    }

    /// Whether room is being made for a pod already: somebody less important is leaving its node.
    pub(super) fn is_being_made_room_for(&self, pod: &Pod) -> bool {
        let node = self
            .nominated
            .get(&pod.uid)
            .and_then(|name| self.cluster.node(name));
        node.is_some_and(|node| {
            node.pods
                .values()
                .any(|other| other.state.is_ending && other.priority < pod.priority)
        })
    }

    fn eviction_on(&mut self, pod: &Pod, node: String) -> Option<Eviction> {
        let pods = &self.cluster.node(&node)?.pods;
        let mut lower: Vec<Arc<Pod>> = pods
            .values()
            .filter(|other| other.priority < pod.priority)
            .cloned()
            .collect();
        if lower.is_empty() {
            return None;
        }
        lower.sort_by(|a, b| (b.priority, &a.namespace, &a.name).cmp(&(a.priority, &b.namespace, &b.name)));
        for other in &lower {
            self.cluster.remove_pod(&other.uid);
        }
        let mut victims = None;
        if self.would_fit(pod, &node) {
            let mut leaving = Vec::new();
            // Whoever may stay, stays; the most important are asked first.
            for other in &lower {
                self.cluster.place(other.clone());
                if !self.would_fit(pod, &node) {
                    self.cluster.remove_pod(&other.uid);
                    leaving.push(other.clone());
                }
            }
            victims = Some(leaving);
        }
        for other in lower {
            self.cluster.place(other);
        }
        let victims = victims.filter(|victims| !victims.is_empty())?;
        Some(Eviction { node, victims })
    }
}
