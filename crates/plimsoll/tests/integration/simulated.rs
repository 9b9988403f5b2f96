//! Runs on the simulated platform, as a newcomer and a script see them.

use std::fs;

use serde_json::Value;

use crate::{plimsoll, text};

#[test]
fn without_any_kubeconfig_a_run_is_simulated_and_says_so_everywhere() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["run", "--format", "json", "--out", "out"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("no kubeconfig found") && said.contains("SIMULATED"),
        "{said}"
    );
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results["platform"]["kind"], "simulated");
    assert_eq!(results["platform"]["mark"], "SIMULATED");
    for file in [
        "results.json",
        "junit.xml",
        "e2e.log",
        "report.html",
        "evidence/dra_support.md",
    ] {
        let content = fs::read_to_string(home.path().join("out").join(file)).unwrap();
        assert!(content.contains("SIMULATED"), "{file}");
    }
}

#[test]
fn the_same_seed_gives_the_same_record_to_the_byte() {
    let home = tempfile::tempdir().unwrap();
    let record = |out: &str, seed: &str| {
        plimsoll(
            home.path(),
            &["run", "--simulate=minimal", "--seed", seed, "--out", out],
        );
        fs::read(home.path().join(out).join("record.jsonl")).unwrap()
    };
    let first = record("a", "7");
    assert!(first == record("b", "7"), "two runs of one seed differ");
    assert!(first != record("c", "8"), "the seed decides nothing");
}

#[test]
fn a_seeded_defect_fails_its_requirement() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(
        home.path(),
        &[
            "run",
            "--simulate",
            "--defect",
            "dra.stale-pool",
            "--format",
            "json",
            "--only",
            "dra_support",
            // The last version in which it is a MUST.
            "--program",
            "1.35",
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let requirements = results["requirements"].as_array().unwrap();
    let dra = requirements
        .iter()
        .find(|requirement| requirement["id"] == "dra_support")
        .unwrap();
    assert_eq!(dra["verdict"], "failed", "{dra}");
}

#[test]
fn a_survey_of_a_simulated_platform_is_marked() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["survey", "--simulate=nvidia", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let inventory: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(inventory["mark"], "SIMULATED");
    assert_eq!(inventory["nodes"].as_array().unwrap().len(), 3);
}
