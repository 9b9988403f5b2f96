//! Each condition met, not yet met, and with nothing there; and what stands in the way.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;
use crate::wait::{Condition, Progress, Seen};

/// A pod in a state; what is not said is as in a new pod.
struct Made(Value);

fn pod(name: &str) -> Made {
    Made(json!({
        "metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}")},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Pending"},
    }))
}

impl Made {
    fn on(mut self, node: &str) -> Self {
        self.0["spec"]["nodeName"] = json!(node);
        self
    }

    fn phase(mut self, phase: &str) -> Self {
        self.0["status"]["phase"] = json!(phase);
        self
    }

    fn state(mut self, state: Value) -> Self {
        self.0["status"]["containerStatuses"] = json!([{"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": state}]);
        self
    }

    fn running(self) -> Self {
        self.on("w1").phase("Running").state(json!({"running": {}}))
    }

    fn condition(mut self, kind: &str, status: &str, reason: &str, message: &str) -> Self {
        let condition = json!({"type": kind, "status": status, "reason": reason, "message": message});
        match self.0["status"]["conditions"].as_array_mut() {
            Some(conditions) => conditions.push(condition),
            None => self.0["status"]["conditions"] = json!([condition]),
        }
        self
    }

    fn reason(mut self, reason: &str, message: &str) -> Self {
        self.0["status"]["reason"] = json!(reason);
        self.0["status"]["message"] = json!(message);
        self
    }

    fn deleted(mut self) -> Self {
        self.0["metadata"]["deletionTimestamp"] = json!("2026-10-01T00:00:00Z");
        self
    }

    fn make(self) -> Pod {
        serde_json::from_value(self.0).unwrap()
    }
}

fn seen(pods: impl IntoIterator<Item = Made>) -> Seen<Pod> {
    pods.into_iter().map(Made::make).collect()
}

fn kind(progress: &Progress) -> &'static str {
    match progress {
        Progress::Met => "met",
        Progress::NotYet(_) => "not yet",
        Progress::Never(_) => "never",
        Progress::Obstructed(_) => "obstructed",
    }
}

fn text(progress: Progress) -> String {
    match progress {
        Progress::Met => String::new(),
        Progress::NotYet(why) | Progress::Never(why) | Progress::Obstructed(why) => why,
    }
}

#[test]
fn each_condition_is_met_not_yet_and_missing() {
    let done = pod("p")
        .on("w1")
        .phase("Succeeded")
        .state(json!({"terminated": {"exitCode": 0}}));
    let error = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    let failed = pod("p").on("w1").phase("Failed").state(error);
    let ready = pod("p").running().condition("Ready", "True", "", "");
    let states = [
        seen([]),
        seen([pod("p")]),
        seen([pod("p").on("w1")]),
        seen([pod("p").running()]),
        seen([ready]),
        seen([done]),
        seen([failed]),
    ];
    // A column for each state; `.` not yet, `M` met, `N` never, `O` obstructed.
    for (condition, wanted) in [
        (bound(), "..MMMMM"),
        (started(), "...MMMM"),
        (running(), "...MMON"),
        (super::ready(), "....MON"),
        (succeeded(), ".....MN"),
        (finished(), ".....MM"),
    ] {
        let got: String = states
            .iter()
            .map(|seen| letter(&condition.progress(seen)))
            .collect();
        assert_eq!(got, wanted, "{}", condition.describe());
    }
}

fn letter(progress: &Progress) -> char {
    match progress {
        Progress::Met => 'M',
        Progress::NotYet(_) => '.',
        Progress::Never(_) => 'N',
        Progress::Obstructed(_) => 'O',
    }
}

#[test]
fn all_must_meet_it_and_enough_must_be_there() {
    let two = || [pod("a").running(), pod("b").running()];
    assert_eq!(running().count(2).progress(&seen(two())), Progress::Met);
    assert_eq!(
        text(running().count(3).progress(&seen(two()))),
        "2 of 3 pods are there"
    );
    let mixed = seen([pod("a").running(), pod("b")]);
    assert_eq!(
        text(running().count(2).progress(&mixed)),
        "pod `b`: no scheduler has considered it yet"
    );
}

#[test]
fn every_container_of_a_pod_counts() {
    let mut two = pod("p").running();
    two.0["spec"]["containers"] = json!([{"name": "c"}, {"name": "d"}]);
    assert_eq!(kind(&running().progress(&seen([two]))), "not yet");
}

#[test]
fn an_image_that_can_not_be_pulled_obstructs_and_is_quoted() {
    for reason in [
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
    ] {
        let pod = pod("p")
            .on("w1")
            .state(json!({"waiting": {"reason": reason, "message": "connection refused"}}));
        let progress = running().progress(&seen([pod]));
        assert_eq!(kind(&progress), "obstructed");
        assert_eq!(
            text(progress),
            format!("container `c` of pod `p` can't start: {reason}: connection refused")
        );
    }
}

#[test]
fn a_container_that_the_runtime_can_not_make_is_the_platforms_affair() {
    let message = "failed to inject CDI devices: unresolvable CDI devices nvidia.com/gpu=x";
    let pod = pod("p")
        .on("w1")
        .state(json!({"waiting": {"reason": "CreateContainerError", "message": message}}));
    let progress = running().progress(&seen([pod]));
    assert_eq!(kind(&progress), "not yet");
    assert!(text(progress).contains(message));
}

