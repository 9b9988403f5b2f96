//! The page: what it says, that nothing leaves it, and how large it gets.

use plimsoll_record::{ControlKind, Outcome, PlatformKind, Verdict, What};
use plimsoll_report::Html;
use serde_json::json;

use crate::fixture::{Script, control, every_verdict, finished, run_of, text};

fn page(script: &Script) -> String {
    text(&Html, &script.run())
}

#[test]
fn each_requirement_has_its_verdict_its_reason_and_its_controls() {
    let page = page(&every_verdict());
    for words in [
        "id=\"gang_scheduling\"",
        "id=\"secure_accelerator_access\"",
        "all 2 controls came out right",
        "X3: pod `holder-1` opened /dev/nvidia1, which is not its own",
        "check the device cgroup rules",
        "no member of the gang of 8 was bound for 11 s",
        "must be refused",
        "created Workload <code>plimsoll-r7k2m/gang-a</code>",
        "declared in plimsoll.toml: bare metal, no autoscaler is shipped",
        "not named by --only",
        "Left behind on the platform: ",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(
        !page.contains(" id=\"pod_autoscaling\""),
        "a requirement that was not selected has no section"
    );
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let page = page(&every_verdict());
    for part in ["src=", "href=\"http", "url(", "@import", "<link"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn what_a_pod_prints_stays_text() {
    let page = page(&every_verdict());
    assert_eq!(page.matches("<script>").count(), 1, "only the page's own");
    assert!(page.contains("&lt;script&gt;"));
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn the_verdict_stands_at_the_top() {
    for (verdict, word) in [
        (
            Verdict::Passed,
            "<p class=\"word\">Passed</p><p class=\"rest\">1 of 1 MUST of 1.36</p>",
        ),
        (
            Verdict::Failed,
            "<p class=\"word\">Failed</p><p class=\"rest\">1 of 1 MUST of 1.36</p>",
        ),
        (Verdict::Inconclusive, "<p class=\"word\">Cannot tell</p>"),
    ] {
        let page = text(
            &Html,
            &run_of(PlatformKind::Cluster, &[("gang_scheduling", verdict)]),
        );
        assert!(page.contains(word), "{verdict}");
    }
}

#[test]
fn a_run_that_was_killed_says_so() {
    let mut script = Script::new(PlatformKind::Cluster);
    script.plan("gang_scheduling", None);
    script.say(1500, Some("gang_scheduling"), What::CheckStarted);
    assert!(page(&script).contains("<strong>Interrupted. </strong>The run ended 1.5 s after it began"));
    assert!(!page(&every_verdict()).contains("Interrupted. "));
}

#[test]
fn the_survey_is_drawn_with_every_device() {
    let mut script = Script::new(PlatformKind::Cluster);
    let inventory = json!({
        "nodes": [{"name": "a", "kubelet": "v1.36.3"}, {"name": "b", "ready": false}],
        "accelerators": [{"node": "a", "path": "dra/gpu.nvidia.com", "total": 2, "free": 1, "devices": [
            {"name": "gpu-0", "allocated": true, "attributes": {"gpu.nvidia.com/productName": "H100", "gpu.nvidia.com/numaNode": 1}},
            {"name": "gpu-1", "tainted": true},
        ]}, {"node": "b", "path": "device-plugin/amd.com/gpu", "total": 3, "free": 2, "devices": []}],
        "operators": [{"name": "kueue", "version": "v0.14.1"}],
    });
    script.say(1, None, What::PlatformSurveyed { inventory });
    script.plan("gang_scheduling", None);
    let page = page(&script);
    for part in [
        "2 nodes, 5 accelerators",
        "title=\"gpu-0, in use\"",
        "title=\"gpu-1, tainted\"",
        "NUMA 1",
        "H100",
        "not ready",
        "kueue v0.14.1",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("class=\"chip\"").count(), 2);
    assert_eq!(page.matches("class=\"chip used\"").count(), 1);
}

#[test]
fn a_survey_of_any_shape_is_no_fault() {
    for inventory in [
        json!(null),
        json!([]),
        json!({"nodes": 3}),
        json!({"nodes": [null, 1, {}], "accelerators": [null, {"total": -1, "devices": [null]}], "operators": [[]]}),
        json!({"nodes": [{"name": "a"}], "accelerators": [{"node": "a", "total": u64::MAX, "free": u64::MAX}]}),
    ] {
        let mut script = Script::new(PlatformKind::Cluster);
        script.say(1, None, What::PlatformSurveyed { inventory });
        page(&script);
    }
}

#[test]
fn gangs_and_series_are_drawn() {
    let mut script = Script::new(PlatformKind::Cluster);
    script.plan("gang_scheduling", None);
    script.say(1, Some("gang_scheduling"), What::CheckStarted);
    let members =
        json!({"whole": {"a": {"bound_ms": 10, "ended_ms": 900}, "b": {"bound_ms": 10, "ended_ms": 900}}});
    script.say(
        1,
        Some("gang_scheduling"),
        What::Observed {
            source: "watch of pods".to_owned(),
            fact: json!({"timeline": {"members": members}}),
        },
    );
    let samples: Vec<_> = (0..9)
        .map(|at| json!({"at_ms": at * 1000, "load": 80, "utilisation": 70 + at}))
        .collect();
    script.say(
        1,
        Some("gang_scheduling"),
        What::Observed {
            source: "exporter".to_owned(),
            fact: json!({"device": "gpu-0", "samples": samples}),
        },
    );
    let page = page(&script);
    assert_eq!(page.matches("<figure>").count(), 2);
    assert!(page.contains("whole: 2 of 2 members bound after 10 ms, 0 ms apart."));
    assert!(page.contains("utilisation: from 70 to 78."));
}

#[test]
fn the_page_of_a_very_large_run_is_still_one_to_open() {
    let mut script = Script::new(PlatformKind::Cluster);
    let ids = [
        "gang_scheduling",
        "secure_accelerator_access",
        "dra_support",
        "cluster_autoscaling",
        "pod_autoscaling",
    ];
    for id in ids {
        script.plan(id, None);
    }
    let large = json!({"opened": "x".repeat(40_000)});
    for id in ids {
        script.say(1, Some(id), What::CheckStarted);
        for number in 0..60 {
            script.say(
                1,
                Some(id),
                What::Observed {
                    source: format!("probe {number}"),
                    fact: large.clone(),
                },
            );
            script.say(
                1,
                Some(id),
                What::ObjectCreated {
                    kind: "Pod".to_owned(),
                    namespace: Some("plimsoll-r7k2m".to_owned()),
                    name: format!("pod-{number}"),
                },
            );
            let detail = "what was seen, in a sentence as long as they usually are; ".repeat(3);
            script.control(
                1,
                id,
                control("dra", "X1", ControlKind::Positive, Outcome::Right, &detail),
            );
        }
        script.finish(1, id, finished(Verdict::Passed, "all came out right"));
    }
    let page = page(&script);
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert!(page.contains("more bytes of it are in <code>record.jsonl</code>"));
}
