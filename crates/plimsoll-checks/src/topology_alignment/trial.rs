//! The trial of one way to claim devices: which control runs when.

use plimsoll_platform::{Accelerator, Condition, Path, WaitError, pods, survey::Device};
use serde_json::json;

use super::{
    bench::Bench,
    domains,
    position::{self, Division},
};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{Ruling, chain, holdings, unmet},
};

/// Tries one path.
pub(super) async fn run(context: &Context, path: &Path) -> Result<(), CheckError> {
    let trial = context.trial(path.to_string());
    match domains::tree(&context.inventory.nodes) {
        Some(ruling) => ruling.tell(&trial, "Y5"),
        None => context.observe(
            "labels of nodes",
            "no node names a domain that lies in another".into(),
        ),
    }
    let ground = ground(context, path);
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
fn ground<'a>(context: &'a Context, path: &'a Path) -> Option<(&'a Accelerator, Division)> {
    context
        .inventory
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
    all(bench, &devices).await?.tell(trial, "Y1");
    let Some(division) = division else {
        bench.context.observe(
            format!("devices of {path}"),
            json!({"node": bench.node, "positions": "no node has devices free of which some agree in their position and some do not"}),
        );
        return Ok(());
    };
    bench.context.observe(
        format!("devices of {path} on node {}", bench.node),
        json!({"attribute": division.attribute, "devices": division.counts}),
    );
    if let Err(error) = bench.release().await {
        trial.undecided("Y2", chain(&error));
        return Ok(());
    }
    let (pair, took) = pair(bench, &devices, division).await?;
    let found_one = pair.is_right();
    pair.tell(trial, "Y2");
    if found_one && let Err(error) = bench.release().await {
        trial.undecided("Y3", chain(&error));
    } else if found_one {
        let window = bench.context.patience.hold(took);
        crowd(bench, &devices, division, window).await?.tell(trial, "Y3");
    }
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

/// Y1: a pod with all devices on loan finds each where it is published to be.
async fn all(bench: &Bench<'_>, devices: &[Device]) -> Result<Ruling, CheckError> {
    let pod = bench.claim("all", bench.devices(), None).await?;
    let found = match bench.heard(&pod).await {
        Ok(found) => found,
        Err(error) => {
            return Ok(Ruling::Undecided(format!(
                "pod `{}` told nothing: {}",
                pod.name(),
                chain(&error)
            )));
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
    Ok(position::published_is_found(
        &held,
        devices,
        bench.vendor,
        &bench.node,
    ))
}

/// Y2: two devices that must agree do. Also how long it took to be bound.
async fn pair(
    bench: &Bench<'_>,
    devices: &[Device],
    division: &Division,
) -> Result<(Ruling, std::time::Duration), CheckError> {
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

/// Y3: more devices than agree anywhere stay pending; without the constraint the same number can be had.
async fn crowd(
    bench: &Bench<'_>,
    devices: &[Device],
    division: &Division,
    window: std::time::Duration,
) -> Result<Ruling, CheckError> {
    let count = division.largest() + 1;
    let attribute = &division.attribute;
    let pod = bench.claim("crowd", count, Some(attribute)).await?;
    let held = pod.watched().hold(pods::bound().not(), window).await;
    match held {
        Ok(_) => {}
        Err(WaitError::Broken(_) | WaitError::Never(_)) => {
            return Ok(given(bench, devices, division, count).await);
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
    let free = bench.claim("free", count, None).await?;
    Ok(match bench.bound(&free, "free").await {
        Ok(_) => Ruling::Right(format!(
            "{count} devices that agree in {attribute}, of which there are {} at the most, stayed pending for {:.0} s; \
             without the constraint {count} were given",
            division.largest(),
            window.as_secs_f64()
        )),
        Err(error) => Ruling::Undecided(format!(
            "{count} devices stayed pending with the constraint and without it: {}",
            chain(&error)
        )),
    })
}

/// The claim was met after all: says with what.
async fn given(bench: &Bench<'_>, devices: &[Device], division: &Division, count: usize) -> Ruling {
    let attribute = &division.attribute;
    let claim = match bench.read("crowd").await {
        Ok(claim) => claim,
        Err(error) => return Ruling::Undecided(chain(&error)),
    };
    let allocated: Vec<&str> = claim
        .allocated
        .iter()
        .map(|result| result.device.as_str())
        .collect();
    let mut values = values(devices, division, &allocated);
    values.sort();
    values.dedup();
    if values.len() < 2 {
        return Ruling::Undecided(format!(
            "a claim for {count} devices that agree in {attribute} was given {}: dra_support decides that",
            allocated.join(" and ")
        ));
    }
    let stored = match bench.keeps_constraints("crowd").await {
        Ok(false) => "; the claim is stored without its constraint",
        Ok(true) | Err(_) => "",
    };
    Ruling::Wrong(format!(
        "a claim for {count} devices that agree in {attribute} can't be met on node `{}`, and was given {} with {}: the \
         constraint was ignored{stored}",
        bench.node,
        allocated.join(" and "),
        values.join(" and ")
    ))
}
