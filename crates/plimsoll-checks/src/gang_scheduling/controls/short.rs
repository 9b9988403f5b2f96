//! G2 with all that makes its silence mean something, and G3: a gang that is one slot short.

use std::time::Duration;

use kube::core::DynamicObject;
use plimsoll_platform::{Condition, Deadline, DeadlineKind, Progress, Seen, WaitError};
use tokio::time::Instant;

use super::{Rulings, not_bound, not_met};
use crate::{
    CheckError,
    gang_scheduling::{
        adapter::Standing,
        bench::Bench,
        chain,
        duty::Duty,
        gang::Gang,
        judge::{self, Lack},
    },
    probe_pod::Ruling,
};

/// Takes one slot and creates a gang for all of them: it must be held back for the window, by somebody who is
/// alive, who says so of the group, and not for want of the other slots; then the slot is given back.
pub(in super::super) async fn one_short(bench: &Bench, window: Duration) -> Result<Rulings, CheckError> {
    let size = bench.slots.count();
    let ballast = match ballast(bench).await? {
        Ok(ballast) => ballast,
        Err(ruling) => return Ok(vec![("G2", ruling)]),
    };
    let gang = bench.form("short", size, Duty::Meet).await?;
    let (held, alive) = tokio::join!(
        held_back(bench, &gang, size, Lack::Slot, window),
        alive(bench, window)
    );
    let held = with_cause(held, &gang);
    let mut rulings = vec![("G2", held.clone()), ("G2b", alive?)];
    if held.is_right() {
        rulings.push(("G2d", said_so(bench, &gang).await?));
        let (fits, smaller) = one_smaller(bench, size - 1).await?;
        rulings.push(("G2c", fits));
        let undisturbed = bench.context.disruption.undisturbed().await;
        bench.dismiss(smaller.into_iter().chain([ballast])).await?;
        rulings.push(("G3", released(bench, &gang).await?));
        drop(undisturbed);
        bench.disband(&gang.name, gang.members).await;
    } else {
        bench.part_with(gang.members.into_iter().chain([ballast])).await;
    }
    Ok(rulings)
}

/// Requires that no member of the gang is bound for the window.
pub(in super::super) async fn held_back(
    bench: &Bench,
    gang: &Gang,
    present: usize,
    lack: Lack,
    window: Duration,
) -> Ruling {
    let judge = || bench.with(|timeline| judge::held_back(timeline, &gang.name, present, lack, window));
    let none_bound = |seen: &Seen<k8s_openapi::api::core::v1::Pod>| {
        let bound = |pod: &&k8s_openapi::api::core::v1::Pod| {
            pod.spec
                .as_ref()
                .and_then(|spec| spec.node_name.as_deref())
                .is_some_and(|node| !node.is_empty())
        };
        let count = seen.iter().chain(&seen.departed).filter(bound).count();
        if count == 0 {
            Progress::Met
        } else {
            Progress::NotYet(format!("{count} members are bound"))
        }
    };
    let none_bound = bench.recording(none_bound.called(format!("no member of `{}` bound", gang.name)));
    match bench.members(&gang.name).hold(none_bound, window).await {
        Ok(_) => judge(),
        Err(WaitError::Broken(_)) => {
            // Whether the others follow at once tells a partial start from room that nobody counted.
            let settle = Deadline {
                name: "settling",
                kind: DeadlineKind::Patience,
                within: SETTLE,
            };
            let _ = bench.bound(&gang.name, gang.size, settle).await;
            judge()
        }
        Err(error) => Ruling::Undecided(chain(&error)),
    }
}

/// How long the rest of a gang may take to follow the first members.
pub(super) const SETTLE: Duration = Duration::from_secs(3);

/// Adds what was not stored as sent, which is the likely cause.
fn with_cause(ruling: Ruling, gang: &Gang) -> Ruling {
    match (ruling, &gang.altered) {
        (Ruling::Wrong(seen), Some(altered)) => Ruling::Wrong(format!("{seen}; {altered}")),
        (ruling, _) => ruling,
    }
}

