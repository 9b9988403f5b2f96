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
    let all: Vec<&str> = plimsoll_checks::ALL
        .iter()
        .map(|check| check.declaration().id.as_str())
        .collect();
    let (code, said) = refused(home.path(), &["run", "--skip", &all.join(",")]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("nothing is left to run"), "{said}");
}

#[test]
fn no_kubeconfig_says_where_it_looked() {
    let home = tempfile::tempdir().unwrap();
    let (code, said) = refused(home.path(), &["survey"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains(".kube/config") && said.contains("--kubeconfig") && said.contains("--simulate"),
        "{said}"
    );
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing may be written"
    );
}

#[test]
fn a_cluster_that_was_named_is_never_replaced_by_a_simulated_one() {
    let home = tempfile::tempdir().unwrap();
    let (code, said) = refused(home.path(), &["run", "--context", "prod"]);
    assert_eq!(code, Some(4), "{said}");
    let (code, said) = refused(home.path(), &["run", "--kubeconfig", "nowhere"]);
    assert_eq!(code, Some(3), "{said}");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .arg("run")
        .env_clear()
        .env("HOME", home.path())
        .env("KUBECONFIG", home.path().join("not-there"))
        .current_dir(home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
}

#[test]
fn a_platform_file_is_told_all_that_is_wrong_with_it() {
    let home = tempfile::tempdir().unwrap();
    let file = "name = \"x\"\nkubernetes = \"1.36\"\n[[nodes]]\nname = \"n\"\ncuont = 3\n\
        [[nodes.accelerators]]\nvendor = \"nvdia\"\n";
    fs::write(home.path().join("p.toml"), file).unwrap();
    for command in ["run", "survey", "calibrate"] {
        let (code, said) = refused(home.path(), &[command, "--simulate=p.toml"]);
        assert_eq!(code, Some(3), "{said}");
        for piece in ["p.toml:5:1", "`count`", "p.toml:7:10", "`nvidia`"] {
            assert!(said.contains(piece), "{piece}: {said}");
        }
    }
    let (code, said) = refused(home.path(), &["simulate", "nvdia"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("did you mean `nvidia`"), "{said}");
}

#[test]
fn a_defect_that_is_unknown_or_can_not_show_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for command in ["run", "calibrate"] {
        let (code, said) = refused(home.path(), &[command, "--simulate", "--defect", "gang.ded"]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("`gang.dead`"), "{said}");
        let (code, said) = refused(
            home.path(),
            &[command, "--simulate=plugin-only", "--defect", "dra.stale-pool"],
        );
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("`dra`"), "{said}");
    }
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
