//! The trial of one vendor's devices: coverage on all nodes, the experiment on some, and what is said of it all.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use plimsoll_platform::{Ask, Namespace, Placement, WholeNode};

use super::{
    bench::{Bench, Outcome},
    chart::Chart,
    device,
    judge::{
        coverage::{self, Coverage},
        values,
    },
    stimulus::{self, slug},
    subject::Subject,
    survey::{Sighting, unread},
};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{Roster, Ruling, chain, holdings},
};

/// On so many nodes a device is loaded; all others are looked at.
const LOADED_NODES: usize = 4;

/// Controls in the order in which they are told.
const CONTROLS: [&str; 9] = ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9"];

type Rulings = BTreeMap<&'static str, Vec<Ruling>>;

/// Tries one vendor's devices, given what its exporters said at the first visit.
pub(super) async fn run(
    context: &Context,
    namespace: &Namespace,
    subject: &Subject,
    sightings: &BTreeMap<String, Sighting>,
) -> Result<(), CheckError> {
    let trial = context.trial(&subject.name);
    let readable = sightings
        .values()
        .any(|sighting| !sighting.chart.answers.is_empty());
    if !readable {
        trial.undecided("M1", unreadable(subject, sightings));
        return Ok(());
    }
    let roster = Roster::new(namespace.clone());
    let mut rulings = Rulings::new();
    for sighting in sightings.values().filter(|sighting| !sighting.chart.is_empty()) {
        let node = sighting_node(sightings, sighting);
        rulings
            .entry("M2")
            .or_default()
            .push(values::plausible(node, &sighting.chart));
    }
    let outcomes = loads(context, &roster, subject, sightings, &mut rulings).await;
    roster.clear(&context.patience).await;
    let mut charts: BTreeMap<&str, Chart> = BTreeMap::new();
    for (node, outcome) in outcomes? {
        for (control, ruling) in outcome.rulings {
            rulings.entry(control).or_default().push(ruling);
        }
        charts.extend(outcome.chart.map(|chart| (node, chart)));
    }
    let idle_series = subject.metrics().is_none_or(|metrics| metrics.idle_series);
    let covered = if idle_series {
        cover(context, &roster, subject, sightings).await
    } else {
        Ok(vec![held_only(subject, sightings, &charts)])
    };
    roster.clear(&context.patience).await;
    rulings.insert("M1", covered?);
    tell(&trial, rulings);
    if let Some(offered) = optional(subject, sightings) {
        trial.right("M10", offered);
    }
    Ok(())
}

fn sighting_node<'a>(sightings: &'a BTreeMap<String, Sighting>, wanted: &Sighting) -> &'a str {
    sightings
        .iter()
        .find(|(_, sighting)| sighting.endpoint == wanted.endpoint)
        .map_or("", |(node, _)| node)
}

fn unreadable(subject: &Subject, sightings: &BTreeMap<String, Sighting>) -> String {
    let devices = match subject.nodes.len() {
        1 => "1 node".to_owned(),
        count => format!("{count} nodes"),
    };
    let problems: Vec<String> = sightings.values().filter_map(unread).collect();
    if problems.is_empty() {
        let exporter = subject
            .metrics()
            .map_or("an exporter", |metrics| metrics.exporter.as_str());
        return format!(
            "no exporter for the devices of {} on {devices} was found: {exporter}, by its Service, its pods, \
             annotations or a monitor, would prove it",
            subject.name
        );
    }
    format!(
        "no exporter for the devices of {} on {devices} could be read: {}",
        subject.name,
        problems.join("; ")
    )
}

