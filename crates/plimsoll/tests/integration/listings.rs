//! What is printed from the checks' own declarations.

use serde_json::Value;

use crate::{plimsoll, text};

#[test]
fn checks_as_json_has_the_contract_s_fields() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["checks", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let checks: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ids: Vec<&str> = checks.iter().filter_map(|check| check["id"].as_str()).collect();
    let known: Vec<&str> = plimsoll_checks::ALL
        .iter()
        .map(|check| check.declaration().id.as_str())
        .collect();
    assert_eq!(ids, known);
    assert!(ids.is_sorted(), "{ids:?}");
    for check in &checks {
        for list in ["adapters", "defects", "permissions"] {
            assert!(
                check[list].as_array().is_some_and(|list| !list.is_empty()),
                "{list} of {check}"
            );
        }
        assert_eq!(
            check["levels"].as_object().map(|levels| levels.len()),
            Some(5),
            "{check}"
        );
        assert!(check["title"].is_string(), "{check}");
    }
    let of = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap();
    assert_eq!(of("dra_support")["levels"]["1.36"], "absent");
    assert_eq!(of("gang_scheduling")["levels"]["1.36"], "MUST");
    assert_eq!(of("gang_scheduling")["kar"], 53);
    assert!(
        of("device_plugin_discovery")["kar"].is_null(),
        "a pillar may have none"
    );
}

#[test]
fn every_check_declares_defects_that_exist_for_it_and_controls_that_a_pass_needs() {
    for check in plimsoll_checks::ALL {
        let declaration = check.declaration();
        assert!(
            !declaration.required().is_empty(),
            "{} could not pass",
            declaration.id
        );
        let mut declared: Vec<&str> = declaration.defects.to_vec();
        declared.sort_unstable();
        let mut seeded: Vec<&str> = plimsoll_defects::Defect::all()
            .iter()
            .filter(|defect| defect.requirement.as_str() == declaration.id.as_str())
            .map(|defect| defect.id.as_str())
            .collect();
        seeded.sort_unstable();
        assert_eq!(declared, seeded, "defects of {}", declaration.id);
    }
}

#[test]
fn explain_tells_controls_permissions_and_what_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["explain", "secure_accelerator_access"]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    for part in ["KAR-49", "X1", "X9", "PERMISSIONS", "sec.residue"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
}

#[test]
fn the_page_of_each_check_is_the_one_that_explain_prints() {
    let home = tempfile::tempdir().unwrap();
    for check in plimsoll_checks::ALL {
        let id = &check.declaration().id;
        let output = plimsoll(home.path(), &["explain", id.as_str(), "--format", "markdown"]);
        let printed = text(&output.stdout);
        let path = format!("{}/../../docs/checks/{id}.md", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_PAGES").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            committed, printed,
            "run this test with UPDATE_PAGES=1 and look at what changed"
        );
    }
}

#[test]
fn permissions_never_ask_for_secrets_or_exec() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["permissions", "--format", "json"]);
    let role: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(role["kind"], "ClusterRole");
    let resources: Vec<&str> = role["rules"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|rule| rule["resources"].as_array().unwrap())
        .filter_map(Value::as_str)
        .collect();
    assert!(
        resources.contains(&"pods") && resources.contains(&"resourceclaims"),
        "{resources:?}"
    );
    for never in ["secrets", "pods/exec", "nodes/proxy", "*"] {
        assert!(!resources.contains(&never), "{never} in {resources:?}");
    }
}

#[test]
fn the_yaml_role_is_the_json_role() {
    let home = tempfile::tempdir().unwrap();
    let json = plimsoll(home.path(), &["permissions", "--format", "json"]).stdout;
    let yaml = text(&plimsoll(home.path(), &["permissions"]).stdout);
    let from_json: Value = serde_json::from_slice(&json).unwrap();
    let from_yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(from_yaml, from_json);
}

#[test]
fn completions_are_printed_for_a_shell() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["completions", "bash"]);
    assert!(text(&output.stdout).contains("complete -F"), "no bash completion");
}
