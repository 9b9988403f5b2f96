//! The trial of one offer: which controls run when.

use std::time::Duration;

use futures::future::join;
use plimsoll_platform::Path;
use serde_json::{Value, json};

use super::judge;
use crate::{
    CheckError, Context,
    parts::{Ground, Held, Offer, Pending, Unit, hand_over, hold, whole_first},
    probe_pod::{ProbePod, Ruling, unmet},
};

/// How many virtual accelerators are held at once at the most.
const MOST: usize = 16;

/// Tries one offer.
pub(super) async fn run(context: &Context, offer: Offer) -> Result<(), CheckError> {
    let trial = context.trial(offer.name.clone());
    match Ground::prepare(context, offer, "virtual").await? {
        Ok(ground) => {
            let result = controls(&ground).await;
            // Nothing may hold a device when the lease ends.
            ground.roster.clear(&context.patience).await;
            result
        }
        Err(reason) => {
            trial.undecided("U1", reason);
            Ok(())
        }
    }
}

async fn controls(ground: &Ground<'_>) -> Result<(), CheckError> {
    let (offer, trial) = (&ground.offer, &ground.trial);
    let chosen: Vec<&Unit> = offer
        .together(MOST)
        .into_iter()
        .map(|at| &offer.units[at])
        .collect();
    let Some((first, others)) = chosen.split_first() else {
        trial.undecided(
            "U1",
            format!(
                "no virtual accelerator of node `{}` can be had at present",
                offer.node
            ),
        );
        return Ok(());
    };
    let mut exclusive = Vec::new();
    let mut physical = None;
    let mut started = None;
    let mut window = None;
    if let Some(whole) = whole_first(ground, first).await? {
        window = Some(whole.window);
        exclusive.push(match whole.ruling {
            Ruling::Wrong(why) => Ruling::Wrong(format!("a physical device and its virtual function: {why}")),
            other => other,
        });
        physical = Some(whole.held);
        started = whole.part;
    }
    let one = match started {
        Some(one) => one,
        None => {
            let pending = ground.start("first", first, ground.look()).await?;
            ground.hear(pending).await
        }
    };
    let one = match one {
        Ok(one) => one,
        Err(error) => {
            unmet(
                &format!("a pod that asked for {first} did not start and report"),
                &error,
            )
            .tell(trial, "U1");
            tell_exclusive(ground, exclusive);
            return Ok(());
        }
    };
    judge::has_one(&one, offer).tell(trial, "U1");
    judge::is_virtual(&one, offer).tell(trial, "U2");
    judge::works(&one, offer).tell(trial, "U7");
    if let Some(physical) = &physical {
        judge::alike(physical, &one).tell(trial, "U6");
    }
    // Its pod may have waited for the physical device, which says nothing of how fast the scheduler is.
    let window = window.unwrap_or_else(|| ground.context.patience.hold(one.bound_after));
    let without = without_request(ground).await?;

    let mut pending = Vec::new();
    for (at, unit) in others.iter().enumerate() {
        pending.push(
            ground
                .start(&format!("virtual-{}", at + 1), unit, ground.look())
                .await?,
        );
    }
    let (mut heard, silent) = ground.hear_all(pending).await;
    let mut held = vec![one];
    held.append(&mut heard);
    let missing = silent
        .iter()
        .map(|(pod, error)| unmet(&format!("pod `{pod}` did not start beside the others"), error));
    let differ = (held.len() > 1).then(|| judge::differ(&held, offer));
    Ruling::all(without.into_iter().chain(differ).chain(missing)).tell(trial, "U3");

    let (limit, beside) = refusals(ground, &held, window).await?;
    limit.tell(trial, "U4");
    exclusive.extend(beside);
    tell_exclusive(ground, exclusive);
    Ok(())
}

