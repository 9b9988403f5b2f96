//! G4: two gangs in the room of one.

use k8s_openapi::api::core::v1::Pod;
use plimsoll_platform::{Condition, Deadline, DeadlineKind, Progress, Seen, pods};

use super::not_bound;
use crate::{
    CheckError,
    gang_scheduling::{bench::Bench, chain, duty::Duty, gang::Gang, judge},
    probe_pod::Ruling,
};

/// How many members each of two gangs has, so that one fits into `slots` and both don't.
fn share(slots: usize) -> usize {
    (slots * 3).div_ceil(5)
}

/// Creates two gangs, member by member in turn: they must never both hold a part, and both must finish.
pub(in super::super) async fn two_gangs(bench: &Bench) -> Result<Ruling, CheckError> {
    let _undisturbed = bench.context.disruption.undisturbed().await;
    let size = share(bench.slots.count());
    let mut first = bench.announce("first", size, Duty::Meet).await?;
    let mut second = bench.announce("second", size, Duty::Meet).await?;
    let names = [first.name.clone(), second.name.clone()];
    let judged = || bench.with(|timeline| judge::kept_apart(timeline, &names[0], &names[1]));
    let apart = |seen: &Seen<Pod>| {
        if judged().is_some() {
            return Progress::Met;
        }
        // A member that is kept from running (its image, an eviction) keeps the other gang waiting for good.
        if let obstructed @ Progress::Obstructed(_) = pods::succeeded().progress(seen) {
            return obstructed;
        }
        bench.with(|timeline| {
            let done = names
                .iter()
                .map(|name| format!("{} of `{name}`", timeline.succeeded(name)));
            Progress::NotYet(format!(
                "{} members ended",
                done.collect::<Vec<_>>().join(" and ")
            ))
        })
    };
    let apart = bench.recording(apart.called("two gangs finished, or caught in each other's way"));
    let patience = bench.context.patience;
    // Two starts, one after the other.
    let within = patience.scheduling().within * 2;
    let deadline = Deadline {
        name: "two gangs",
        kind: DeadlineKind::Patience,
        within,
    };
    let everybody = bench.everybody();
    // Members that can't be created are not waited for.
    let (watched, ()) = tokio::try_join!(
        async { Ok(everybody.until(apart, deadline).await) },
        alternately(bench, &mut first, &mut second)
    )?;
    let ruling = match watched {
        Ok(_) => {
            if judged().is_some_and(|ruling| ruling.is_wrong()) {
                // Both in part may yet become both whole, if there was room for both.
                let settle = Deadline {
                    name: "settling",
                    kind: DeadlineKind::Patience,
                    within: super::short::SETTLE,
                };
                let _ = bench.bound(&names[0], size, settle).await;
                let _ = bench.bound(&names[1], size, settle).await;
            }
            judged().unwrap_or_else(|| Ruling::Undecided("the two gangs were lost sight of".to_owned()))
        }
        Err(error) => {
            let waiting = names
                .iter()
                .find(|name| bench.with(|timeline| timeline.whole_at(name).is_none()));
            match waiting {
                Some(name) => not_bound(bench, name, &error, "after the other gang had left").await?,
                None => Ruling::Undecided(format!(
                    "both gangs were bound but did not both finish: {}",
                    chain(&error)
                )),
            }
        }
    };
    bench.disband(&names[0], first.members).await;
    bench.disband(&names[1], second.members).await;
    Ok(ruling)
}

async fn alternately(bench: &Bench, first: &mut Gang, second: &mut Gang) -> Result<(), CheckError> {
    for _ in 0..first.size {
        bench.enlist(first).await?;
        bench.enlist(second).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gang_fits_and_two_do_not() {
        for slots in 2..=64 {
            let size = share(slots);
            assert!(size <= slots && 2 * size > slots, "{slots} slots, {size} members");
        }
    }
}
