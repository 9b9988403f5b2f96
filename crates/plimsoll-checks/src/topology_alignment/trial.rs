//! The trial of one way to claim devices: which control runs when.

use std::{collections::BTreeSet, time::Duration};

use plimsoll_platform::{Accelerator, Condition, Inventory, Path, WaitError, pods, survey::Device};
use serde_json::json;

use super::{
    bench::Bench,
    position::{self, Division, Unmeetable},
};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{Ruling, chain, holdings, unmet},
};

/// The claim that can't be met.
const UNMEETABLE: &str = "unmeetable";

/// Tries one path.
pub(super) async fn run(context: &Context, path: &Path) -> Result<(), CheckError> {
    let trial = context.trial(path.to_string());
    let ground = ground(&context.inventory, path);
    let (node, wanted, division) = match &ground {
        Some((pool, division)) => (Some(pool.node.as_str()), wanted(division), Some(division)),
        None => (None, 0, None),
    };
    let bench = match Bench::prepare(context, path, node, wanted).await? {
        Ok(bench) => bench,
        Err(reason) => {
            trial.undecided("Y1", reason);
            return Ok(());
        }
    };
    let result = controls(&bench, &trial, path, division).await;
    // Nothing may hold a device when the lease ends.
    bench.roster.clear(&context.patience).await;
    result
}

/// The node where most can be tried: its devices divide, and enough of them are free.
pub(super) fn ground<'a>(inventory: &'a Inventory, path: &'a Path) -> Option<(&'a Accelerator, Division)> {
    inventory
        .by_path(path)
        .filter_map(|pool| Some((pool, position::division(&pool.devices)?)))
        .find(|(pool, division)| usize::try_from(pool.free).is_ok_and(|free| free >= wanted(division)))
}

/// As many devices as show both that a pair can be had and that more can't.
fn wanted(division: &Division) -> usize {
    division.surely_a_pair().max(division.largest() + 1)
}

async fn controls(
    bench: &Bench<'_>,
    trial: &Trial,
    path: &Path,
    division: Option<&Division>,
) -> Result<(), CheckError> {
    let devices = devices(bench, path);
    let (found, mut took) = all(bench, &devices).await?;
    found.tell(trial, "Y1");
    let facts = match division {
        Some(division) => json!({"attribute": division.attribute, "devices": division.counts}),
        None => json!("no node has devices free of which some agree in their position and some do not"),
    };
    bench.context.observe(
        format!("devices of {path}"),
        json!({"node": bench.node, "positions": facts}),
    );
    if let Some(division) = division {
        if let Err(error) = bench.release().await {
            trial.undecided("Y2", chain(&error));
            return Ok(());
        }
        let (pair, paired) = pair(bench, &devices, division).await?;
        let found_one = pair.is_right();
        pair.tell(trial, "Y2");
        if !found_one {
            return Ok(());
        }
        took = paired;
    }
    if let Err(error) = bench.release().await {
        trial.undecided("Y3", chain(&error));
        return Ok(());
    }
    let constraint = Unmeetable::of(division, bench.driver());
    let window = bench.context.patience.hold(took);
    refused(bench, &devices, &constraint, window)
        .await?
        .tell(trial, "Y3");
    Ok(())
}

/// The published devices of the bench's node.
fn devices(bench: &Bench<'_>, path: &Path) -> Vec<Device> {
    bench
        .context
        .inventory
        .by_path(path)
        .filter(|pool| pool.node == bench.node)
        .flat_map(|pool| pool.devices.iter().cloned())
        .collect()
}

/// Y1: a pod with all devices on loan finds each where it is published to be. Also how long it took to be bound.
async fn all(bench: &Bench<'_>, devices: &[Device]) -> Result<(Ruling, Duration), CheckError> {
    let pod = bench.claim("all", bench.devices(), None).await?;
    let bound = pod
        .until(pods::bound(), bench.context.patience.scheduling())
        .await;
    let took = pod.age();
    let found = match bound {
        Ok(_) => bench.heard(&pod).await,
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let silent = format!("pod `{}` told nothing: {}", pod.name(), chain(&error));
            return Ok((Ruling::Undecided(silent), took));
        }
    };
    let held = holdings(&found, bench.vendor);
    let table: Vec<_> = held
        .iter()
        .map(|holding| json!({"device": holding.to_string(), "found": holding.node().identity}))
        .collect();
    bench.context.observe(
        format!("probe in pod {}/{}", bench.roster.namespace().name(), pod.name()),
        json!(table),
    );
    let ruling = position::published_is_found(&held, devices, bench.vendor, &bench.node);
    Ok((ruling, took))
}

