//! Two runs side by side.

use plimsoll_record::{
    ControlKind, Outcome,
    PlatformKind::{Cluster, Lab},
    Verdict::{self, Failed, Inconclusive, Passed, Skipped},
    What,
};
use plimsoll_report::{Comparison, ComparisonDocument, ComparisonText, RecordedRun, comparison_schema};
use serde_json::{Value, json};

use crate::fixture::{Script, control, every_verdict, finished, run_of};

fn compare(before: &[(&'static str, Verdict)], after: &[(&'static str, Verdict)]) -> Comparison {
    Comparison::of(&run_of(Cluster, before), &run_of(Cluster, after))
}

fn text(comparison: &Comparison) -> String {
    let mut out = Vec::new();
    ComparisonText::default()
        .write(comparison, &mut out)
        .expect("memory takes everything");
    String::from_utf8(out).expect("it is UTF-8")
}

#[test]
fn a_run_compared_with_itself_has_no_difference() {
    let run = every_verdict().run();
    let comparison = Comparison::of(&run, &run);
    assert!(
        comparison.regressions.is_empty()
            && comparison.improvements.is_empty()
            && comparison.changes.is_empty()
    );
    assert_eq!(comparison.exit_code(), 0);
    assert!(text(&comparison).ends_with("\nnothing got worse\n"));
}

#[test]
fn what_got_worse_comes_first_and_decides() {
    let comparison = compare(
        &[
            ("dra_support", Passed),
            ("gang_scheduling", Passed),
            ("pod_autoscaling", Failed),
        ],
        &[
            ("dra_support", Failed),
            ("gang_scheduling", Failed),
            ("pod_autoscaling", Passed),
        ],
    );
    let ids: Vec<&str> = comparison
        .regressions
        .iter()
        .map(|difference| difference.requirement.as_str())
        .collect();
    assert_eq!(ids, ["gang_scheduling", "dra_support"], "a MUST before a pillar");
    assert_eq!(comparison.improvements.len(), 1);
    assert_eq!(comparison.exit_code(), 1);
    let text = text(&comparison);
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} in {text}"));
    assert!(place("worse (2)") < place("better (1)"));
    assert!(text.contains("gang_scheduling (MUST): passed → failed"), "{text}");
}

#[test]
fn what_cannot_be_told_any_more_is_neither_sound_nor_a_failure() {
    assert_eq!(
        compare(
            &[("gang_scheduling", Passed)],
            &[("gang_scheduling", Inconclusive)]
        )
        .exit_code(),
        2
    );
    let unasked = compare(&[("gang_scheduling", Passed)], &[("gang_scheduling", Skipped)]);
    assert_eq!(unasked.exit_code(), 2);
    assert!(text(&unasked).contains("not asked again, though it had passed: gang_scheduling"));
    assert_eq!(
        compare(
            &[("gang_scheduling", Failed)],
            &[("gang_scheduling", Inconclusive)]
        )
        .exit_code(),
        0
    );
    assert_eq!(
        compare(&[("gang_scheduling", Skipped)], &[("gang_scheduling", Passed)]).exit_code(),
        0
    );
}

fn with_control(outcome: Outcome) -> RecordedRun {
    let id = "gang_scheduling";
    let mut script = Script::new(Cluster);
    script.plan(id, None);
    script.say(1, Some(id), What::CheckStarted);
    script.control(
        1,
        id,
        control("native", "G1", ControlKind::Positive, Outcome::Right, "worked"),
    );
    script.control(
        1,
        id,
        control("kueue", "G2", ControlKind::Negative, outcome, "two of four ran"),
    );
    script.finish(1, id, finished(Passed, "all 1 controls came out right"));
    script.say(1, None, What::RunFinished);
    script.run()
}

#[test]
fn a_control_that_does_not_decide_is_told_all_the_same() {
    let comparison = Comparison::of(&with_control(Outcome::Right), &with_control(Outcome::Wrong));
    assert_eq!(comparison.exit_code(), 1);
    assert!(
        text(&comparison)
            .contains("gang_scheduling (MUST) G2 on kueue: right → wrong\n      two of four ran")
    );
    let back = Comparison::of(&with_control(Outcome::Wrong), &with_control(Outcome::Right));
    assert_eq!((back.exit_code(), back.improvements.len()), (0, 1));
}

fn surveyed(inventory: Value) -> RecordedRun {
    let mut script = Script::new(Lab);
    script.say(1, None, What::PlatformSurveyed { inventory });
    script.run()
}

#[test]
fn facts_are_counted_so_that_other_node_names_are_no_other_platform() {
    let platform = |prefix: &str, driver: &str, kueue: &str| {
        let node =
            |number: u32| json!({"name": format!("{prefix}-{number}"), "ready": true, "kubelet": "v1.36.3"});
        let devices = |node: u32| {
            json!({"node": format!("{prefix}-{node}"), "path": "dra/gpu.nvidia.com", "total": 1, "devices": [
                {"name": "gpu-0", "attributes": {"gpu.nvidia.com/driverVersion": driver}},
            ]})
        };
        surveyed(json!({
            "nodes": [node(1), node(2)], "accelerators": [devices(1), devices(2)],
            "operators": [{"name": "kueue", "version": kueue}], "dra_versions": ["v1"],
        }))
    };
    let old = platform("a", "580.95.5", "v0.14.1");
    assert!(
        Comparison::of(&old, &platform("b", "580.95.5", "v0.14.1"))
            .changes
            .is_empty()
    );
    let changes = Comparison::of(&old, &platform("b", "590.1.0", "v0.15.0")).changes;
    let told: Vec<(&str, Option<&str>, Option<&str>)> = changes
        .iter()
        .map(|change| {
            (
                change.fact.as_str(),
                change.before.as_deref(),
                change.after.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "driver dra/gpu.nvidia.com",
                Some("580.95.5 ×2"),
                Some("590.1.0 ×2")
            ),
            ("operator kueue", Some("v0.14.1"), Some("v0.15.0")),
        ]
    );
}

#[test]
fn a_survey_of_any_shape_is_no_fault() {
    for inventory in [
        json!(null),
        json!({"nodes": 1}),
        json!({"nodes": [null], "accelerators": [{}], "operators": [3]}),
    ] {
        let comparison = Comparison::of(&surveyed(inventory), &surveyed(json!({"nodes": [{}]})));
        assert_eq!(comparison.exit_code(), 0);
    }
}

#[test]
fn the_published_schema_is_the_one_the_types_have() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/comparison.v1.schema.json"
    );
    let generated = format!("{:#}\n", comparison_schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, generated,
        "run this test with UPDATE_SCHEMAS=1 and look at what changed"
    );
    let comparison = Comparison::of(&with_control(Outcome::Right), &every_verdict().run());
    let document = serde_json::to_value(ComparisonDocument::of(&comparison)).unwrap();
    let validator = jsonschema::draft202012::new(&comparison_schema()).unwrap();
    assert!(validator.is_valid(&document), "{document}");
}