#[test]
fn evictions_preemptions_and_deletions_by_others_obstruct() {
    for (pod, quoted) in [
        (pod("p").running().deleted(), "is being deleted by somebody else"),
        (
            pod("p")
                .on("w1")
                .phase("Failed")
                .reason("Evicted", "low on memory"),
            "Evicted: low on memory",
        ),
        (
            pod("p").on("w1").phase("Failed").reason("OutOfcpu", "full"),
            "OutOfcpu",
        ),
        (
            pod("p").running().deleted().condition(
                "DisruptionTarget",
                "True",
                "PreemptionByScheduler",
                "by q",
            ),
            "PreemptionByScheduler: by q",
        ),
        (
            pod("p").on("w1").phase("Failed").condition(
                "DisruptionTarget",
                "True",
                "DeletionByTaintManager",
                "",
            ),
            "DeletionByTaintManager",
        ),
    ] {
        for condition in [running(), ready(), bound()] {
            let progress = condition.progress(&seen([Made(pod.0.clone())]));
            let bound_and_staying = condition == bound() && pod.0["metadata"]["deletionTimestamp"].is_null();
            if !bound_and_staying {
                assert_eq!(kind(&progress), "obstructed", "{} {quoted}", condition.describe());
                assert!(text(progress).contains(quoted), "{quoted}");
            }
        }
    }
}

#[test]
fn a_pod_that_was_there_and_is_not_any_more_obstructs_by_name() {
    let mut seen = seen([]);
    seen.departed.push(pod("p").make());
    assert_eq!(
        text(running().progress(&seen)),
        "pod `p` was deleted by somebody else"
    );
    assert_eq!(kind(&pending_because("x").progress(&seen)), "obstructed");
}

#[test]
fn a_device_plugins_refusal_is_the_platforms_affair() {
    let refused = pod("p")
        .on("w1")
        .phase("Failed")
        .reason("UnexpectedAdmissionError", "Allocate failed");
    let progress = running().progress(&seen([refused]));
    assert_eq!(kind(&progress), "never");
    assert!(text(progress).contains("UnexpectedAdmissionError: Allocate failed"));
}

#[test]
fn pending_because_is_met_by_the_reason_and_ended_by_a_node() {
    let refused = |message| pod("p").condition("PodScheduled", "False", "Unschedulable", message);
    let condition = pending_because("cannot allocate all claims");
    let claims = "0/2 nodes are available: 2 cannot allocate all claims.";
    assert_eq!(condition.progress(&seen([refused(claims)])), Progress::Met);
    assert_eq!(
        kind(&condition.progress(&seen([refused("0/2 nodes are available: 2 Insufficient cpu.")]))),
        "not yet"
    );
    assert_eq!(kind(&condition.progress(&seen([pod("p")]))), "not yet");
    assert_eq!(kind(&condition.progress(&seen([]))), "not yet");
    assert_eq!(
        pending_because("Unschedulable").progress(&seen([refused("")])),
        Progress::Met
    );
    let progress = condition.progress(&seen([pod("p").on("w1")]));
    assert_eq!(progress, Progress::Never("pod `p` was bound to node `w1`".into()));
}

#[test]
fn gone_is_about_the_uid() {
    assert_eq!(
        Condition::<Pod>::progress(&gone("uid-p"), &seen([])),
        Progress::Met
    );
    assert_eq!(
        gone("uid-of-the-first").progress(&seen([pod("p")])),
        Progress::Met
    );
    assert_eq!(
        text(gone("uid-p").progress(&seen([pod("p")]))),
        "`p` is still there and nobody deletes it"
    );
    let mut held = pod("p").deleted();
    held.0["metadata"]["finalizers"] = json!(["example.com/hold"]);
    assert_eq!(
        text(gone("uid-p").progress(&seen([held]))),
        "`p` is still being deleted; its finalizers: example.com/hold"
    );
}

fn event(reason: &str, message: &str) -> EventNote {
    EventNote {
        reason: reason.into(),
        message: message.into(),
        reporting_component: "kubelet".into(),
        at: None,
        count: 1,
        warning: true,
    }
}

#[test]
fn trouble_tells_surroundings_from_the_platforms_own_account() {
    let waiting = pod("p").on("w1").make();
    let of = |reason, message| trouble(&waiting, &[event(reason, message)]).map(|trouble| trouble.obstructs);
    assert_eq!(of("FailedCreatePodSandBox", "cni: no address"), Some(true));
    assert_eq!(
        of("FailedPrepareDynamicResources", "driver not registered"),
        Some(false)
    );
    assert_eq!(
        of(
            "FailedScheduling",
            "0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods. x"
        ),
        Some(true)
    );
    assert_eq!(
        of(
            "FailedScheduling",
            "0/2 nodes are available: 1 Insufficient cpu, 1 cannot allocate."
        ),
        Some(false)
    );
    assert_eq!(of("FailedScheduling", ""), Some(false));
    assert_eq!(of("Failed", "Failed to pull image \"x\": not found"), Some(true));
    assert_eq!(of("SomethingElse", ""), None);
    assert_eq!(trouble(&waiting, &[]), None);
}