/// Y2: two devices that must agree do. Also how long it took to be bound.
async fn pair(
    bench: &Bench<'_>,
    devices: &[Device],
    division: &Division,
) -> Result<(Ruling, Duration), CheckError> {
    let attribute = &division.attribute;
    let pod = bench.claim("pair", 2, Some(attribute)).await?;
    let claim = match bench.bound(&pod, "pair").await {
        Ok(claim) => claim,
        Err(error) => {
            let what = format!(
                "two devices that agree in {attribute} are free on node `{}`, and a claim for two was not met",
                bench.node
            );
            return Ok((unmet(&what, &error), pod.age()));
        }
    };
    let took = pod.age();
    let allocated: Vec<&str> = claim
        .allocated
        .iter()
        .map(|result| result.device.as_str())
        .collect();
    let values = values(devices, division, &allocated);
    let ruling = match values.as_slice() {
        [one, two] if one == two => Ruling::Right(format!(
            "a claim for two devices that agree in {attribute} was given {} with {one}",
            allocated.join(" and ")
        )),
        [one, two] => Ruling::Wrong(format!(
            "a claim for two devices that agree in {attribute} was given {} with {one} and {two}: the constraint was \
             not honoured",
            allocated.join(" and ")
        )),
        _ => Ruling::Undecided(format!(
            "a claim for two devices was given {}",
            allocated.join(" and ")
        )),
    };
    Ok((ruling, took))
}

/// The positions of allocated devices.
fn values(devices: &[Device], division: &Division, allocated: &[&str]) -> Vec<String> {
    allocated
        .iter()
        .filter_map(|name| devices.iter().find(|device| device.name == *name))
        .filter_map(|device| Some(position::published(device, division.kind)?.1))
        .collect()
}

/// Y3: what can't be met stays pending; without the constraint the same number of devices can be had.
async fn refused(
    bench: &Bench<'_>,
    devices: &[Device],
    constraint: &Unmeetable<'_>,
    window: Duration,
) -> Result<Ruling, CheckError> {
    let Unmeetable { count, attribute, .. } = constraint;
    let pod = bench.claim(UNMEETABLE, *count, Some(attribute)).await?;
    let held = pod.watched().hold(pods::bound().not(), window).await;
    match held {
        Ok(_) => {}
        Err(WaitError::Broken(_) | WaitError::Never(_)) => {
            return Ok(given(bench, devices, constraint).await);
        }
        Err(error) => {
            return Ok(Ruling::Undecided(format!(
                "pod `{}` could not be watched: {}",
                pod.name(),
                chain(&error)
            )));
        }
    }
    bench.roster.clear(&bench.context.patience).await;
    let free = bench.claim("free", *count, None).await?;
    Ok(match bench.bound(&free, "free").await {
        Ok(_) => Ruling::Right(format!(
            "{constraint}, stayed pending for {:.0} s; without the constraint {count} were given",
            window.as_secs_f64()
        )),
        Err(error) => Ruling::Undecided(format!(
            "{constraint}, stayed pending with the constraint and without it: {}",
            chain(&error)
        )),
    })
}

/// The claim was met after all: says with what.
async fn given(bench: &Bench<'_>, devices: &[Device], constraint: &Unmeetable<'_>) -> Ruling {
    let claim = match bench.read(UNMEETABLE).await {
        Ok(claim) => claim,
        Err(error) => return Ruling::Undecided(chain(&error)),
    };
    let allocated: Vec<&str> = claim
        .allocated
        .iter()
        .map(|result| result.device.as_str())
        .collect();
    let names = allocated.join(" and ");
    let mut with = String::new();
    if let Some(division) = constraint.division {
        let values: BTreeSet<String> = values(devices, division, &allocated).into_iter().collect();
        if values.len() < 2 {
            return Ruling::Undecided(format!(
                "{constraint}, was given {names}: dra_support decides that"
            ));
        }
        with = format!(" with {}", Vec::from_iter(values).join(" and "));
    } else if allocated.is_empty() {
        return Ruling::Undecided(format!(
            "{constraint}, was bound without any: dra_support decides that"
        ));
    }
    let stored = match bench.keeps_constraints(UNMEETABLE).await {
        Ok(false) => "; the claim is stored without its constraint",
        Ok(true) | Err(_) => "",
    };
    Ruling::Wrong(format!(
        "{constraint}, can't be met on node `{}`, and was given {names}{with}: the constraint was ignored{stored}",
        bench.node
    ))
}
