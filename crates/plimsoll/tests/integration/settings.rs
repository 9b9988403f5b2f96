//! `plimsoll.toml`: written, found, refused, and what it changes in a run.

use std::fs;

use serde_json::Value;

use crate::{plimsoll, text};

#[test]
fn init_writes_a_commented_file_and_never_over_one_that_is_there() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["config", "--init"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    let written = fs::read_to_string(home.path().join("plimsoll.toml")).unwrap();
    assert!(written.contains("[accelerator]"), "{written}");
    fs::write(home.path().join("plimsoll.toml"), "# mine\n").unwrap();
    let output = plimsoll(home.path(), &["config", "--init"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(
        fs::read_to_string(home.path().join("plimsoll.toml")).unwrap(),
        "# mine\n"
    );
}

#[test]
fn a_file_with_unknown_keys_or_impossible_values_ends_with_code_3_and_the_places() {
    let home = tempfile::tempdir().unwrap();
    let file = "[accelerator]\nprofle = \"nvidia\"\n[gang]\nhold = \"soon\"\n";
    fs::write(home.path().join("plimsoll.toml"), file).unwrap();
    fs::write(home.path().join("other.toml"), file).unwrap();
    for (arguments, name) in [
        (vec!["run", "--simulate"], "plimsoll.toml"),
        (vec!["run", "--simulate", "--config", "other.toml"], "other.toml"),
        (vec!["config"], "plimsoll.toml"),
    ] {
        let output = plimsoll(home.path(), &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        for piece in [
            format!("{name}:2:1"),
            "`profile`".to_owned(),
            format!("{name}:4:8"),
        ] {
            assert!(said.contains(&piece), "{piece}: {said}");
        }
    }
    let output = plimsoll(home.path(), &["run", "--simulate", "--config", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("nowhere.toml"));
}

#[test]
fn a_declared_requirement_is_not_tried_and_its_reason_stands_in_the_results() {
    let home = tempfile::tempdir().unwrap();
    let file = "[accelerator]\nprofile = \"nvidia\"\n[declared.not-applicable]\n\
                gang_scheduling = \"one pod a machine\"\ncluster_autoscaling = \"bare metal\"\n";
    fs::write(home.path().join("plimsoll.toml"), file).unwrap();
    let output = plimsoll(
        home.path(),
        &[
            "run",
            "--simulate",
            "--only",
            "gang_scheduling,dra_support",
            "--format",
            "json",
            "--out",
            "out",
        ],
    );
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdicts: Vec<(&str, &str, &str)> = results["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|requirement| requirement["verdict"] == "not-applicable")
        .map(|requirement| {
            let field = |name: &str| requirement[name].as_str().unwrap();
            (field("id"), field("verdict"), field("reason"))
        })
        .collect();
    let reason = |id: &str| {
        verdicts
            .iter()
            .find(|verdict| verdict.0 == id)
            .map(|verdict| verdict.2)
    };
    assert_eq!(
        reason("gang_scheduling"),
        Some("declared in plimsoll.toml: one pod a machine")
    );
    assert_eq!(
        reason("cluster_autoscaling"),
        Some("declared in plimsoll.toml: bare metal")
    );
    let record = fs::read_to_string(home.path().join("out/record.jsonl")).unwrap();
    assert!(
        record.contains("accelerator.profile"),
        "the settings belong to the evidence"
    );
}

#[test]
fn only_the_accelerators_that_the_owner_names_are_tried() {
    let home = tempfile::tempdir().unwrap();
    fs::write(
        home.path().join("plimsoll.toml"),
        "[accelerator]\nprofile = \"amd\"\n",
    )
    .unwrap();
    let output = plimsoll(
        home.path(),
        &[
            "run",
            "--simulate=nvidia",
            "--only",
            "secure_accelerator_access",
            "--format",
            "json",
        ],
    );
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = results["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .find(|requirement| requirement["id"] == "secure_accelerator_access")
        .unwrap();
    assert_eq!(found["verdict"], "inconclusive", "{found}");
    let reason = found["reason"].as_str().unwrap();
    assert!(reason.contains("accelerator.profile = \"amd\""), "{reason}");
}
