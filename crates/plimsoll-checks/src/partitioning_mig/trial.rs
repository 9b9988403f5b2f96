//! The trial of one offer: which controls run when.

use std::collections::BTreeMap;

use futures::future::{join, join_all};
use plimsoll_probe::protocol::DeviceNumber;
use serde_json::json;

use super::{
    anew, judge,
    series::{self, Told},
};
use crate::{
    CheckError, Context,
    parts::{Ground, Held, Offer, Pending, Unit, hold, whole_first},
    probe_pod::{Ruling, unmet},
};

/// How many partitions are held at once at the most.
const MOST: usize = 16;

/// Tries one offer.
pub(super) async fn run(context: &Context, offer: Offer) -> Result<(), CheckError> {
    let trial = context.trial(offer.name.clone());
    match Ground::prepare(context, offer, "partitions").await? {
        Ok(ground) => {
            let result = controls(&ground).await;
            // Nothing may hold a partition when the lease ends.
            ground.roster.clear(&context.patience).await;
            result
        }
        Err(reason) => {
            trial.undecided("R1", reason);
            Ok(())
        }
    }
}

async fn controls(ground: &Ground<'_>) -> Result<(), CheckError> {
    let offer = &ground.offer;
    let chosen: Vec<&Unit> = offer
        .together(MOST)
        .into_iter()
        .map(|at| &offer.units[at])
        .collect();
    let Some((first, others)) = chosen.split_first() else {
        ground.trial.undecided(
            "R1",
            format!("no partition of node `{}` can be had at present", offer.node),
        );
        return Ok(());
    };
    let mut exclusive = Vec::new();
    let mut sizes = BTreeMap::new();
    let mut known: Vec<DeviceNumber> = Vec::new();
    let mut held: Vec<Held> = Vec::new();
    let mut started = None;
    let mut window = None;
    if let Some(whole) = whole_first(ground, first).await? {
        window = Some(whole.window);
        if let (Some(parent), Some(size)) = (first.parent(), whole.size) {
            sizes.insert(parent.to_owned(), size);
        }
        known.extend(whole.numbers);
        exclusive.push(whole.ruling);
        started = whole.part;
    }
    let one = match started {
        Some(one) => one,
        None => {
            let look = ground.look().forging(known.iter().copied());
            let pending = ground.start("first", first, look).await?;
            ground.hear(pending).await
        }
    };
    match one {
        Ok(one) => held.push(one),
        Err(error) => {
            tell_exclusive(ground, exclusive);
            unmet(
                &format!("a pod that asked for {first} did not start and report"),
                &error,
            )
            .tell(&ground.trial, "R1");
            return Ok(());
        }
    }
    // Its pod may have waited for the whole device, which says nothing of how fast the scheduler is.
    let window = window.unwrap_or_else(|| ground.context.patience.hold(held[0].bound_after));
    // All but the last at once; the last one comes while others are refused, and shows that the scheduler is at work.
    let (last, middle) = match others.split_last() {
        Some((last, middle)) => (Some(*last), middle),
        None => (None, others),
    };
    known.extend(held[0].numbers(offer));
    let mut pending = Vec::new();
    for (at, unit) in middle.iter().enumerate() {
        let look = ground.look().forging(known.iter().copied());
        pending.push(ground.start(&format!("part-{}", at + 1), unit, look).await?);
    }
    let (mut heard, mut silent) = ground.hear_all(pending).await;
    for one in &heard {
        known.extend(one.numbers(offer));
    }
    held.append(&mut heard);
    let refused = overlapping(ground, &held).await?;
    let holds = join_all(
        refused
            .iter()
            .map(|(pending, because)| hold(ground, pending, because, window)),
    );
    let rest = async {
        let Some(last) = last else {
            return Ok::<_, CheckError>((Vec::new(), Vec::new()));
        };
        let look = ground.look().forging(known.iter().copied());
        let pending = ground.start("last", last, look).await?;
        Ok(ground.hear_all(vec![pending]).await)
    };
    let (refusals, rest) = join(holds, rest).await;
    let (mut heard, mut more) = rest?;
    held.append(&mut heard);
    silent.append(&mut more);
    exclusive.extend(refusals);

    let missing = silent
        .iter()
        .map(|(pod, error)| unmet(&format!("pod `{pod}` did not start beside the others"), error));
    Ruling::all([judge::distinct(&held, offer)].into_iter().chain(missing)).tell(&ground.trial, "R1");
    judge::sizes(&held, offer).tell(&ground.trial, "R2");
    judge::apart(&held, offer).tell(&ground.trial, "R3");
    tell_exclusive(ground, exclusive);
    if let Some(fits) = judge::fits(&held, offer, &sizes) {
        fits.tell(&ground.trial, "R5");
    }
    match series::told(ground, &held).await? {
        Told::Judged(ruling) => ruling.tell(&ground.trial, "R6"),
        Told::NotTried(why) => ground.trial.not_run(
            "R6",
            format!("whether partitions have metrics of their own was not seen: {why}"),
        ),
    }
    observe(ground, &held);
    anew::try_it(ground, &held).await
}

/// Pods that ask for what overlaps the held partitions: the whole device, and partitions of another layout.
async fn overlapping(ground: &Ground<'_>, held: &[Held]) -> Result<Vec<(Pending, String)>, CheckError> {
    let offer = &ground.offer;
    let Some(first) = held.first() else {
        return Ok(Vec::new());
    };
    let whole = offer.whole_of(&first.unit);
    let is_held = |unit: &Unit| held.iter().any(|held| held.unit == *unit);
    let overlap = offer
        .units
        .iter()
        .find(|unit| !is_held(unit) && held.iter().any(|held| held.unit.overlaps(unit)));
    let mut refused = Vec::new();
    for (name, unit) in [("whole-again", whole), ("overlap", overlap)] {
        let Some(unit) = unit else { continue };
        let pending = ground.start(name, unit, ground.look()).await?;
        let because =
            format!("pods hold partitions that overlap {unit}, being made of the same slices of one device");
        refused.push((pending, because));
    }
    Ok(refused)
}

fn tell_exclusive(ground: &Ground<'_>, rulings: Vec<Ruling>) {
    if !rulings.is_empty() {
        Ruling::all(rulings).tell(&ground.trial, "R4");
    }
}

/// The table of partitions: what was stated of each, and what was found.
fn observe(ground: &Ground<'_>, held: &[Held]) {
    let rows: Vec<_> = held
        .iter()
        .map(|held| {
            let sight = held.sight(&ground.offer);
            let published = held.unit.published.as_ref();
            json!({
                "partition": held.unit.to_string(), "profile": held.unit.profile, "device": held.unit.parent(),
                "stated_bytes": published.and_then(|device| device.memory),
                "found_bytes": sight.own.and_then(crate::parts::size),
                "node": sight.own.map(|node| &node.path),
                "capabilities": sight.capabilities.iter().map(|node| &node.path).collect::<Vec<_>>(),
            })
        })
        .collect();
    ground
        .context
        .observe(format!("partitions of node {}", ground.offer.node), json!(rows));
}