/// Loads a device on each of some nodes, all at once.
async fn loads<'a>(
    context: &Context,
    roster: &Roster,
    subject: &'a Subject,
    sightings: &'a BTreeMap<String, Sighting>,
    rulings: &mut Rulings,
) -> Result<Vec<(&'a str, Outcome)>, CheckError> {
    let nodes = subject.loadable().clamp(1, LOADED_NODES);
    let ask = Ask {
        path: subject.path.clone(),
        min: nodes,
        max: nodes,
        placement: Placement::EachNode,
    };
    let lease = match context.budget.acquire(ask).await {
        Ok(lease) => lease,
        Err(error) => {
            let why = Ruling::Undecided(format!("no device can be loaded: {error}"));
            rulings.entry("M3").or_default().push(why);
            return Ok(Vec::new());
        }
    };
    if let Err(error) = stimulus::prepare(roster.namespace(), subject).await {
        return match error {
            CheckError::Create(refusal) => {
                let why = Ruling::Undecided(chain(&refusal));
                rulings.entry("M3").or_default().push(why);
                Ok(Vec::new())
            }
            other => Err(other),
        };
    }
    let benches: Vec<Bench<'_>> = subject
        .nodes
        .keys()
        .enumerate()
        .filter(|(_, node)| lease.slots.iter().any(|(lent, _)| lent == *node))
        .filter_map(|(number, node)| {
            let sighting = sightings.get(node)?;
            // One that does not even answer from elsewhere is another control's matter.
            (!sighting.chart.answers.is_empty()).then(|| Bench {
                context,
                subject,
                roster,
                node,
                sighting,
                suffix: format!("{}-{number}", slug(&subject.name)),
            })
        })
        .collect();
    let outcomes = join_all(benches.iter().map(Bench::run)).await;
    roster.clear(&context.patience).await;
    drop(lease);
    let nodes: Vec<&str> = benches.iter().map(|bench| bench.node).collect();
    let mut told = Vec::new();
    for (node, outcome) in nodes.into_iter().zip(outcomes) {
        let node = subject
            .nodes
            .get_key_value(node)
            .map_or("", |(node, _)| node.as_str());
        told.push((node, outcome?));
    }
    Ok(told)
}

/// M1 on all nodes. That a device without series exists is shown by holding it.
async fn cover(
    context: &Context,
    roster: &Roster,
    subject: &Subject,
    sightings: &BTreeMap<String, Sighting>,
) -> Result<Vec<Ruling>, CheckError> {
    let mut rulings = Vec::new();
    for node in subject.nodes.keys() {
        let ruling = match of_node(subject, sightings, node) {
            Coverage::Told(ruling) => ruling,
            Coverage::Short { detail, .. } => {
                confirm(context, roster, subject, sightings, node, &detail).await?
            }
        };
        rulings.push(ruling);
    }
    Ok(rulings)
}

fn of_node(subject: &Subject, sightings: &BTreeMap<String, Sighting>, node: &str) -> Coverage {
    let Some(share) = subject.nodes.get(node) else {
        return Coverage::Told(Ruling::Undecided(format!("node `{node}` has no devices")));
    };
    let devices = share
        .due
        .count
        .map_or_else(String::new, |count| format!("{count} "));
    match sightings.get(node) {
        None => Coverage::Told(Ruling::Wrong(format!(
            "node `{node}` has {devices}devices of {} and no exporter, as other nodes have",
            subject.name
        ))),
        Some(sighting) if sighting.chart.answers.is_empty() => Coverage::Told(Ruling::Wrong(format!(
            "node `{node}` has {devices}devices of {}, and its exporter gives no answer, as those of other nodes do: {}",
            subject.name,
            unread(sighting).unwrap_or_default()
        ))),
        Some(sighting) if sighting.chart.is_empty() && sighting.chart.malformed > 0 => {
            Coverage::Told(Ruling::Wrong(format!(
                "what the exporter of node `{node}` answers at {} is no metrics: {} lines of it are none",
                sighting.endpoint.url, sighting.chart.malformed
            )))
        }
        Some(sighting) => coverage::judge(node, &sighting.chart, &share.due, |uuid| {
            subject.is_elsewhere(node, uuid)
        }),
    }
}

