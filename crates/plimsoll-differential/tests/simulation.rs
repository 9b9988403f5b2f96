//! The simulated platform answers every scenario as the real Kubernetes did whose transcripts are kept.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

use std::{collections::BTreeMap, fs, path::Path};

use plimsoll_apiserver::User;
use plimsoll_differential::{Ground, SCENARIOS, Scenario, compare, file, perform, recorded};
use plimsoll_platform::{Clock, Platform};
use plimsoll_sim::{Faults, Simulation, client, on_virtual_time, platform::PlatformSpec};

/// Scenarios that the simulated platform answers otherwise, and why that is so for now: `NAME: REASON`, one a line.
const KNOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/differences.txt");

fn known() -> BTreeMap<String, String> {
    let text = fs::read_to_string(KNOWN).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, reason) = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("no reason: {line}"));
            (name.to_owned(), reason.to_owned())
        })
        .collect()
}

fn on_the_simulation(scenarios: &[Scenario], faults: &Faults) -> BTreeMap<String, String> {
    on_virtual_time(async || {
        let spec = PlatformSpec::preset("mixed").unwrap();
        let simulation = Simulation::start(&spec, 1, faults).await.unwrap();
        let clock = simulation.clock();
        let client = client(simulation.server(), User::admin());
        let platform = Platform::over(client, Clock::new(move || clock.now()))
            .await
            .unwrap();
        let ground = Ground::of(&platform, "plimsoll.dev/probe:simulated")
            .await
            .unwrap();
        perform(&ground, scenarios, "d", 8).await
    })
    .unwrap()
}

#[test]
fn the_simulated_platform_answers_as_real_kubernetes_did() {
    let folder = Path::new(SCENARIOS);
    let scenarios = Scenario::all(folder).unwrap();
    let known = known();
    let mut complaints = Vec::new();
    let mut equal = 0;
    let transcripts = on_the_simulation(&scenarios, &Faults::default());
    assert_eq!(transcripts.len(), scenarios.len());
    for (name, found) in &transcripts {
        let Some(expected) = recorded(folder, name).unwrap() else {
            complaints.push(format!("{name}: no transcript; record one on the lab\n"));
            continue;
        };
        match (compare(name, &expected, found), known.contains_key(name)) {
            (None, false) => equal += 1,
            (Some(_), true) => {}
            (None, true) => complaints.push(format!("{name}: equal by now, strike it off differences.txt\n")),
            (Some(difference), false) => complaints.push(format!("== {name}\n{}", difference.lines)),
        }
    }
    assert!(
        complaints.is_empty(),
        "{}\n{equal} equal, {} known to differ, {} complaints",
        complaints.concat(),
        known.len(),
        complaints.len()
    );
    assert!(equal >= 120, "only {equal} scenarios are equal");
}

/// Ways in which a scheduler can be wrong, each with the scenarios that have to show it.
const BREACHES: &[(&str, &str)] = &[
    ("dra.failing-selects", "dra/selector-error"),
    ("dra.not-woken", "dra/given-back"),
    ("dra.request-ignored", "dra/attributes"),
    ("dra.selected-anyway", "dra/attributes"),
    ("dra.short-count", "dra/all-devices"),
    ("dra.taints-ignored", "dra/tainted"),
    ("dra.unreserved", "dra/given-back"),
    ("gang.almost", "gangs/"),
    ("gang.api-dropped", "gangs/"),
    ("gang.dead", "gangs/"),
    ("gang.deadlock", "gangs/"),
    ("gang.false-status", "gangs/"),
    ("gang.hoards", "gangs/"),
    ("gang.late-ignored", "gangs/"),
    ("gang.min-one", "gangs/too-few-members"),
    ("gang.never-released", "gangs/"),
    ("gang.partial-bind", "gangs/"),
    ("gang.silent", "gangs/"),
    ("gang.slow-retry", "gangs/"),
    ("mig.counters-ignored", "dra/counters"),
    ("topo.relaxed", "dra/match-impossible"),
];

#[test]
fn a_scheduler_that_breaks_a_rule_does_not_answer_as_real_kubernetes_did() {
    let folder = Path::new(SCENARIOS);
    let scenarios = Scenario::all(folder).unwrap();
    let known = known();
    let mut unseen = Vec::new();
    for (fault, names) in BREACHES {
        let mut concerned = scenarios.clone();
        concerned.retain(|scenario| scenario.name.starts_with(names) && !known.contains_key(&scenario.name));
        let transcripts = on_the_simulation(&concerned, &[*fault].into_iter().collect());
        let is_shown = transcripts
            .iter()
            .any(|(name, found)| recorded(folder, name).unwrap().as_ref() != Some(found));
        if !is_shown {
            unseen.push(fault);
        }
    }
    assert!(unseen.is_empty(), "no scenario shows {unseen:?}");
}

#[test]
fn every_transcript_and_every_known_difference_has_its_scenario() {
    let folder = Path::new(SCENARIOS);
    let scenarios = Scenario::all(folder).unwrap();
    for name in known().keys() {
        assert!(
            scenarios.iter().any(|scenario| scenario.name == *name),
            "{name} is no scenario"
        );
    }
    for group in fs::read_dir(folder).unwrap() {
        let group = group.unwrap().path();
        if !group.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&group).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                assert!(
                    path.with_extension("yaml").exists(),
                    "{} is no scenario's",
                    path.display()
                );
            }
        }
    }
    assert!(
        scenarios
            .iter()
            .all(|scenario| file(folder, &scenario.name).exists())
    );
}
