//! Gangs that must be in one domain: on nodes that have the same value of a label.

use std::collections::BTreeSet;

use super::decide::{Refused, Verdict};
use crate::scheduler::{
    cluster::Node,
    pod::{GroupKey, Pod},
    state::State,
};

/// The nodes that have a value of a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scheduler) struct Domain {
    key: String,
    value: String,
}

impl Domain {
    pub(in crate::scheduler) fn has(&self, node: &Node) -> bool {
        node.label(&self.key) == Some(&self.value)
    }
}

impl State {
    /// The domains that a gang may be in; nothing where it may be anywhere.
    pub(super) fn domains_of(&self, gang: &GroupKey) -> Option<BTreeSet<Domain>> {
        let key = self
            .groups
            .domain_key(gang)
            .filter(|_| self.enforces_topology)?
            .to_owned();
        let domain = |node: &Node| {
            let value = node.label(&key)?.to_owned();
            let key = key.clone();
            Some(Domain { key, value })
        };
        let members = self.groups.members(gang);
        let bound = members.bound.iter().filter_map(|uid| self.cluster.pod(uid));
        let taken: BTreeSet<Domain> = bound
            .filter_map(|pod| domain(self.cluster.node(pod.node.as_deref()?)?))
            .collect();
        // Who comes later goes to those who are there.
        Some(if taken.is_empty() {
            self.cluster.nodes().filter_map(domain).collect()
        } else {
            taken
        })
    }

    /// Tries one domain after the other; of those that take enough members, the first that takes most.
    pub(super) fn in_one_of(&mut self, gang: &GroupKey, domains: BTreeSet<Domain>) -> Verdict {
        let mut best = Verdict::Refuse(Refused {
            why: "pod group is unschedulable".to_owned(),
            fitting: Vec::new(),
            failed: Vec::new(),
        });
        for domain in domains {
            self.within = Some(domain);
            let verdict = self.anywhere(gang);
            if rank(&verdict) > rank(&best) {
                best = verdict;
            }
        }
        self.within = None;
        match best {
            Verdict::Refuse(_) if self.scatters => self.anywhere(gang),
            best => best,
        }
    }

    /// Where one member may be that is placed by itself; nothing if anywhere.
    pub(in crate::scheduler) fn domain_of_member(&self, pod: &Pod) -> Option<Domain> {
        let gang = pod.group.as_ref().filter(|gang| self.let_go.contains(gang))?;
        let mut domains = self.domains_of(gang)?;
        let first = domains.pop_first()?;
        // As long as nobody is anywhere, all are open.
        domains.is_empty().then_some(first)
    }
}

/// What is better: to be placed, with many; else, to be refused for a reason that names more members.
fn rank(verdict: &Verdict) -> (bool, usize, usize) {
    match verdict {
        Verdict::Place { placed, .. } => (true, placed.len(), 0),
        Verdict::Refuse(refused) => (false, refused.fitting.len(), refused.failed.len()),
        Verdict::NotYet(_) | Verdict::LetGo(_) => (false, 0, 0),
    }
}
