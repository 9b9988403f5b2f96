//! When a gang may start. Pure: a picture of the platform and a memory in, decisions out.

use std::collections::BTreeMap;

use plimsoll_defects::GangRule;

use super::room::{Candidate, Room};

/// A group and its members, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Gang {
    /// Namespace and name.
    pub(super) key: (String, String),
    pub(super) uid: String,
    /// Which version of its specification this is.
    pub(super) generation: i64,
    /// How many must be able to start together.
    pub(super) min_count: usize,
    pub(super) members: Vec<Member>,
}

/// A pod of a gang that has not run its course.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: String,
    /// When it was created, in seconds of an epoch.
    pub(super) created: i64,
    pub(super) state: State,
    pub(super) candidate: Candidate,
}

/// How far a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Held by the gate.
    Held,
    /// Let go, not yet on a node.
    Admitted,
    /// On a node.
    Bound,
}

/// The platform as far as gangs are concerned.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    /// When, in seconds of an epoch.
    pub(super) now: i64,
    /// All room there is, as if nobody used any.
    pub(super) total: Room,
    /// What is left beside all pods that are on a node.
    pub(super) free: Room,
    /// Gangs, oldest first.
    pub(super) gangs: Vec<Gang>,
}

/// What the controller remembers of the gangs it decided on, and when it did, by uid.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<String, (Verdict, i64)>);

/// What was decided about a gang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// These held members may go.
    Admit(Vec<String>),
    /// Nobody may, for this reason.
    Refuse(String),
    /// All of it is on nodes.
    Scheduled,
}

/// How many seconds after the first a member does not count any more where those who are late don't.
const LATE: i64 = 3;

/// After how many seconds a gang that was refused is looked at again, where that is slow.
const RETRY: i64 = 15 * 60;

/// A verdict to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) namespace: String,
    pub(super) group: String,
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) verdict: Verdict,
}

/// Decides on every gang that is complete enough to decide on.
pub(super) fn decide(rule: GangRule, world: &World, memory: &mut Memory) -> Vec<Decision> {
    if rule == GangRule::Dead {
        return Vec::new();
    }
    memory.0.retain(|uid, (_, at)| {
        let is_due = rule == GangRule::SlowRetry && world.now >= *at + RETRY;
        !is_due && world.gangs.iter().any(|gang| &gang.uid == uid)
    });
    let mut room = if rule == GangRule::PartialBind {
        world.total.clone()
    } else {
        world.free.clone()
    };
    if !matches!(rule, GangRule::Deadlock | GangRule::PartialBind) {
        // Those who were let go will take their room, so it is not to be promised again.
        let admitted = world.gangs.iter().flat_map(|gang| gang.in_state(State::Admitted));
        room.place(admitted.map(|member| &member.candidate));
    }
    let mut decisions = Vec::new();
    for gang in &world.gangs {
        let Some(verdict) = verdict(rule, gang, &mut room, memory) else {
            continue;
        };
        memory.remember(gang, &verdict, world.now);
        let verdict = match (rule, verdict) {
            (GangRule::Silent, Verdict::Refuse(_)) => continue,
            (GangRule::FalseStatus, Verdict::Refuse(_)) => Verdict::Scheduled,
            (_, verdict) => verdict,
        };
        let (namespace, group) = gang.key.clone();
        let (uid, generation) = (gang.uid.clone(), gang.generation);
        decisions.push(Decision {
            namespace,
            group,
            uid,
            generation,
            verdict,
        });
    }
    if rule == GangRule::Deadlock {
        interleave(decisions)
    } else {
        decisions
    }
}