/// Holds all devices of a node that can be had, and looks which they are.
async fn confirm(
    context: &Context,
    roster: &Roster,
    subject: &Subject,
    sightings: &BTreeMap<String, Sighting>,
    node: &str,
    detail: &str,
) -> Result<Ruling, CheckError> {
    let empty = Chart::default();
    let chart = sightings.get(node).map_or(&empty, |sighting| &sighting.chart);
    let ask = WholeNode {
        path: subject.path.clone(),
        nodes: vec![node.to_owned()],
        min: 1,
    };
    let lease = match context.budget.acquire_node(ask).await {
        Ok(lease) => lease,
        Err(error) => {
            return Ok(Ruling::Undecided(format!(
                "{detail}; whether it exists can't be seen: {error}"
            )));
        }
    };
    let name = format!("look-{}-{}", slug(&subject.name), slug(node));
    let pod = stimulus::looker(context, subject, node, &name, lease.total());
    let looked = async {
        let pod = roster.start(&pod).await?;
        let heard = async {
            pod.started(&context.patience).await?;
            pod.report(stimulus::LOAD, &context.patience).await
        };
        Ok::<_, CheckError>(heard.await)
    };
    let looked = looked.await;
    roster.clear(&context.patience).await;
    drop(lease);
    Ok(match looked {
        Ok(Ok(found)) => {
            let held = holdings(&found, subject.vendor);
            let uuids: BTreeSet<String> = held
                .iter()
                .flat_map(|holding| &holding.nodes)
                .filter_map(|node| node.uuid().map(device::uuid))
                .collect();
            coverage::confirmed(node, detail, chart, &uuids, held.len())
        }
        Ok(Err(error)) => Ruling::Undecided(format!(
            "{detail}; whether it exists was not seen: {}",
            chain(&error)
        )),
        Err(CheckError::Create(refusal)) => Ruling::Undecided(format!(
            "{detail}; whether it exists was not seen: {}",
            chain(&refusal)
        )),
        Err(error) => return Err(error),
    })
}

/// M1 where devices that nobody holds have no series: only those that we held count.
fn held_only(
    subject: &Subject,
    sightings: &BTreeMap<String, Sighting>,
    charts: &BTreeMap<&str, Chart>,
) -> Ruling {
    let silent = subject
        .nodes
        .keys()
        .find_map(|node| match of_node(subject, sightings, node) {
            Coverage::Told(wrong @ Ruling::Wrong(_)) => Some(wrong),
            Coverage::Told(_) | Coverage::Short { .. } => None,
        });
    if let Some(wrong) = silent {
        return wrong;
    }
    Ruling::all(charts.iter().map(|(node, chart)| {
        if chart.is_empty() {
            Ruling::Wrong(format!("a device of node `{node}` was held and worked, and has no series"))
        } else {
            Ruling::Right(format!(
                "{} devices of node `{node}` have series while they are held; this exporter has none of others",
                chart.devices.len()
            ))
        }
    }))
}

/// What the exporters have beyond utilisation and memory.
fn optional(subject: &Subject, sightings: &BTreeMap<String, Sighting>) -> Option<String> {
    let metrics = subject.metrics()?;
    let others = sightings.values().map(|sighting| &sighting.chart.others);
    let mut shown: Vec<String> = metrics
        .optional
        .iter()
        .filter_map(|optional| {
            let value = others
                .clone()
                .flatten()
                .find(|(name, _)| super::vocabulary::plain(name, metrics) == optional.name)?
                .1;
            let blank = if metrics.is_blank(*value) { ", blank" } else { "" };
            Some(format!("{} ({}{blank})", optional.measures.name(), optional.unit))
        })
        .collect();
    shown.sort();
    Some(match shown.is_empty() {
        true => "the exporter offers neither power nor temperature nor link counters".to_owned(),
        false => format!("the exporter also offers {}", shown.join(", ")),
    })
}

fn tell(trial: &Trial, mut rulings: Rulings) {
    for control in CONTROLS {
        let Some(mut all) = rulings.remove(control).filter(|all| !all.is_empty()) else {
            continue;
        };
        // What was seen twice is said once.
        let mut seen = BTreeSet::new();
        all.retain(|ruling| seen.insert(ruling.detail().to_owned()));
        Ruling::all(all).tell(trial, control);
    }
}
