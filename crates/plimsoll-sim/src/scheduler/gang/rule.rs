//! How gangs are dealt with; all but one way are defects.

use std::time::Duration;

use crate::Faults;

/// How it is decided that a gang may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::scheduler) enum Rule {
    /// When all that must start together fit what is free, and then they are placed together.
    #[default]
    Sound,
    /// Never.
    Dead,
    /// When it fits the total, whatever runs already; then its members are placed one by one.
    PartialBind,
    /// When it alone fits what is free, whoever else was told so; then members of all gangs are placed in turn.
    Deadlock,
    /// By one look when it is first complete.
    NeverReleased,
    /// As it should be, but a gang that was refused is looked at again only after [`SLOW_RETRY`].
    SlowRetry,
    /// As it should be, but members that come later than [`LATE`] after the first don't count.
    LateIgnored,
    /// When nine tenths of it fit.
    Almost,
    /// As it should be, but a gang that waits keeps the room that it found.
    Hoards,
}

/// What is said of a group that was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::scheduler) enum Says {
    /// That it was refused.
    #[default]
    Truth,
    /// Nothing, neither of the group nor of its members.
    Nothing,
    /// That it was placed.
    Placed,
}

/// See [`Rule::SlowRetry`].
pub(in crate::scheduler) const SLOW_RETRY: Duration = Duration::from_secs(15 * 60);

/// See [`Rule::LateIgnored`].
pub(in crate::scheduler) const LATE: Duration = Duration::from_secs(3);

/// How long no member must have come before gangs are let into the same room, so that they are looked at together.
pub(in crate::scheduler) const DEADLOCK_QUIET: Duration = Duration::from_millis(1500);

impl Rule {
    /// The rule that the seeded defects make it.
    pub(in crate::scheduler) fn of(faults: &Faults) -> Self {
        let rules = [
            ("gang.dead", Self::Dead),
            ("gang.partial-bind", Self::PartialBind),
            ("gang.deadlock", Self::Deadlock),
            ("gang.never-released", Self::NeverReleased),
            ("gang.slow-retry", Self::SlowRetry),
            ("gang.late-ignored", Self::LateIgnored),
            ("gang.almost", Self::Almost),
            ("gang.hoards", Self::Hoards),
        ];
        let seeded = rules.into_iter().find(|(id, _)| faults.has(id));
        seeded.map_or(Self::Sound, |(_, rule)| rule)
    }

    /// How many of those that must start together are taken to be enough.
    pub(in crate::scheduler) fn enough(self, needed: usize) -> usize {
        if self == Self::Almost {
            (needed * 9 / 10).max(1)
        } else {
            needed
        }
    }
}

impl Says {
    /// What the seeded defects make the scheduler say.
    pub(in crate::scheduler) fn of(faults: &Faults) -> Self {
        if faults.has("gang.silent") {
            Self::Nothing
        } else if faults.has("gang.false-status") {
            Self::Placed
        } else {
            Self::Truth
        }
    }
}
