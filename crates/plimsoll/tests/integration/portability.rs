//! `plimsoll portability`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use super::{plimsoll, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn record(platform: &str) -> String {
    let records = root().join("crates/plimsoll-portability/tests/integration/records");
    records.join(platform).display().to_string()
}

fn example(name: &str) -> String {
    root().join("examples/workloads").join(name).display().to_string()
}

/// Runs with something on standard input.
fn fed(home: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Refused input may be left unread.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn the_guides_example_is_what_is_printed() {
    let guide = fs::read_to_string(root().join("docs/guide/portability.md")).unwrap();
    let block = guide
        .split("```console\n$ plimsoll ")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let (command, expected) = block.split_once('\n').unwrap();
    let arguments: Vec<&str> = command.split(' ').collect();
    let output = plimsoll(&root(), &arguments);
    assert_eq!(text(&output.stdout), expected, "docs/guide/portability.md");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn answers_are_a_list_on_standard_output() {
    let home = tempfile::tempdir().unwrap();
    let sweep = example("hyperparameter-sweep.yaml");
    let output = plimsoll(
        home.path(),
        &[
            "portability",
            "-f",
            &sweep,
            "--on",
            &record("nvidia"),
            &record("amd"),
            "--format",
            "json",
        ],
    );
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answers: Vec<(&str, &str)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["platform"].as_str().unwrap(), row["answer"].as_str().unwrap()))
        .collect();
    assert_eq!(
        answers,
        [("nvidia", "runs-with-changes"), ("amd", "runs-with-changes")]
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn adapted_manifests_run_without_further_changes() {
    let home = tempfile::tempdir().unwrap();
    let sweep = example("hyperparameter-sweep.yaml");
    let on = record("nvidia");
    let output = plimsoll(
        home.path(),
        &["portability", "-f", &sweep, "--on", &on, "--adapt", "made"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let again = plimsoll(
        home.path(),
        &[
            "portability",
            "-f",
            "made/nvidia",
            "--on",
            &on,
            "--format",
            "json",
        ],
    );
    let rows: Value = serde_json::from_slice(&again.stdout).unwrap();
    for row in rows.as_array().unwrap() {
        assert_eq!(row["answer"], "runs", "{row}");
    }
    let refused = plimsoll(
        home.path(),
        &["portability", "-f", &sweep, "--on", &on, "--adapt", "made"],
    );
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("exists and is not empty"));
}

#[test]
fn what_is_rendered_elsewhere_comes_on_standard_input() {
    let home = tempfile::tempdir().unwrap();
    let job = b"# Source: chart\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{image: 'a/b:1'}]}}}\n";
    let output = fed(
        home.path(),
        &["portability", "-f", "-", "--on", &record("nvidia")],
        job,
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(
        text(&output.stdout).contains("Job/j  (-:2)"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_template_that_nobody_rendered_cannot_be_told_about() {
    let home = tempfile::tempdir().unwrap();
    let template = b"apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: {{ .Values.replicas }}\n";
    let output = fed(
        home.path(),
        &["portability", "-f", "-", "--on", &record("nvidia")],
        template,
    );
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stdout);
    assert!(
        told.contains("cannot tell") && told.contains("{{ .Values.replicas }}"),
        "{told}"
    );
}

#[test]
fn a_hundred_megabytes_are_refused_with_their_place() {
    let home = tempfile::tempdir().unwrap();
    let mut many = b"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: ".to_vec();
    many.resize(1 << 20, b'x');
    many.extend_from_slice(b"}\n");
    let output = fed(
        home.path(),
        &["portability", "-f", "-", "--on", &record("nvidia")],
        &many.repeat(100),
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("all manifests together are larger"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn bad_input_names_its_place_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("bad.yaml"), "apiVersion: v1\nkind: [\n").unwrap();
    let on = record("nvidia");
    for (arguments, words) in [
        (vec!["portability", "-f", "bad.yaml", "--on", &on], "bad.yaml:"),
        (
            vec!["portability", "-f", "none.yaml", "--on", &on],
            "could not read `none.yaml`",
        ),
        (vec!["portability", "-f", ".", "--on", &on], "bad.yaml:"),
        (
            vec!["portability", "-f", "bad.yaml", "--on", "nowhere"],
            "bad.yaml:",
        ),
        (vec!["portability", "-f", "bad.yaml"], "--on"),
        (vec!["portability", "--on", &on], "--filename"),
        (
            vec!["portability", "-f", "x", "--on", &on, "--trial"],
            "--context",
        ),
    ] {
        let output = plimsoll(home.path(), &arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
        assert_eq!(text(&output.stdout), "");
    }
    fs::write(
        home.path().join("good.yaml"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n",
    )
    .unwrap();
    let output = plimsoll(
        home.path(),
        &["portability", "-f", "good.yaml", "--on", "nowhere"],
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("could not read the record"),
        "{}",
        text(&output.stderr)
    );
}
