//! When each member of a gang was first seen bound, running, done and gone, as a watch showed it.
//!
//! Events aggregate and get lost; a watch with its resource versions does not. Each state the watch shows is
//! fed to [`Timeline::see`]; everything that is decided about placement is read from here, so that a verdict
//! and the evidence for it are the same data.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Serialize;

use super::sight::Sight;

/// One member's story. Times are since the timeline began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Member {
    /// Where it was bound.
    pub node: Option<String>,
    /// When it was first seen bound, in milliseconds.
    pub bound_ms: Option<u128>,
    /// When it was first seen to have started, in milliseconds.
    pub started_ms: Option<u128>,
    /// When it was first seen to have ended, in milliseconds.
    pub ended_ms: Option<u128>,
    /// Whether it ended well.
    pub succeeded: bool,
    /// When it was first seen gone, in milliseconds.
    pub gone_ms: Option<u128>,
}

/// A moment at which two gangs each held a part of what they need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Overlap {
    /// When it was first seen, in milliseconds.
    pub at_ms: u128,
    /// The gangs, and how many of their members were bound.
    pub parts: Vec<(String, usize)>,
}

/// The members of some gangs that share slots, and what was seen of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Timeline {
    /// How many members each gang needs.
    sizes: BTreeMap<String, usize>,
    /// By gang, then by pod.
    members: BTreeMap<String, BTreeMap<String, Member>>,
    /// The pods met so far, by name and uid.
    #[serde(skip)]
    met: BTreeSet<(String, String)>,
    /// The gangs that have been seen whole.
    whole_ms: BTreeMap<String, u128>,
    /// The first moment at which more than one gang was partly bound.
    overlap: Option<Overlap>,
}

impl Timeline {
    /// Announces a gang, so that part and whole can be told apart.
    pub(super) fn expect(&mut self, gang: &str, size: usize) {
        self.sizes.insert(gang.to_owned(), size);
    }

    /// Takes what the watch shows at one moment. Members it doesn't show keep their last state.
    pub(super) fn see(&mut self, at: Duration, sights: impl IntoIterator<Item = Sight>) {
        let at = at.as_millis();
        for sight in sights {
            let first = self.met.insert((sight.pod.clone(), sight.uid));
            let member = self
                .members
                .entry(sight.gang)
                .or_default()
                .entry(sight.pod)
                .or_default();
            if first && member.gone_ms.is_some() {
                // Made again under the same name: a new story begins.
                *member = Member::default();
            }
            if let Some(node) = sight.node {
                member.node.get_or_insert(node);
                member.bound_ms.get_or_insert(at);
            }
            if sight.started {
                member.started_ms.get_or_insert(at);
            }
            if sight.ended {
                member.ended_ms.get_or_insert(at);
            }
            member.succeeded |= sight.succeeded;
            if sight.gone {
                member.gone_ms.get_or_insert(at);
            }
        }
        self.mark(at);
    }

    /// Notes gangs that became whole, and whether more than one holds a part.
    fn mark(&mut self, at: u128) {
        let mut parts = Vec::new();
        for (gang, size) in &self.sizes {
            let holding = self.holding(gang);
            if holding >= *size && *size > 0 {
                self.whole_ms.entry(gang.clone()).or_insert(at);
            } else if holding > 0 && !self.whole_ms.contains_key(gang) {
                // A gang that was whole and loses members at its end is not one that waits for the rest.
                parts.push((gang.clone(), holding));
            }
        }
        if parts.len() > 1 && self.overlap.is_none() {
            self.overlap = Some(Overlap { at_ms: at, parts });
        }
    }

