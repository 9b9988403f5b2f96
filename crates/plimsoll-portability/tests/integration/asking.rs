//! Asking a simulated platform itself.

use plimsoll_portability::{Verdict, answer, live};
use plimsoll_sim::{Faults, on_virtual_time, platform::PlatformSpec};

use super::manifests;

/// What a simulated platform answers.
fn asked(text: &str, platform: &str, trial: live::Trial) -> (Verdict, bool, String, usize) {
    let text = text.to_owned();
    let spec = PlatformSpec::preset(platform).unwrap();
    on_virtual_time(async || {
        let ground = plimsoll_calibrate::run_on(&spec, 1, &Faults::default())
            .await
            .unwrap();
        let manifests = manifests(&text);
        let run = plimsoll_calibrate::run_id(1);
        let asked = live::ask(&ground.platform, "sim", &manifests, run, trial)
            .await
            .unwrap();
        assert_eq!(asked.left, Vec::<String>::new(), "nothing is left behind");
        let left = plimsoll_platform::leftovers(&ground.platform).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
        let mut answers = answer(&manifests, &[asked.platform]);
        live::apply(&mut answers, 0, &asked.trials);
        ground.simulation.stop().await;
        let answer = &answers.answers[0];
        (
            answer.verdict,
            answer.certain,
            answer.reasons.join("; "),
            asked.trials.len(),
        )
    })
    .unwrap()
}

const POD: &str = "apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  restartPolicy: Never
  resourceClaims: [{name: c, resourceClaimTemplateName: t}]
  containers: [{name: m, image: 'registry.example/m:1', resources: {claims: [{name: c}]}}]
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: t}
spec: {spec: {devices: {requests: [{name: d, exactly: {deviceClassName: gpu.nvidia.com}}]}}}
";

#[test]
fn what_the_api_takes_runs_as_far_as_a_dry_run_shows() {
    let (verdict, certain, why, tried) = asked(POD, "minimal", live::Trial::DryRun);
    assert_eq!((verdict, certain, tried), (Verdict::Runs, true, 0), "{why}");
}

#[test]
fn what_the_api_refuses_does_not_run() {
    let bad = POD.replace("name: m, image", "name: M_, image");
    let (verdict, certain, why, _) = asked(&bad, "minimal", live::Trial::DryRun);
    assert_eq!((verdict, certain), (Verdict::DoesNotRun, true));
    assert!(why.contains("a dry run of Pod was refused"), "{why}");
}

#[test]
fn fields_that_are_dropped_without_a_word_are_told() {
    let job = "apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec:
  template:
    spec:
      restartPolicy: Never
      schedulingGroup: {podGroupName: g}
      containers: [{name: m, image: 'registry.example/m:1'}]
";
    let (verdict, _, why, _) = asked(job, "no-gang-scheduling", live::Trial::DryRun);
    assert_eq!(verdict, Verdict::DoesNotRun);
    assert!(why.contains("drops") && why.contains("schedulingGroup"), "{why}");
}

#[test]
fn a_trial_runs_what_should_run_and_takes_it_away_again() {
    let pod = POD.replace("registry.example/m:1", plimsoll_sim::PROBE_IMAGE);
    let (verdict, certain, why, tried) = asked(&pod, "minimal", live::Trial::Run);
    assert_eq!((verdict, certain, tried), (Verdict::Runs, true, 1), "{why}");
}

#[test]
fn a_trial_that_something_else_is_in_the_way_of_tells_nothing() {
    let (verdict, certain, why, tried) = asked(POD, "minimal", live::Trial::Run);
    assert_eq!((verdict, certain, tried), (Verdict::DoesNotRun, false, 1));
    assert!(
        why.starts_with("cannot tell: the trial did not get through"),
        "{why}"
    );
}

#[test]
fn what_waits_for_a_queue_elsewhere_is_not_waited_for() {
    let job = |labels: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, labels: {labels}}}\nspec:\n  suspend: true\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: m, image: '{}'}}]\n",
            plimsoll_sim::PROBE_IMAGE
        )
    };
    for (labels, word) in [
        ("{kueue.x-k8s.io/queue-name: team}", "LocalQueue `team`"),
        ("{}", "suspended"),
    ] {
        let (verdict, certain, why, tried) = asked(&job(labels), "minimal", live::Trial::Run);
        assert_eq!(
            (verdict, certain, tried),
            (Verdict::DoesNotRun, false, 1),
            "{why}"
        );
        assert!(why.contains(word), "{why}");
    }
}