fn verdict(rule: GangRule, gang: &Gang, room: &mut Room, memory: &Memory) -> Option<Verdict> {
    let held: Vec<&Member> = gang.in_state(State::Held).collect();
    let bound = gang.in_state(State::Bound).count();
    if held.is_empty() {
        return (bound >= gang.min_count && bound == gang.members.len()).then_some(Verdict::Scheduled);
    }
    let have = gang.counted(rule);
    if have < gang.min_count {
        let need = gang.min_count;
        return Some(Verdict::Refuse(format!("{have} of {need} members exist")));
    }
    if matches!(rule, GangRule::NeverReleased | GangRule::SlowRetry)
        && let Some((earlier @ Verdict::Refuse(_), _)) = memory.0.get(&gang.uid)
    {
        return Some(earlier.clone());
    }
    let started = gang.members.len() - held.len();
    let enough = if rule == GangRule::Almost {
        (gang.min_count * 9 / 10).max(1)
    } else {
        gang.min_count
    };
    let needed = enough.saturating_sub(started);
    // Tried out on a copy: a gang that is refused takes nothing. What is admitted stays taken, except where
    // each gang is looked at alone.
    let mut trial = room.clone();
    let fits = trial.place(held.iter().map(|member| &member.candidate));
    let fitting: Vec<String> = held
        .iter()
        .zip(fits)
        .filter(|(_, fits)| *fits)
        .map(|(member, _)| member.name.clone())
        .collect();
    if fitting.len() < needed || fitting.is_empty() {
        let (fit, need) = (fitting.len(), needed.max(1));
        return Some(Verdict::Refuse(format!(
            "room for {fit} of the {need} members that must start together"
        )));
    }
    if !matches!(rule, GangRule::Deadlock | GangRule::PartialBind) {
        *room = trial;
    }
    Some(Verdict::Admit(fitting))
}

impl Gang {
    fn in_state(&self, state: State) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.state == state)
    }

    /// How many members there are, as the rule counts.
    fn counted(&self, rule: GangRule) -> usize {
        let first = self.members.iter().map(|member| member.created).min();
        let counts = |member: &&Member| {
            rule != GangRule::LateIgnored || first.is_none_or(|first| member.created <= first + LATE)
        };
        self.members.iter().filter(counts).count()
    }
}

impl Memory {
    /// Remembers the first decision on a gang that was complete.
    fn remember(&mut self, gang: &Gang, verdict: &Verdict, now: i64) {
        if gang.members.len() >= gang.min_count {
            self.0
                .entry(gang.uid.clone())
                .or_insert_with(|| (verdict.clone(), now));
        }
    }
}

/// Lets members of all admitted gangs go in turn, one of each at a time.
fn interleave(decisions: Vec<Decision>) -> Vec<Decision> {
    let (admissions, mut others): (Vec<_>, Vec<_>) = decisions
        .into_iter()
        .partition(|decision| matches!(decision.verdict, Verdict::Admit(_)));
    let longest = admissions
        .iter()
        .map(|decision| decision.verdict.admitted().len())
        .max()
        .unwrap_or(0);
    for turn in 0..longest {
        for decision in &admissions {
            if let Some(name) = decision.verdict.admitted().get(turn) {
                others.push(Decision {
                    verdict: Verdict::Admit(vec![name.clone()]),
                    ..decision.clone()
                });
            }
        }
    }
    others
}