/// Takes one slot.
async fn ballast(bench: &Bench) -> Result<Result<DynamicObject, Ruling>, CheckError> {
    let ballast = bench.lone("ballast", 1).await?;
    let name = ballast.metadata.name.clone().unwrap_or_default();
    match bench.bound(&name, 1, bench.context.patience.scheduling()).await {
        Ok(()) => Ok(Ok(ballast)),
        Err(error) => {
            bench.part_with([ballast]).await;
            Ok(Err(Ruling::Undecided(format!(
                "no slot could be taken beforehand: {}",
                chain(&error)
            ))))
        }
    }
}

/// G2b: the scheduler binds a pod of no gang meanwhile.
async fn alive(bench: &Bench, window: Duration) -> Result<Ruling, CheckError> {
    let began = Instant::now();
    let lone = bench.lone("lone", 0).await?;
    let name = lone.metadata.name.clone().unwrap_or_default();
    // A slow scheduler is not a dead one, but what it let lie for less time than it takes it did not refuse.
    let deadline = Deadline {
        name: "liveness",
        kind: DeadlineKind::Conformance,
        within: window.max(bench.context.patience.scheduling().within),
    };
    let ruling = match bench.bound(&name, 1, deadline).await {
        Ok(()) if began.elapsed() > window => Ruling::Undecided(format!(
            "a lone pod was bound after {} ms, later than the {} ms for which the gang was watched",
            began.elapsed().as_millis(),
            window.as_millis()
        )),
        Ok(()) => Ruling::Right(format!(
            "a lone pod was bound in {} ms meanwhile",
            began.elapsed().as_millis()
        )),
        Err(error) if error.blames_platform() => Ruling::Wrong(format!(
            "a lone pod was not bound either, so the scheduler is dead: {}",
            chain(&error)
        )),
        Err(error) => Ruling::Undecided(chain(&error)),
    };
    bench.part_with([lone]).await;
    Ok(ruling)
}

/// G2d: the refusal is said of the group.
async fn said_so(bench: &Bench, gang: &Gang) -> Result<Ruling, CheckError> {
    let group = bench.group(gang).await?;
    bench.context.observe(
        format!("group object `{}` while refused", gang.name),
        group["status"].clone(),
    );
    Ok(match bench.adapter.standing(&group) {
        Some(Standing::Refused(said)) => Ruling::Right(format!("the group says {said}")),
        Some(Standing::Placed(said)) => {
            Ruling::Wrong(format!("the group says {said}, though no member is bound"))
        }
        Some(Standing::Other(said)) => {
            Ruling::Undecided(format!("the group was refused for another reason: {said}"))
        }
        Some(Standing::Unobserved) => Ruling::Wrong(
            "nobody says of the group that it was refused: its status has no condition".to_owned(),
        ),
        None => match bench.said_of_members(gang).await {
            Some(said) => Ruling::Right(said),
            None => Ruling::Wrong("neither the group nor its members say why they wait".to_owned()),
        },
    })
}

/// G2c: a gang one smaller is bound in the slots that were free all the time.
async fn one_smaller(bench: &Bench, size: usize) -> Result<(Ruling, Vec<DynamicObject>), CheckError> {
    let gang = bench.form("fits", size, Duty::Stay).await?;
    let ruling = match bench
        .bound(&gang.name, size, bench.context.patience.scheduling())
        .await
    {
        Ok(()) => Ruling::Right(format!(
            "a gang of {size} was bound beside it, so its room was there all the time"
        )),
        Err(error) => not_bound(bench, &gang.name, &error, "in slots that should be free").await?,
    };
    Ok((ruling, gang.members))
}

/// G3: with the slot given back, the same pods are bound and meet.
async fn released(bench: &Bench, gang: &Gang) -> Result<Ruling, CheckError> {
    let freed = Instant::now();
    let patience = bench.context.patience;
    if let Err(error) = bench.bound(&gang.name, gang.size, patience.scheduling()).await {
        return not_bound(bench, &gang.name, &error, "after the room it lacked was freed").await;
    }
    let seen = format!(
        "all {} members were bound {} ms after the slot was freed",
        gang.size,
        freed.elapsed().as_millis()
    );
    Ok(
        match bench.succeeded(&gang.name, gang.size, patience.report()).await {
            Ok(()) => Ruling::Right(format!("{seen} and met")),
            Err(error) => not_met(&error, &seen),
        },
    )
}
