//! The controls: each runs one experiment on a bench and rules on it.

mod late;
mod short;
mod together;
mod two_gangs;

use plimsoll_platform::WaitError;

use super::{bench::Bench, chain, judge};
use crate::{CheckError, probe_pod::Ruling};

pub(super) use late::late_member;
pub(super) use short::one_short;
pub(super) use together::{Bound, Together, together};
pub(super) use two_gangs::two_gangs;

/// Rulings by the control they belong to.
pub(super) type Rulings = Vec<(&'static str, Ruling)>;

/// What an experiment that broke off makes of a control.
pub(super) fn broken_off(error: &CheckError) -> Ruling {
    Ruling::Undecided(chain(error))
}

/// A ruling with where it is from in front of what was seen.
pub(super) fn from(place: &str, ruling: Ruling) -> Ruling {
    match ruling {
        Ruling::Right(seen) => Ruling::Right(format!("{place}: {seen}")),
        Ruling::Wrong(seen) => Ruling::Wrong(format!("{place}: {seen}")),
        Ruling::Undecided(seen) => Ruling::Undecided(format!("{place}: {seen}")),
    }
}

/// Rules on a gang of which all members should have been bound and were not: a part that is bound is wrong in
/// any case; none is wrong only if there was room, which lone pods of the same shape show.
async fn not_bound(
    bench: &Bench,
    gang: &str,
    error: &WaitError,
    circumstances: &str,
) -> Result<Ruling, CheckError> {
    let seen = bench.with(|timeline| judge::not_whole(timeline, gang));
    if !error.blames_platform() {
        return Ok(Ruling::Undecided(format!("{seen}: {}", chain(error))));
    }
    let (size, bound) = bench.with(|timeline| (timeline.size(gang), timeline.bound(gang).len()));
    if bound > 0 {
        return Ok(Ruling::Wrong(format!("{seen} {circumstances}: {}", chain(error))));
    }
    Ok(if bench.has_room(size).await? {
        Ruling::Wrong(format!(
            "{seen} {circumstances}, though {size} lone pods were ({})",
            chain(error)
        ))
    } else {
        Ruling::Undecided(format!(
            "{seen} {circumstances}, and lone pods found no room either ({})",
            chain(error)
        ))
    })
}

/// Rules on members that are bound and should have met.
fn not_met(error: &WaitError, before: &str) -> Ruling {
    // What happens to a pod once it is bound is not the gang scheduler's: devices, images, networks, names.
    Ruling::Undecided(format!(
        "{before}, but then they did not all run and meet: {}",
        chain(error)
    ))
}
