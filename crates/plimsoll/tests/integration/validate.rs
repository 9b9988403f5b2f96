//! `plimsoll validate` as pipelines meet it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    plimsoll,
    programme::{copy, programme_files},
    text,
};

/// A checkout with one case of the programme's crafted submissions.
fn checkout(programme: &Path, home: &Path, case: &str) {
    copy(&programme.join("docs"), &home.join("docs"));
    copy(
        &programme.join("bad-submissions").join(case),
        &home.join("v1.37/acme-orchard"),
    );
}

fn validated(home: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = plimsoll(home, &[&["validate", "--format", "json"], arguments].concat());
    let verdicts =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), verdicts)
}

#[test]
fn json_has_the_contract_s_fields_and_exit_codes_follow() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    checkout(&programme, home.path(), "spec-must-blank");
    fs::write(home.path().join("members"), "Acme Example Corp\n").unwrap();
    let (code, verdicts) = validated(home.path(), &["v1.37/acme-orchard", "--members", "members"]);
    assert_eq!(code, Some(1));
    assert_eq!(verdicts[0]["path"], "v1.37/acme-orchard");
    assert_eq!(verdicts[0]["valid"], false);
    assert_eq!(verdicts[0]["undecided"], serde_json::json!(["R13", "R14", "R25"]));
    let findings = verdicts[0]["findings"].as_array().unwrap();
    let rules: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    assert_eq!(rules, ["R20", "R21"]);
    for finding in findings {
        assert_eq!(finding["severity"], "error");
        assert_eq!(finding["id"], "pod_autoscaling");
        assert_eq!(finding["file"], "v1.37/acme-orchard/PRODUCT.yaml");
        assert!(
            finding["line"].as_u64() > Some(1) && finding["column"].as_u64() > Some(1),
            "{finding}"
        );
        assert!(finding["message"].is_string() && finding["help"].is_string());
    }
}

#[test]
fn without_members_membership_is_a_note_and_never_an_error() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    checkout(&programme, home.path(), "meta-vendor-not-member");
    let (code, verdicts) = validated(home.path(), &["v1.37/acme-orchard"]);
    assert_eq!(code, Some(0));
    let note = &verdicts[0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "R15")
        .unwrap();
    assert_eq!(note["severity"], "note");
    fs::write(home.path().join("members"), "Acme Example Corp (member)\n").unwrap();
    let (code, _) = validated(home.path(), &["v1.37/acme-orchard", "--members", "members"]);
    assert_eq!(code, Some(1));
}

#[test]
fn the_older_rules_are_a_switch_away() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    checkout(&programme, home.path(), "spec-cluster-autoscaling-na");
    assert_eq!(validated(home.path(), &["."]).0, Some(0));
    assert_eq!(validated(home.path(), &[".", "--rules", "2026-06"]).0, Some(1));
}

#[test]
fn pipelines_get_sarif_and_annotations() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    checkout(&programme, home.path(), "meta-empty-description");
    let output = plimsoll(
        home.path(),
        &["validate", "v1.37/acme-orchard", "--format", "sarif"],
    );
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(
        (&sarif["version"], &result["ruleId"]),
        (&Value::from("2.1.0"), &Value::from("R10"))
    );
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][index]["id"], "R10");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"],
        "v1.37/acme-orchard/PRODUCT.yaml"
    );
    let output = plimsoll(
        home.path(),
        &["validate", "v1.37/acme-orchard", "--format", "github"],
    );
    let line = text(&output.stdout).lines().next().unwrap().to_owned();
    assert!(
        line.starts_with(
            "::error file=v1.37/acme-orchard/PRODUCT.yaml,line=10,col=16,title=R10 description::"
        ),
        "{line}"
    );
}

#[test]
fn what_can_not_be_validated_is_bad_input() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("empty")).unwrap();
    fs::create_dir_all(home.path().join("v1.37/x")).unwrap();
    fs::write(home.path().join("v1.37/x/PRODUCT.yaml"), "").unwrap();
    for (arguments, part) in [
        (vec!["nowhere"], "`nowhere`"),
        (vec!["empty"], "PRODUCT.yaml"),
        (vec!["v1.37/x", "--checklists", "empty"], "AIConformance"),
        (vec!["v1.37/x", "--members", "nobody"], "`nobody`"),
        (vec!["v1.37/x", "--rules", "2020"], "2026-06"),
        (vec![], "PATH"),
    ] {
        let output = plimsoll(home.path(), &[vec!["validate"], arguments.clone()].concat());
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(3), ""),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(part), "{part}: {said}");
    }
}
