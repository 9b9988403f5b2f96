//! Bad input: a clear error on standard error, nothing on standard output, exit code 3 or 4.

use std::fs;

use crate::{plimsoll, text};

/// Runs `plimsoll` and returns its exit code and what it said to people.
fn refused(home: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = plimsoll(home, arguments);
    assert_eq!(
        text(&output.stdout),
        "",
        "machine output although nothing was done"
    );
    (output.status.code(), text(&output.stderr))
}

#[test]
fn an_unknown_requirement_is_refused_with_the_nearest_name() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        ["run", "--only", "gang_schedulin"],
        ["permissions", "--skip", "gang_schedulin"],
    ] {
        let (code, said) = refused(home.path(), &arguments);
        assert_eq!(code, Some(3), "{said}");
        assert!(
            said.contains("`gang_schedulin`") && said.contains("`gang_scheduling`"),
            "{said}"
        );
    }
}

#[test]
fn leaving_out_every_check_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let all = "dra_support,gang_scheduling,secure_accelerator_access";
    let (code, said) = refused(home.path(), &["run", "--skip", all]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("nothing is left to run"), "{said}");
}

#[test]
fn no_kubeconfig_says_where_it_looked() {
    let home = tempfile::tempdir().unwrap();
    let (code, said) = refused(home.path(), &["run"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains(".kube/config") && said.contains("--kubeconfig"),
        "{said}"
    );
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing may be written"
    );
}

#[test]
fn a_missing_or_garbled_kubeconfig_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (code, said) = refused(home.path(), &["survey", "--kubeconfig", "nowhere"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("`nowhere`"), "{said}");

    fs::write(home.path().join("garbled"), "clusters: [\n  - {").unwrap();
    let (code, said) = refused(home.path(), &["survey", "--kubeconfig", "garbled"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("garbled"), "{said}");
}

#[test]
fn an_unknown_context_is_refused_with_the_known_ones() {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
        contexts: [{name: prod, context: {cluster: c, user: u}}]\n\
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\n";
    fs::write(home.path().join("config"), kubeconfig).unwrap();
    let (code, said) = refused(
        home.path(),
        &["run", "--kubeconfig", "config", "--context", "prdo"],
    );
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("`prdo`") && said.contains("`prod`"), "{said}");

    let (code, said) = refused(home.path(), &["run", "--kubeconfig", "config"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("127.0.0.1:1"), "{said}");
}

#[test]
fn a_directory_without_a_record_has_no_report() {
    let home = tempfile::tempdir().unwrap();
    let (code, said) = refused(home.path(), &["report", "."]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("record.jsonl"), "{said}");
}

#[test]
fn a_wrong_flag_is_bad_input_and_help_is_not() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(refused(home.path(), &["run", "--jobs", "0"]).0, Some(3));
    assert_eq!(
        refused(home.path(), &["run", "--timeout-scale", "never"]).0,
        Some(3)
    );
    let help = plimsoll(home.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(
        text(&help.stdout).contains("Exit codes"),
        "help goes to standard output"
    );
}