impl Verdict {
    fn admitted(&self) -> &[String] {
        match self {
            Self::Admit(names) => names,
            Self::Refuse(_) | Self::Scheduled => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::room::fixture::{room, wants_devices},
        *,
    };

    fn gang(name: &str, min_count: usize, states: &[State]) -> Gang {
        let member = |(at, state): (usize, &State)| Member {
            name: format!("{name}-{at}"),
            created: 0,
            state: *state,
            candidate: wants_devices(1),
        };
        let members = states.iter().enumerate().map(member).collect();
        Gang {
            key: ("ns".into(), name.into()),
            uid: format!("uid-{name}"),
            generation: 1,
            min_count,
            members,
        }
    }

    fn held(name: &str, count: usize) -> Gang {
        gang(name, count, &vec![State::Held; count])
    }

    fn world(total: &[u32], free: &[u32], gangs: Vec<Gang>) -> World {
        World {
            now: 0,
            total: room(total),
            free: room(free),
            gangs,
        }
    }

    /// Decides; what is said about each gang, in words.
    fn run(rule: GangRule, world: &World, memory: &mut Memory) -> Vec<String> {
        let decisions = decide(rule, world, memory);
        let words = |decision: &Decision| match &decision.verdict {
            Verdict::Admit(names) => format!("{}: {}", decision.group, names.join(" ")),
            Verdict::Refuse(reason) => format!("{}: no, {reason}", decision.group),
            Verdict::Scheduled => format!("{}: scheduled", decision.group),
        };
        decisions.iter().map(words).collect()
    }

    fn once(rule: GangRule, world: &World) -> Vec<String> {
        run(rule, world, &mut Memory::default())
    }

    const NO_ROOM: &str = "g: no, room for 3 of the 4 members that must start together";

    #[test]
    fn a_sound_rule_starts_a_gang_whole_or_not_at_all() {
        assert_eq!(
            once(GangRule::Sound, &world(&[2, 2], &[2, 2], vec![held("g", 4)])),
            ["g: g-0 g-1 g-2 g-3"]
        );
        assert_eq!(
            once(GangRule::Sound, &world(&[2, 2], &[2, 1], vec![held("g", 4)])),
            [NO_ROOM]
        );
    }

    #[test]
    fn a_gang_is_not_decided_on_before_enough_members_exist() {
        let late = gang("g", 4, &[State::Held; 3]);
        for rule in [
            GangRule::Sound,
            GangRule::PartialBind,
            GangRule::NeverReleased,
            GangRule::Deadlock,
        ] {
            let said = once(rule, &world(&[4], &[4], vec![late.clone()]));
            assert_eq!(said, ["g: no, 3 of 4 members exist"], "{rule:?}");
        }
        let mut memory = Memory::default();
        run(
            GangRule::NeverReleased,
            &world(&[4], &[4], vec![late]),
            &mut memory,
        );
        let said = run(
            GangRule::NeverReleased,
            &world(&[4], &[4], vec![held("g", 4)]),
            &mut memory,
        );
        assert_eq!(
            said,
            ["g: g-0 g-1 g-2 g-3"],
            "being incomplete is not a refusal for good"
        );
    }

    #[test]
    fn room_promised_to_one_gang_is_not_promised_to_another() {
        let two = world(&[2, 2], &[2, 2], vec![held("g", 3), held("h", 3)]);
        let said = once(GangRule::Sound, &two);
        assert_eq!(
            said,
            [
                "g: g-0 g-1 g-2",
                "h: no, room for 1 of the 3 members that must start together"
            ]
        );
        let mut underway = two;
        underway.gangs[0] = gang("g", 3, &[State::Admitted; 3]);
        assert_eq!(
            once(GangRule::Sound, &underway),
            ["h: no, room for 1 of the 3 members that must start together"]
        );
    }

    #[test]
    fn a_started_gang_is_said_to_be_scheduled_and_takes_later_members_one_by_one() {
        let started = gang("g", 2, &[State::Bound; 2]);
        assert_eq!(
            once(GangRule::Sound, &world(&[3], &[1], vec![started])),
            ["g: scheduled"]
        );
        let late = gang("g", 2, &[State::Bound, State::Bound, State::Held]);
        assert_eq!(
            once(GangRule::Sound, &world(&[3], &[1], vec![late.clone()])),
            ["g: g-2"]
        );
        assert!(once(GangRule::Sound, &world(&[3], &[0], vec![late]))[0].contains("room for 0 of the 1"));
    }

    #[test]
    fn partial_bind_looks_at_the_total_only() {
        assert_eq!(
            once(
                GangRule::PartialBind,
                &world(&[2, 2], &[2, 1], vec![held("g", 4)])
            ),
            ["g: g-0 g-1 g-2 g-3"]
        );
        assert!(
            once(
                GangRule::PartialBind,
                &world(&[2, 1], &[2, 1], vec![held("g", 4)])
            )[0]
            .contains("no")
        );
    }

    #[test]
    fn never_released_sticks_to_its_first_refusal_but_not_for_a_new_gang() {
        let mut memory = Memory::default();
        let full = world(&[2, 2], &[2, 1], vec![held("g", 4)]);
        let freed = world(&[2, 2], &[2, 2], vec![held("g", 4)]);
        assert_eq!(run(GangRule::NeverReleased, &full, &mut memory), [NO_ROOM]);
        assert_eq!(run(GangRule::NeverReleased, &freed, &mut memory), [NO_ROOM]);
        assert_eq!(run(GangRule::Sound, &freed, &mut memory), ["g: g-0 g-1 g-2 g-3"]);
        let mut again = freed;
        again.gangs[0].uid = "another".into();
        assert_eq!(
            run(GangRule::NeverReleased, &again, &mut memory),
            ["g: g-0 g-1 g-2 g-3"]
        );
    }

    #[test]
    fn slow_retry_sticks_to_a_refusal_for_a_quarter_of_an_hour() {
        let mut memory = Memory::default();
        let full = world(&[2, 2], &[2, 1], vec![held("g", 4)]);
        let mut freed = world(&[2, 2], &[2, 2], vec![held("g", 4)]);
        assert_eq!(run(GangRule::SlowRetry, &full, &mut memory), [NO_ROOM]);
        freed.now = RETRY - 1;
        assert_eq!(run(GangRule::SlowRetry, &freed, &mut memory), [NO_ROOM]);
        freed.now = RETRY;
        assert_eq!(
            run(GangRule::SlowRetry, &freed, &mut memory),
            ["g: g-0 g-1 g-2 g-3"]
        );
    }

    #[test]
    fn deadlock_promises_the_same_room_twice_and_in_turns() {
        let two = world(&[2, 2], &[2, 2], vec![held("g", 3), held("h", 3)]);
        let said = once(GangRule::Deadlock, &two);
        assert_eq!(said, ["g: g-0", "h: h-0", "g: g-1", "h: h-1", "g: g-2", "h: h-2"]);
        assert_eq!(
            once(GangRule::Deadlock, &world(&[2, 2], &[2, 1], vec![held("g", 4)])),
            [NO_ROOM]
        );
    }

    #[test]
    fn almost_all_are_taken_for_enough() {
        let said = once(GangRule::Almost, &world(&[2, 2], &[2, 1], vec![held("g", 4)]));
        assert_eq!(said, ["g: g-0 g-1 g-2"]);
        let two_short = world(&[2, 2], &[2, 0], vec![held("g", 4)]);
        assert!(once(GangRule::Almost, &two_short)[0].contains("no, room for 2 of the 3"));
    }

    #[test]
    fn who_is_late_is_ignored_and_the_others_wait() {
        let mut gang = held("g", 4);
        gang.members[3].created = LATE;
        assert_eq!(
            once(GangRule::LateIgnored, &world(&[4], &[4], vec![gang.clone()])),
            ["g: g-0 g-1 g-2 g-3"]
        );
        gang.members[3].created = LATE + 1;
        let said = once(GangRule::LateIgnored, &world(&[4], &[4], vec![gang]));
        assert_eq!(said, ["g: no, 3 of 4 members exist"]);
    }

    #[test]
    fn a_refusal_is_not_told_or_told_as_its_opposite() {
        let full = world(&[2, 2], &[2, 1], vec![held("g", 4)]);
        assert!(once(GangRule::Silent, &full).is_empty());
        assert_eq!(once(GangRule::FalseStatus, &full), ["g: scheduled"]);
        let free = world(&[2, 2], &[2, 2], vec![held("g", 4)]);
        for rule in [GangRule::Silent, GangRule::FalseStatus] {
            assert_eq!(once(rule, &free), ["g: g-0 g-1 g-2 g-3"], "{rule:?}");
        }
    }

    #[test]
    fn a_dead_controller_says_nothing() {
        assert!(once(GangRule::Dead, &world(&[4], &[4], vec![held("g", 1)])).is_empty());
        assert!(once(GangRule::Sound, &World::default()).is_empty());
    }
}
