//! Why a pod was not placed, in the scheduler's words.

use std::collections::BTreeMap;

use super::fit::Refusal;

/// What the nodes said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// How many nodes there are.
    pub(super) nodes: usize,
    /// Why no node was looked at, where that is so.
    pub(super) beforehand: Option<String>,
    /// What each node said that was looked at.
    pub(super) refusals: BTreeMap<String, Vec<Refusal>>,
    /// Whether pods are being pushed out to make room.
    pub(super) is_being_cured: bool,
}

/// What pods with claims are told about preemption: their claims don't come free by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claims {
    /// The pod has none to allocate.
    None,
    /// It has.
    Some,
}

/// The minor version of Kubernetes since which pods without claims are told that none came free.
const NO_NEW_CLAIMS_SINCE: u32 = 34;

impl Account {
    /// Whether pods leaving that node could help.
    pub(super) fn is_curable(&self, node: &str) -> bool {
        self.beforehand.is_none()
            && self
                .refusals
                .get(node)
                .is_some_and(|refusals| refusals.iter().all(|refusal| refusal.is_curable))
    }

    /// The whole message.
    pub(super) fn message(&self, claims: Claims, minor: u32) -> String {
        let note = match claims {
            Claims::Some => "still not schedulable, ",
            Claims::None if minor >= NO_NEW_CLAIMS_SINCE => "no new claims to deallocate, ",
            Claims::None => "",
        };
        if self.nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        if self.is_being_cured {
            return self.reasons().trim_end().to_owned();
        }
        format!("{}{note}preemption: {}", self.reasons(), self.about_preemption())
    }

    /// `0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods. `
    fn reasons(&self) -> String {
        let nodes = self.nodes;
        if let Some(beforehand) = &self.beforehand {
            return format!("0/{nodes} nodes are available: {beforehand}. ");
        }
        format!(
            "0/{nodes} nodes are available: {}. ",
            counted(self.refusals.values().flatten().map(|one| one.text.as_ref()))
        )
    }

    fn about_preemption(&self) -> String {
        let nodes = self.nodes;
        if self.beforehand.is_some() {
            return format!(
                "0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
            );
        }
        let said = self.refusals.keys().map(|node| {
            if self.is_curable(node) {
                "No preemption victims found for incoming pod"
            } else {
                "Preemption is not helpful for scheduling"
            }
        });
        format!("0/{nodes} nodes are available: {}.", counted(said))
    }
}

/// `1 one, 2 other`, sorted as the scheduler sorts: by that very text.
fn counted<'a>(reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut texts: Vec<String> = counts
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    texts.sort();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            nodes: 2,
            beforehand: None,
            is_being_cured: false,
            refusals: BTreeMap::from([
                (
                    "n1".to_owned(),
                    vec![Refusal::curable("Insufficient nvidia.com/gpu")],
                ),
                (
                    "n2".to_owned(),
                    vec![Refusal::incurable(
                        "node(s) didn't match Pod's node affinity/selector",
                    )],
                ),
            ]),
        }
    }

    #[test]
    fn a_refusal_reads_as_the_real_schedulers() {
        assert_eq!(
            account().message(Claims::None, 33),
            "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match Pod's node affinity/selector. \
             preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not \
             helpful for scheduling."
        );
        assert!(
            account()
                .message(Claims::None, 36)
                .contains("selector. no new claims to deallocate, preemption: 0/2")
        );
        assert!(
            account()
                .message(Claims::Some, 36)
                .contains("selector. still not schedulable, preemption: 0/2")
        );
    }

    #[test]
    fn one_node_may_have_several_reasons() {
        let mut account = account();
        account.refusals.insert(
            "n2".to_owned(),
            vec![
                Refusal::curable("Too many pods"),
                Refusal::curable("Insufficient cpu"),
            ],
        );
        assert!(account.message(Claims::None, 36).starts_with(
            "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu, 1 Too many pods. "
        ));
        assert!(account.is_curable("n2") && !account.is_curable("n3"));
    }

    #[test]
    fn what_was_known_beforehand_stands_for_all_nodes() {
        let account = Account {
            nodes: 3,
            beforehand: Some("request gpu: device class c does not exist".to_owned()),
            ..Account::default()
        };
        assert_eq!(
            account.message(Claims::None, 36),
            "0/3 nodes are available: request gpu: device class c does not exist. no new claims to deallocate, \
             preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
        );
        assert_eq!(
            Account::default().message(Claims::None, 36),
            "no nodes available to schedule pods"
        );
    }
}
