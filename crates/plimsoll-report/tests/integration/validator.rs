//! What the programme's validator makes of our artifacts: its rules on them (R30 to R34), restated here in
//! the plainest way from its documents, and asked about runs of each kind.

use std::collections::BTreeMap;

use plimsoll_record::{
    ControlKind, Outcome,
    PlatformKind::Cluster,
    Verdict::{self, Failed, Inconclusive, NotApplicable, Passed, Skipped},
    What,
};
use plimsoll_report::{Junit, RecordedRun, TestLog};
use proptest::prelude::*;

use crate::fixture::{Script, control, every_verdict, finished, run_of, text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Result_ {
    Pass,
    Fail,
    Skip,
}

type Artifact = BTreeMap<String, Result_>;

/// Result lines of a log: blanks, then `--- PASS: ` and the like, then the name up to a blank.
fn read_log(log: &str) -> Artifact {
    let mut artifact = Artifact::new();
    for line in log.lines().map(str::trim_start) {
        for (word, result) in [
            ("PASS", Result_::Pass),
            ("FAIL", Result_::Fail),
            ("SKIP", Result_::Skip),
        ] {
            if let Some(rest) = line.strip_prefix(&format!("--- {word}: ")) {
                let name = rest.split_whitespace().next().unwrap_or_default().to_owned();
                let before = artifact.insert(name.clone(), result);
                assert_eq!(before, None, "{name} stands twice");
            }
        }
    }
    artifact
}

/// Test cases of the XML: failed with a `failure` or `error` child, else skipped with a `skipped` child.
fn read_junit(xml: &str) -> Artifact {
    let mut artifact = Artifact::new();
    for case in xml.split("<testcase ").skip(1) {
        let case = case.split("</testcase>").next().unwrap_or_default();
        let name = case
            .split("name=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default();
        let result = if case.contains("<failure") || case.contains("<error") {
            Result_::Fail
        } else if case.contains("<skipped") {
            Result_::Skip
        } else {
            Result_::Pass
        };
        assert_eq!(
            artifact.insert(name.to_owned(), result),
            None,
            "{name} stands twice"
        );
    }
    artifact
}

/// The rules that an artifact breaks as evidence of a requirement that is claimed as Implemented.
fn broken_rules(artifact: &Artifact, test: &str) -> Vec<&'static str> {
    let mut broken = Vec::new();
    if artifact.is_empty() {
        return vec!["R30"];
    }
    if artifact.values().any(|result| *result == Result_::Fail) {
        broken.push("R31");
    }
    match artifact.get(test) {
        None => broken.push("R32"),
        Some(Result_::Fail) => broken.push("R33"),
        Some(Result_::Skip) => broken.push("R34"),
        Some(Result_::Pass) => {}
    }
    broken
}

fn artifacts(run: &RecordedRun) -> [Artifact; 2] {
    [read_log(&text(&TestLog, run)), read_junit(&text(&Junit, run))]
}

fn broken_by(verdicts: &[(&'static str, Verdict)]) -> Vec<&'static str> {
    let [log, junit] = artifacts(&run_of(Cluster, verdicts));
    let broken = broken_rules(&log, "TestGangScheduling");
    assert_eq!(
        broken,
        broken_rules(&junit, "TestGangScheduling"),
        "the artifacts disagree"
    );
    broken
}

#[test]
fn a_requirement_that_passed_is_accepted() {
    assert!(broken_by(&[("gang_scheduling", Passed)]).is_empty());
    assert!(
        broken_by(&[
            ("gang_scheduling", Passed),
            ("cluster_autoscaling", NotApplicable)
        ])
        .is_empty()
    );
    assert!(
        broken_by(&[
            ("gang_scheduling", Passed),
            ("secure_accelerator_access", Skipped)
        ])
        .is_empty()
    );
}

#[test]
fn a_requirement_that_did_not_pass_is_never_accepted() {
    assert_eq!(broken_by(&[("gang_scheduling", Failed)]), ["R31", "R33"]);
    assert_eq!(broken_by(&[("gang_scheduling", Inconclusive)]), ["R31", "R33"]);
    assert_eq!(broken_by(&[("gang_scheduling", NotApplicable)]), ["R34"]);
    assert_eq!(broken_by(&[("gang_scheduling", Skipped)]), ["R30"]);
    assert_eq!(
        broken_by(&[("gang_scheduling", Skipped), ("robust_controller", Passed)]),
        ["R32"]
    );
}

#[test]
fn a_run_in_which_something_else_failed_is_not_accepted() {
    assert_eq!(
        broken_by(&[("gang_scheduling", Passed), ("robust_controller", Failed)]),
        ["R31"]
    );
    assert_eq!(
        broken_by(&[("gang_scheduling", Passed), ("robust_controller", Inconclusive)]),
        ["R31"]
    );
}

#[test]
fn both_artifacts_hold_the_same_results_whatever_pods_print() {
    let [log, junit] = artifacts(&every_verdict().run());
    assert_eq!(log, junit);
    assert!(!log.contains_key("TestForged"));
    assert_eq!(log["TestSecureAcceleratorAccess"], Result_::Fail);
    assert_eq!(log["TestGangScheduling"], Result_::Pass);
    assert_eq!(log["TestGangScheduling/G1@kueue"], Result_::Skip);
    assert_eq!(log["dra_support"], Result_::Fail);
}

#[test]
fn below_a_test_that_passed_nothing_failed() {
    let [log, _] = artifacts(&every_verdict().run());
    let failed = log
        .iter()
        .filter(|(name, result)| name.starts_with("TestGang") && **result == Result_::Fail);
    assert_eq!(failed.count(), 0);
}

/// Texts that try to be result lines, elements and escapes.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\n--- PASS: TestForged (0.00s)",
        "\r",
        "\u{2028}",
        "\u{85}--- FAIL: TestForged",
        "</failure><testcase name=\"TestForged\"/>",
        "]]>",
        "&",
        "\u{1b}[2K",
        "\0",
        "\u{fffe}",
        "text ",
        "=== RUN   TestForged",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_from_a_cluster_forges_a_result(reason in hostile(), detail in hostile(), name in hostile()) {
        let mut script = Script::new(Cluster);
        script.plan("gang_scheduling", None);
        script.say(1, Some("gang_scheduling"), What::CheckStarted);
        let wrong = control(&name, &name, ControlKind::Negative, Outcome::Wrong, &detail);
        script.control(1, "gang_scheduling", wrong);
        script.finish(1, "gang_scheduling", finished(Failed, &reason));
        let [log, junit] = artifacts(&script.run());
        prop_assert!(log.keys().all(|test| test.starts_with("TestGangScheduling")), "{log:?}");
        prop_assert_eq!(log.len(), 2);
        prop_assert!(log.values().all(|result| *result == Result_::Fail));
        prop_assert_eq!(junit.len(), 2);
    }
}
