//! From a timeline to a ruling. Pure: what was seen goes in, what it means comes out.

use std::time::Duration;

use super::timeline::Timeline;
use crate::probe_pod::Ruling;

/// What a gang that must be held back lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// One slot: if all its members are bound all the same, there was room that nobody counted.
    Slot,
    /// One member: nothing excuses binding the others.
    Member,
}

/// Whether a gang that lacks something was held back for the window; `present` members were there.
pub(super) fn held_back(
    timeline: &Timeline,
    gang: &str,
    present: usize,
    lack: Lack,
    window: Duration,
) -> Ruling {
    let size = timeline.size(gang);
    let bound = timeline.bound(gang);
    let short = match lack {
        Lack::Slot => "one slot short of room",
        Lack::Member => "still waiting for its last member",
    };
    if timeline.seen(gang) < present || present == 0 {
        let seen = timeline.seen(gang);
        return Ruling::Undecided(format!(
            "only {seen} of {present} members were there to be held back"
        ));
    }
    if bound.is_empty() {
        let seconds = window.as_secs();
        return Ruling::Right(format!(
            "none of the {present} members was bound in {seconds} s, {short}"
        ));
    }
    if lack == Lack::Slot && timeline.whole_at(gang).is_some() {
        return Ruling::Undecided(format!(
            "all {size} members were bound at once although a slot was taken: room came free that was not ours to count"
        ));
    }
    let list = bound
        .iter()
        .map(|(pod, node, at)| format!("{pod} to {node} after {at} ms"))
        .collect::<Vec<_>>();
    Ruling::Wrong(format!(
        "partial start: {} of the gang's {size} members were bound while it was {short} ({})",
        bound.len(),
        list.join(", ")
    ))
}

/// Whether two gangs that don't both fit kept apart. None as long as neither that nor the opposite is known.
pub(super) fn kept_apart(timeline: &Timeline, first: &str, second: &str) -> Option<Ruling> {
    let whole = (timeline.whole_at(first), timeline.whole_at(second));
    if let (Some(a), Some(b)) = whole {
        let (earlier, since) = if a <= b { (first, b) } else { (second, a) };
        if timeline.leaves_at(earlier).is_none_or(|left| left > since) {
            return Some(Ruling::Undecided(format!(
                "`{first}` and `{second}` were both bound whole at the same time: there was room for both"
            )));
        }
    }
    if let Some(overlap) = timeline.overlap() {
        let parts: Vec<String> = overlap
            .parts
            .iter()
            .map(|(gang, held)| format!("`{gang}` {held} of {}", timeline.size(gang)))
            .collect();
        return Some(Ruling::Wrong(format!(
            "deadlock: two gangs were both partly bound after {} ms ({}), each holding what the other waits for",
            overlap.at_ms,
            parts.join(", ")
        )));
    }
    let (a, b) = (whole.0?, whole.1?);
    let done = |gang: &str| timeline.succeeded(gang) >= timeline.size(gang);
    (done(first) && done(second)).then(|| {
        let (earlier, later) = if a <= b { (first, second) } else { (second, first) };
        Ruling::Right(format!(
            "`{earlier}` started whole after {} ms and finished, then `{later}` after {} ms; never both in part",
            a.min(b),
            a.max(b)
        ))
    })
}

