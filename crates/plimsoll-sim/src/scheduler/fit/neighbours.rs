//! Pods that are to be together, and pods that are to be kept apart.

use std::collections::BTreeSet;

use super::Refusal;
use crate::scheduler::{
    cluster::{Cluster, Node},
    pod::Pod,
    wishes::PodTerm,
};

/// A node label and its value: all nodes that have it are one domain.
type Domain = (String, String);

/// In which domains a pod may be, because of the pods that are there.
pub(super) struct Neighbours {
    /// Where pods are that want this one kept away.
    unwelcome: BTreeSet<Domain>,
    /// Where pods are from which this one wants to keep away.
    avoided: BTreeSet<Domain>,
    /// Where pods are that this one wants to be near; none if it doesn't mind.
    near: Option<Near>,
}

struct Near {
    keys: Vec<String>,
    domains: BTreeSet<Domain>,
    /// Nobody is there yet whom the pod wants to be near, and it is such a pod itself.
    is_first: bool,
}

impl Neighbours {
    pub(super) fn of(cluster: &Cluster, pod: &Pod) -> Self {
        let mut unwelcome = BTreeSet::new();
        let own_namespace = cluster.namespace_labels(&pod.namespace);
        for other in cluster.repelling() {
            let terms = other
                .wishes
                .apart
                .iter()
                .filter(|term| term.is_about(pod, own_namespace));
            unwelcome.extend(terms.filter_map(|term| domain(cluster, other, &term.topology_key)));
        }
        let mut avoided = BTreeSet::new();
        let is_about =
            |term: &PodTerm, other: &Pod| term.is_about(other, cluster.namespace_labels(&other.namespace));
        for term in &pod.wishes.apart {
            let others = cluster.candidates(term).filter(|other| is_about(term, other));
            avoided.extend(others.filter_map(|other| domain(cluster, other, &term.topology_key)));
        }
        let terms = &pod.wishes.near;
        let near = terms.first().map(|first| {
            let all = |other: &&std::sync::Arc<Pod>| terms.iter().all(|term| is_about(term, other));
            let wanted = cluster.candidates(first).filter(all);
            let domains: BTreeSet<Domain> = wanted
                .flat_map(|other| {
                    terms
                        .iter()
                        .filter_map(|term| domain(cluster, other, &term.topology_key))
                })
                .collect();
            Near {
                keys: terms.iter().map(|term| term.topology_key.clone()).collect(),
                is_first: domains.is_empty() && terms.iter().all(|term| term.is_about(pod, own_namespace)),
                domains,
            }
        });
        Self {
            unwelcome,
            avoided,
            near,
        }
    }

    pub(super) fn check(&self, node: &Node) -> Result<(), Refusal> {
        if self.near.as_ref().is_some_and(|near| !near.accepts(node)) {
            return Err(Refusal::incurable("node(s) didn't match pod affinity rules"));
        }
        if is_in_any(node, &self.avoided) {
            return Err(Refusal::curable("node(s) didn't match pod anti-affinity rules"));
        }
        if is_in_any(node, &self.unwelcome) {
            return Err(Refusal::curable(
                "node(s) didn't satisfy existing pods anti-affinity rules",
            ));
        }
        Ok(())
    }
}

impl Near {
    fn accepts(&self, node: &Node) -> bool {
        self.keys.iter().all(|key| {
            node.label(key)
                .is_some_and(|value| self.is_first || self.domains.contains(&(key.clone(), value.to_owned())))
        })
    }
}

fn is_in_any(node: &Node, domains: &BTreeSet<Domain>) -> bool {
    domains.iter().any(|(key, value)| node.label(key) == Some(value))
}

/// The domain that a placed pod is in.
fn domain(cluster: &Cluster, pod: &Pod, key: &str) -> Option<Domain> {
    let node = cluster.node(pod.node.as_deref()?)?;
    Some((key.to_owned(), node.label(key)?.to_owned()))
}