    fn of<'a>(&'a self, gang: &str) -> impl Iterator<Item = (&'a String, &'a Member)> + use<'a> {
        self.members.get(gang).into_iter().flatten()
    }

    /// How many members of the gang are bound and not gone.
    fn holding(&self, gang: &str) -> usize {
        self.of(gang)
            .filter(|(_, member)| member.bound_ms.is_some() && member.gone_ms.is_none())
            .count()
    }

    /// How many members the gang needs; 0 for a gang nobody announced.
    pub(super) fn size(&self, gang: &str) -> usize {
        self.sizes.get(gang).copied().unwrap_or_default()
    }

    /// How many members of the gang were ever seen, bound or not.
    pub(super) fn seen(&self, gang: &str) -> usize {
        self.of(gang).count()
    }

    /// The members of the gang that were ever bound, deleted ones too: pod, node and time.
    pub(super) fn bound(&self, gang: &str) -> Vec<(&str, &str, u128)> {
        self.of(gang)
            .filter_map(|(pod, member)| Some((pod.as_str(), member.node.as_deref()?, member.bound_ms?)))
            .collect()
    }

    /// How many members of the gang came to their end well.
    pub(super) fn succeeded(&self, gang: &str) -> usize {
        self.of(gang).filter(|(_, member)| member.succeeded).count()
    }

    /// When all members the gang needs were bound at once, in milliseconds.
    pub(super) fn whole_at(&self, gang: &str) -> Option<u128> {
        self.whole_ms.get(gang).copied()
    }

    /// When the first member of the gang ended or went, and so gave up its slot, in milliseconds.
    pub(super) fn leaves_at(&self, gang: &str) -> Option<u128> {
        self.of(gang)
            .flat_map(|(_, member)| [member.ended_ms, member.gone_ms])
            .flatten()
            .min()
    }

    /// The first moment at which more than one gang held a part only.
    pub(super) fn overlap(&self) -> Option<&Overlap> {
        self.overlap.as_ref()
    }

    /// The time between the first and the last member's binding, in milliseconds; none unless whole.
    pub(super) fn bind_spread(&self, gang: &str) -> Option<u128> {
        self.spread(gang, |member| member.bound_ms)
    }

    /// The time between the first and the last member's start, in milliseconds; none unless all started.
    pub(super) fn start_spread(&self, gang: &str) -> Option<u128> {
        self.spread(gang, |member| member.started_ms)
    }

    fn spread(&self, gang: &str, time: impl Fn(&Member) -> Option<u128>) -> Option<u128> {
        let times: Vec<u128> = self.of(gang).filter_map(|(_, member)| time(member)).collect();
        if times.is_empty() || times.len() < self.size(gang) {
            return None;
        }
        Some(times.iter().max()? - times.iter().min()?)
    }

    /// The timeline as evidence.
    pub(super) fn fact(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A member bound to a node, or not.
    pub(in super::super) fn sight(gang: &str, pod: &str, node: Option<&str>) -> Sight {
        Sight {
            gang: gang.to_owned(),
            pod: pod.to_owned(),
            uid: pod.to_owned(),
            node: node.map(str::to_owned),
            ..Sight::default()
        }
    }

    pub(in super::super) fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn of_two() -> Timeline {
        let mut timeline = Timeline::default();
        timeline.expect("a", 2);
        timeline.expect("b", 2);
        timeline
    }

    #[test]
    fn nothing_seen_is_nothing_bound_and_nothing_whole() {
        let timeline = of_two();
        assert!(timeline.bound("a").is_empty());
        assert_eq!(
            (
                timeline.whole_at("a"),
                timeline.bind_spread("a"),
                timeline.seen("a")
            ),
            (None, None, 0)
        );
        assert_eq!(timeline.overlap(), None);
    }

    #[test]
    fn a_gang_that_wants_nothing_is_never_whole() {
        let mut timeline = Timeline::default();
        timeline.expect("a", 0);
        timeline.see(ms(1), []);
        assert_eq!(timeline.whole_at("a"), None);
    }

    #[test]
    fn the_first_time_a_binding_is_seen_stays() {
        let mut timeline = of_two();
        timeline.see(ms(10), [sight("a", "a0", Some("n1"))]);
        timeline.see(
            ms(30),
            [sight("a", "a0", Some("n1")), sight("a", "a1", Some("n2"))],
        );
        assert_eq!(timeline.bound("a"), [("a0", "n1", 10), ("a1", "n2", 30)]);
        assert_eq!(
            (timeline.whole_at("a"), timeline.bind_spread("a")),
            (Some(30), Some(20))
        );
    }

    #[test]
    fn a_member_bound_and_deleted_in_between_counts_as_bound() {
        let mut timeline = of_two();
        timeline.see(
            ms(5),
            [Sight {
                gone: true,
                ..sight("a", "a0", Some("n1"))
            }],
        );
        assert_eq!(timeline.bound("a"), [("a0", "n1", 5)]);
        assert_eq!(timeline.whole_at("a"), None);
    }

    #[test]
    fn bound_one_after_the_other_without_ever_being_together_is_not_whole() {
        let mut timeline = of_two();
        timeline.see(ms(5), [sight("a", "a0", Some("n1"))]);
        timeline.see(
            ms(6),
            [Sight {
                gone: true,
                ..sight("a", "a0", Some("n1"))
            }],
        );
        timeline.see(ms(7), [sight("a", "a1", Some("n1"))]);
        assert_eq!(timeline.whole_at("a"), None);
        assert_eq!(timeline.bound("a").len(), 2);
    }

    #[test]
    fn two_gangs_that_hold_a_part_each_are_an_overlap() {
        let mut timeline = of_two();
        timeline.see(ms(10), [sight("a", "a0", Some("n1"))]);
        assert_eq!(timeline.overlap(), None);
        timeline.see(ms(20), [sight("b", "b0", Some("n2"))]);
        let parts = vec![("a".to_owned(), 1), ("b".to_owned(), 1)];
        assert_eq!(timeline.overlap(), Some(&Overlap { at_ms: 20, parts }));
    }

    #[test]
    fn an_overlap_that_ended_again_is_not_forgotten() {
        let mut timeline = of_two();
        timeline.see(
            ms(10),
            [sight("a", "a0", Some("n1")), sight("b", "b0", Some("n2"))],
        );
        timeline.see(
            ms(20),
            [Sight {
                gone: true,
                ..sight("a", "a0", Some("n1"))
            }],
        );
        assert_eq!(timeline.overlap().map(|overlap| overlap.at_ms), Some(10));
    }

    #[test]
    fn a_gang_that_ends_member_by_member_does_not_overlap_with_the_next_one() {
        let mut timeline = of_two();
        timeline.see(
            ms(10),
            [sight("a", "a0", Some("n1")), sight("a", "a1", Some("n2"))],
        );
        timeline.see(
            ms(20),
            [
                Sight {
                    gone: true,
                    ..sight("a", "a0", Some("n1"))
                },
                sight("b", "b0", Some("n1")),
            ],
        );
        assert_eq!(timeline.overlap(), None);
        timeline.see(
            ms(30),
            [
                Sight {
                    gone: true,
                    ..sight("a", "a1", Some("n2"))
                },
                sight("b", "b1", Some("n2")),
            ],
        );
        assert_eq!((timeline.overlap(), timeline.whole_at("b")), (None, Some(30)));
    }

    #[test]
    fn a_pod_made_again_under_the_same_name_begins_anew() {
        let mut timeline = of_two();
        timeline.see(
            ms(1),
            [Sight {
                gone: true,
                ..sight("a", "a0", Some("n1"))
            }],
        );
        timeline.see(
            ms(2),
            [Sight {
                uid: "second".to_owned(),
                ..sight("a", "a0", None)
            }],
        );
        assert!(timeline.bound("a").is_empty());
    }

    #[test]
    fn starts_have_no_spread_until_all_have_started() {
        let mut timeline = of_two();
        timeline.see(
            ms(1),
            [Sight {
                started: true,
                ..sight("a", "a0", Some("n1"))
            }],
        );
        assert_eq!(timeline.start_spread("a"), None);
        timeline.see(
            ms(9),
            [Sight {
                started: true,
                ..sight("a", "a1", Some("n2"))
            }],
        );
        assert_eq!(timeline.start_spread("a"), Some(8));
    }
}
