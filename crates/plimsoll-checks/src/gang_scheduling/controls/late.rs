//! G5: a gang with a member yet to come; and G7, since that gang then runs: what becomes of it if it loses one.

use std::time::Duration;

use plimsoll_platform::{Condition, Progress, Seen};

use super::{Rulings, not_bound, short::held_back};
use crate::{
    CheckError,
    gang_scheduling::{bench::Bench, chain, duty::Duty, judge::Lack},
    probe_pod::Ruling,
};

/// Creates all members but one: none may be bound for the window, all must be once the last one is there.
pub(in super::super) async fn late_member(bench: &Bench, window: Duration) -> Result<Rulings, CheckError> {
    let size = bench.slots.count();
    let mut gang = bench.announce("late", size, Duty::Stay).await?;
    for _ in 1..size {
        bench.enlist(&mut gang).await?;
    }
    let held = held_back(bench, &gang, size - 1, Lack::Member, window).await;
    if !held.is_right() {
        bench.part_with(gang.members).await;
        return Ok(vec![("G5", held)]);
    }
    let _turn = bench.slots.turn().await;
    bench.enlist(&mut gang).await?;
    let patience = bench.context.patience;
    let mut rulings = Vec::new();
    match bench.bound(&gang.name, size, patience.scheduling()).await {
        Ok(()) => {
            let complete = Ruling::Right(format!("all {size} were bound once the last one came"));
            rulings.push(("G5", Ruling::all([held, complete])));
            if bench
                .started(&gang.name, size, patience.pod_start())
                .await
                .is_ok()
            {
                rulings.push(("G7", loses_one(bench, &mut gang.members, &gang.name).await?));
            }
        }
        Err(error) => rulings.push((
            "G5",
            not_bound(bench, &gang.name, &error, "when its last member came").await?,
        )),
    }
    bench.part_with(gang.members).await;
    Ok(rulings)
}

/// How long the others are looked at after one member is gone.
const AFTERMATH: Duration = Duration::from_secs(2);

/// G7: deletes one member of a running gang and says what the others do.
async fn loses_one(
    bench: &Bench,
    members: &mut Vec<kube::core::DynamicObject>,
    gang: &str,
) -> Result<Ruling, CheckError> {
    let lost = members.pop();
    bench.dismiss(lost).await?;
    let left = members.len();
    let undisturbed = move |seen: &Seen<k8s_openapi::api::core::v1::Pod>| {
        let staying = seen
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .count();
        if staying == left {
            Progress::Met
        } else {
            Progress::NotYet(format!("{staying} of {left} others are there"))
        }
    };
    let undisturbed = bench.recording(undisturbed.called("the other members left alone"));
    let seconds = AFTERMATH.as_secs();
    Ok(Ruling::Right(
        match bench.members(gang).hold(undisturbed, AFTERMATH).await {
            Ok(_) => format!(
                "one member of a running gang was deleted; the other {left} were left running for {seconds} s"
            ),
            Err(error) => format!("one member of a running gang was deleted; then {}", chain(&error)),
        },
    ))
}