/// Pods that ask for nothing: one like all others, and one that selects the node as one with virtual accelerators.
async fn without_request(ground: &Ground<'_>) -> Result<Vec<Ruling>, CheckError> {
    let mut pods: Vec<(ProbePod, String)> = vec![(ground.bare("bystander", &ground.look()), String::new())];
    let node = ground.context.inventory.node(&ground.offer.node);
    let labels = ground
        .offer
        .vendor
        .and_then(|vendor| vendor.virtual_functions.as_ref())
        .map(|functions| functions.labels.as_slice());
    let label = labels
        .into_iter()
        .flatten()
        .find_map(|label| Some((label, node?.labels.get(label)?)));
    if let Some((label, value)) = label {
        let mut pod = ground.bare("selects-by-label", &ground.look());
        let mut selector = pod
            .manifest()
            .pointer("/spec/nodeSelector")
            .cloned()
            .unwrap_or_else(|| json!({}));
        selector[label] = Value::from(value.as_str());
        pod = pod.field("nodeSelector", selector);
        pods.push((pod, format!(", which selects nodes by `{label}`,")));
    }
    let mut rulings = Vec::new();
    for (pod, how) in pods {
        rulings.push(match ground.bystander(&pod).await? {
            Ok((live, found)) => {
                let ruling = judge::has_none(&live.name(), &how, &found, &ground.offer);
                live.remove(&ground.context.patience).await?;
                ruling
            }
            Err(gap) => gap,
        });
    }
    Ok(rulings)
}

/// With all virtual accelerators held: one more is refused until one is given back, and so is the physical device.
async fn refusals(
    ground: &Ground<'_>,
    held: &[Held],
    window: Duration,
) -> Result<(Ruling, Option<Ruling>), CheckError> {
    let offer = &ground.offer;
    let Some(last) = held.last() else {
        return Ok((
            Ruling::Undecided("no virtual accelerator is held".to_owned()),
            None,
        ));
    };
    let surplus = if all_are_held(ground, held) {
        ground.start_any("surplus", &last.unit, ground.look()).await?
    } else {
        ground.start("surplus", &last.unit, ground.look()).await?
    };
    let because = format!(
        "all {} virtual accelerators that can be had at once are held",
        held.len()
    );
    let physical: Option<Pending> = match offer.whole_of(&last.unit) {
        Some(whole) => Some(ground.start("physical", whole, ground.look()).await?),
        None => None,
    };
    let beside = async {
        let physical = physical.as_ref()?;
        let because = "virtual functions of the physical device are held by pods";
        Some(hold(ground, physical, because, window).await)
    };
    let (limit, beside) = join(hold(ground, &surplus, &because, window), beside).await;
    if let Some(physical) = &physical {
        physical.pod.remove(&ground.context.patience).await?;
    }
    if limit.is_wrong() {
        return Ok((limit, beside));
    }
    last.pod.remove(&ground.context.patience).await?;
    let handed = hand_over(ground, &surplus, "a virtual accelerator was given back").await;
    Ok((Ruling::all([limit, handed]), beside))
}

/// Whether whoever asks for any virtual accelerator on the node asks for one that is held.
fn all_are_held(ground: &Ground<'_>, held: &[Held]) -> bool {
    let offer = &ground.offer;
    if held.len() < offer.units.len() {
        return false;
    }
    let Some(Path::Dra { .. }) = offer.units.first().map(|unit| &unit.path) else {
        return true;
    };
    // A class that selects physical devices as well would give one of those.
    let accelerators = &ground.context.inventory.accelerators;
    accelerators
        .iter()
        .filter(|accelerator| accelerator.node == offer.node && offer.paths().contains(&accelerator.path))
        .all(|accelerator| accelerator.devices.len() <= offer.units.len())
}

fn tell_exclusive(ground: &Ground<'_>, rulings: Vec<Ruling>) {
    if !rulings.is_empty() {
        Ruling::all(rulings).tell(&ground.trial, "U5");
    }
}