/// What a gang that did not come to be bound whole did instead.
pub(super) fn not_whole(timeline: &Timeline, gang: &str) -> String {
    let (bound, size) = (timeline.bound(gang).len(), timeline.size(gang));
    if bound == 0 {
        format!("the gang did not start: none of its {size} members was bound")
    } else {
        format!("partial start: {bound} of the gang's {size} members were bound and the rest were not")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gang_scheduling::{
        sight::Sight,
        timeline::tests::{ms, sight},
    };

    const WINDOW: Duration = Duration::from_secs(10);

    fn timeline(gangs: &[(&str, usize)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (gang, size) in gangs {
            timeline.expect(gang, *size);
        }
        timeline
    }

    fn pending(timeline: &mut Timeline, gang: &str, count: usize) {
        timeline.see(
            ms(0),
            (0..count).map(|i| sight(gang, &format!("{gang}{i}"), None)),
        );
    }

    #[test]
    fn a_gang_nobody_made_was_not_held_back() {
        for present in [0, 3] {
            let ruling = held_back(&timeline(&[("a", 3)]), "a", present, Lack::Slot, WINDOW);
            assert!(matches!(ruling, Ruling::Undecided(_)), "{ruling:?}");
        }
        let ruling = held_back(&Timeline::default(), "a", 0, Lack::Slot, WINDOW);
        assert!(matches!(ruling, Ruling::Undecided(_)), "{ruling:?}");
    }

    #[test]
    fn members_that_stay_pending_are_held_back() {
        let mut seen = timeline(&[("a", 3)]);
        pending(&mut seen, "a", 3);
        assert!(held_back(&seen, "a", 3, Lack::Slot, WINDOW).is_right());
        assert!(matches!(
            held_back(&seen, "a", 4, Lack::Slot, WINDOW),
            Ruling::Undecided(_)
        ));
    }

    #[test]
    fn a_part_that_is_bound_is_a_partial_start() {
        let mut seen = timeline(&[("a", 3)]);
        pending(&mut seen, "a", 3);
        seen.see(ms(40), [sight("a", "a0", Some("n1"))]);
        for lack in [Lack::Slot, Lack::Member] {
            let ruling = held_back(&seen, "a", 3, lack, WINDOW);
            assert!(
                ruling.is_wrong() && ruling.detail().contains("1 of the gang's 3 members"),
                "{ruling:?}"
            );
            assert!(ruling.detail().contains("a0 to n1 after 40 ms"), "{ruling:?}");
        }
    }

    #[test]
    fn a_part_that_was_bound_and_deleted_is_a_partial_start() {
        let mut seen = timeline(&[("a", 3)]);
        pending(&mut seen, "a", 3);
        seen.see(
            ms(40),
            [Sight {
                gone: true,
                ..sight("a", "a0", Some("n1"))
            }],
        );
        assert!(held_back(&seen, "a", 3, Lack::Slot, WINDOW).is_wrong());
    }

    #[test]
    fn a_gang_bound_whole_found_room_that_was_not_counted_unless_a_member_was_missing() {
        let mut seen = timeline(&[("a", 2)]);
        seen.see(
            ms(40),
            [sight("a", "a0", Some("n1")), sight("a", "a1", Some("n2"))],
        );
        assert!(matches!(
            held_back(&seen, "a", 2, Lack::Slot, WINDOW),
            Ruling::Undecided(_)
        ));
        assert!(held_back(&seen, "a", 2, Lack::Member, WINDOW).is_wrong());
    }

    fn two() -> Timeline {
        timeline(&[("a", 2), ("b", 2)])
    }

    fn done(gang: &str, pod: &str, node: &str) -> Sight {
        Sight {
            started: true,
            ended: true,
            succeeded: true,
            ..sight(gang, pod, Some(node))
        }
    }

    #[test]
    fn nothing_is_known_of_two_gangs_before_both_are_done() {
        let mut seen = two();
        assert_eq!(kept_apart(&seen, "a", "b"), None);
        seen.see(ms(10), [done("a", "a0", "n1"), done("a", "a1", "n2")]);
        assert_eq!(kept_apart(&seen, "a", "b"), None);
        seen.see(
            ms(20),
            [sight("b", "b0", Some("n1")), sight("b", "b1", Some("n2"))],
        );
        assert_eq!(kept_apart(&seen, "a", "b"), None);
    }

    #[test]
    fn two_gangs_in_turn_keep_apart() {
        let mut seen = two();
        seen.see(ms(10), [done("b", "b0", "n1"), done("b", "b1", "n2")]);
        seen.see(ms(20), [done("a", "a0", "n1"), done("a", "a1", "n2")]);
        let ruling = kept_apart(&seen, "a", "b").unwrap();
        assert!(
            ruling.is_right() && ruling.detail().starts_with("`b` started whole"),
            "{ruling:?}"
        );
    }

    #[test]
    fn half_of_each_is_a_deadlock() {
        let mut seen = two();
        seen.see(
            ms(10),
            [sight("a", "a0", Some("n1")), sight("b", "b0", Some("n2"))],
        );
        let ruling = kept_apart(&seen, "a", "b").unwrap();
        assert!(
            ruling.is_wrong() && ruling.detail().contains("`a` 1 of 2, `b` 1 of 2"),
            "{ruling:?}"
        );
    }

    #[test]
    fn both_whole_at_once_says_nothing_of_scarcity() {
        let mut seen = two();
        seen.see(
            ms(10),
            [sight("a", "a0", Some("n1")), sight("b", "b0", Some("n2"))],
        );
        seen.see(
            ms(20),
            [sight("a", "a1", Some("n1")), sight("b", "b1", Some("n2"))],
        );
        assert!(matches!(kept_apart(&seen, "a", "b"), Some(Ruling::Undecided(_))));
    }

    #[test]
    fn a_gang_that_took_over_from_one_that_failed_says_nothing_of_scarcity_either_way() {
        let mut seen = two();
        let failed = |pod: &str, node: &str| Sight {
            ended: true,
            ..sight("a", pod, Some(node))
        };
        seen.see(
            ms(10),
            [sight("a", "a0", Some("n1")), sight("a", "a1", Some("n2"))],
        );
        seen.see(ms(20), [failed("a0", "n1"), failed("a1", "n2")]);
        seen.see(
            ms(30),
            [sight("b", "b0", Some("n1")), sight("b", "b1", Some("n2"))],
        );
        assert_eq!(kept_apart(&seen, "a", "b"), None);
    }

    #[test]
    fn a_gang_that_did_not_start_is_told_from_one_that_did_in_part() {
        let mut seen = two();
        assert!(not_whole(&seen, "a").contains("did not start"));
        seen.see(ms(1), [sight("a", "a0", Some("n1"))]);
        assert!(not_whole(&seen, "a").contains("partial start: 1 of"));
    }
}
