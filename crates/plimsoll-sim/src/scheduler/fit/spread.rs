//! Pods that are to be spread evenly over domains.

use std::collections::BTreeMap;

use super::{Refusal, accepts, untolerated};
use crate::scheduler::{
    cluster::{Cluster, Node},
    pod::Pod,
    wishes::SpreadConstraint,
};

/// How many pods of a kind each domain has, for each constraint that is a must.
pub(super) struct Spread(Vec<Counted>);

struct Counted {
    max_skew: i64,
    key: String,
    /// Whether the pod counts itself.
    counts_itself: i64,
    counts: BTreeMap<String, i64>,
    least: i64,
}

impl Spread {
    pub(super) fn of(cluster: &Cluster, pod: &Pod) -> Self {
        let required: Vec<&SpreadConstraint> =
            pod.wishes.spread.iter().filter(|one| one.is_required).collect();
        let counted = required.iter().map(|constraint| {
            let counts = counts(cluster, pod, constraint, &required);
            let fewest = counts.values().copied().min().unwrap_or_default();
            let domains = i64::try_from(counts.len()).unwrap_or(i64::MAX);
            Counted {
                max_skew: constraint.max_skew,
                key: constraint.topology_key.clone(),
                counts_itself: i64::from(constraint.selector.selects(&pod.labels)),
                // With fewer domains than wanted, the missing ones count as empty.
                least: if constraint.min_domains.is_some_and(|wanted| domains < wanted) {
                    0
                } else {
                    fewest
                },
                counts,
            }
        });
        Self(counted.collect())
    }

    pub(super) fn check(&self, node: &Node) -> Result<(), Refusal> {
        for counted in &self.0 {
            let Some(value) = node.label(&counted.key) else {
                return Err(Refusal::incurable(
                    "node(s) didn't match pod topology spread constraints (missing required label)",
                ));
            };
            let there = counted.counts.get(value).copied().unwrap_or_default();
            if there + counted.counts_itself - counted.least > counted.max_skew {
                return Err(Refusal::curable(
                    "node(s) didn't match pod topology spread constraints",
                ));
            }
        }
        Ok(())
    }
}

/// Pods per domain of `constraint`, over the nodes that have all the `required` constraints' labels.
pub(in crate::scheduler) fn counts(
    cluster: &Cluster,
    pod: &Pod,
    constraint: &SpreadConstraint,
    required: &[&SpreadConstraint],
) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for node in cluster.nodes() {
        let counts_here = required.iter().all(|one| node.label(&one.topology_key).is_some())
            && (!constraint.honours_affinity || accepts(&pod.wishes, node))
            && (!constraint.honours_taints || untolerated(&pod.wishes, node).is_none());
        let (true, Some(value)) = (counts_here, node.label(&constraint.topology_key)) else {
            continue;
        };
        let alike = |other: &Pod| {
            other.namespace == pod.namespace
                && !other.state.is_ending
                && constraint.selector.selects(&other.labels)
        };
        let here = node.pods.values().filter(|other| alike(other)).count();
        *counts.entry(value.to_owned()).or_default() += i64::try_from(here).unwrap_or(i64::MAX);
    }
    counts
}
