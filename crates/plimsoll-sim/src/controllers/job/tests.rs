use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use plimsoll_apiserver::{DeleteOptions, Object, Propagation, resources};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    creation, member,
    plan::{self, Setbacks},
    tally::{Ended, Tally},
};
use crate::controllers::{
    facts::{condition, meta},
    stand::{Stand, template},
};

fn job(ends: &str, spec: Value) -> Value {
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train", "namespace": "default"},
        "spec": {"backoffLimit": 6, "parallelism": 1, "completions": 1, "manualSelector": true, "completionMode": "NonIndexed",
            "suspend": false, "podReplacementPolicy": "TerminatingOrFailed",
            "selector": {"matchLabels": {"app": "train"}}, "template": template("train", Some(ends))}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        job["spec"][field] = value.clone();
    }
    job
}

/// A template whose pods don't end by themselves.
fn endless() -> Value {
    let mut template = template("train", None);
    template["spec"]["restartPolicy"] = json!("Never");
    template
}

fn told(stand: &Stand) -> Object {
    stand.get(&resources::JOBS, "default", "train").unwrap()
}

fn reasons(stand: &Stand) -> Vec<String> {
    stand
        .events("default", "train")
        .into_iter()
        .map(|(reason, _)| reason)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_completes_when_enough_pods_have_succeeded() {
    let stand = Stand::new();
    stand
        .create(job("Succeeded", json!({"completions": 5, "parallelism": 2})))
        .await;
    stand.pass(20).await;
    let told = told(&stand);
    assert_eq!(told["status"]["succeeded"], 5);
    assert_eq!(told["status"]["ready"], 0);
    assert_eq!(told["status"]["terminating"], 0);
    assert_eq!(told["status"]["uncountedTerminatedPods"], json!({}));
    assert!(told["status"].get("active").is_none());
    assert!(told["status"]["completionTime"].is_string());
    let kinds: Vec<&Value> = meta::items(&told["status"]["conditions"])
        .iter()
        .map(|own| &own["type"])
        .collect();
    assert_eq!(kinds, ["SuccessCriteriaMet", "Complete"]);
    assert_eq!(told["status"]["conditions"][1]["reason"], "CompletionsReached");
    let pods = stand.pods("default");
    assert_eq!(pods.len(), 5);
    assert!(pods.iter().all(|pod| !member::tracked(pod)));
    assert_eq!(reasons(&stand).last().map(String::as_str), Some("Completed"));
}

#[tokio::test(start_paused = true)]
async fn each_pod_of_an_indexed_job_knows_its_index() {
    let stand = Stand::new();
    stand
        .create(job(
            "Succeeded",
            json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed"}),
        ))
        .await;
    stand.pass_ms(500).await;
    let mut pods = stand.pods("default");
    pods.sort_by_key(|pod| member::index(pod));
    assert_eq!(pods.len(), 3);
    for (index, pod) in pods.iter().enumerate() {
        assert_eq!(
            meta::annotation(pod, member::INDEX),
            Some(index.to_string().as_str())
        );
        assert_eq!(pod["spec"]["hostname"], format!("train-{index}"));
        assert_eq!(
            pod["spec"]["containers"][0]["env"][0]["name"],
            "JOB_COMPLETION_INDEX"
        );
        assert!(meta::name(pod).starts_with(&format!("train-{index}-")));
    }
    stand.pass(5).await;
    assert_eq!(told(&stand)["status"]["completedIndexes"], "0-2");
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_with_growing_pauses_until_the_limit() {
    let stand = Stand::new();
    stand.create(job("Failed", json!({"backoffLimit": 2}))).await;
    stand.pass(15).await;
    assert_eq!(
        stand.pods("default").len(),
        2,
        "ten seconds after the first failure"
    );
    stand.pass(60).await;
    let told = told(&stand);
    assert_eq!(told["status"]["failed"], 3);
    let kinds: Vec<&Value> = meta::items(&told["status"]["conditions"])
        .iter()
        .map(|own| &own["type"])
        .collect();
    assert_eq!(kinds, ["FailureTarget", "Failed"]);
    assert_eq!(told["status"]["conditions"][1]["reason"], "BackoffLimitExceeded");
    assert_eq!(
        reasons(&stand).last().map(String::as_str),
        Some("BackoffLimitExceeded")
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspended_job_has_no_pods_until_it_is_resumed() {
    let stand = Stand::new();
    stand.create(job("Succeeded", json!({"suspend": true}))).await;
    stand.pass(1).await;
    assert!(stand.pods("default").is_empty());
    assert!(condition::is_true(
        &told(&stand)["status"]["conditions"],
        "Suspended"
    ));
    assert!(told(&stand)["status"].get("startTime").is_none());
    stand
        .merge(
            &resources::JOBS,
            "default",
            "train",
            json!({"spec": {"suspend": false}}),
        )
        .await;
    stand.pass(5).await;
    assert!(condition::is_true(
        &told(&stand)["status"]["conditions"],
        "Complete"
    ));
    assert_eq!(
        reasons(&stand),
        ["Suspended", "SuccessfulCreate", "Resumed", "Completed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_job_with_all_its_pods() {
    let stand = Stand::new();
    stand
        .create(job(
            "Succeeded",
            json!({"activeDeadlineSeconds": 10, "parallelism": 2, "completions": 2,
        "template": endless()}),
        ))
        .await;
    stand.pass(5).await;
    assert_eq!(told(&stand)["status"]["active"], 2);
    stand.pass(10).await;
    let told = told(&stand);
    assert_eq!(
        condition::find(&told["status"]["conditions"], "Failed").unwrap()["reason"],
        "DeadlineExceeded"
    );
    assert_eq!(told["status"]["failed"], 2);
    assert!(stand.pods("default").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_index_that_fails_too_often_fails_alone() {
    let stand = Stand::new();
    stand
        .create(job(
            "Failed",
            json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed",
        "backoffLimitPerIndex": 1, "backoffLimit": 1000}),
        ))
        .await;
    stand.pass(60).await;
    let told = told(&stand);
    assert_eq!(told["status"]["failedIndexes"], "0,1");
    assert_eq!(told["status"]["failed"], 4);
    assert_eq!(
        condition::find(&told["status"]["conditions"], "Failed").unwrap()["reason"],
        "FailedIndexes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_finished_job_goes_when_its_time_is_up_and_a_deleted_one_takes_its_pods_along() {
    let stand = Stand::new();
    stand
        .create(job("Succeeded", json!({"ttlSecondsAfterFinished": 30})))
        .await;
    stand.pass(10).await;
    assert!(stand.get(&resources::JOBS, "default", "train").is_some());
    stand.pass(30).await;
    assert!(stand.get(&resources::JOBS, "default", "train").is_none());
    assert!(stand.pods("default").is_empty());
    stand
        .create(job(
            "Succeeded",
            json!({"parallelism": 2, "completions": 2, "template": endless()}),
        ))
        .await;
    stand.pass(2).await;
    let background = DeleteOptions {
        propagation: Some(Propagation::Background),
        ..DeleteOptions::default()
    };
    stand
        .delete(&resources::JOBS, "default", "train", background)
        .await;
    stand.pass(5).await;
    assert!(stand.pods("default").is_empty());
}

/// What happens to a pod of the model, or to a write.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Succeed(usize),
    Fail(usize),
    Delete(usize),
    /// The controller stops between its writes.
    Interrupt,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    proptest::collection::vec(
        prop_oneof![
            6 => (0..4_usize).prop_map(Happening::Succeed),
            2 => (0..4_usize).prop_map(Happening::Fail),
            1 => (0..4_usize).prop_map(Happening::Delete),
            1 => Just(Happening::Interrupt),
        ],
        0..60,
    )
}

/// A Job and its pods without a server: the same decisions, carried out on the spot.
struct Model {
    job: Value,
    pods: Vec<Value>,
    made: usize,
    /// How often each index was counted as completed: by hand, from the pods let go as succeeded.
    released: Vec<Value>,
    interrupt: bool,
}

impl Model {
    fn look(&mut self, now: Timestamp) {
        if super::tally::is_finished(&self.job) {
            return;
        }
        let pods: Vec<Object> = self.pods.iter().cloned().map(Arc::new).collect();
        let mut tally = Tally::of(&self.job);
        let mut outcome = plan::outcome(&self.job, &tally, &pods, now);
        let moves = plan::moves(&self.job, &tally, &pods, Setbacks::default(), now);
        let mut active = pods
            .iter()
            .filter(|pod| crate::controllers::facts::pod::active(pod))
            .count();
        if outcome.is_none() {
            for pod in &moves.delete {
                self.pods.retain(|own| meta::uid(own) != meta::uid(pod));
                active -= 1;
            }
            for index in &moves.create {
                let mut pod = creation::pod(&self.job, &tally, &pods, *index);
                self.made += 1;
                pod["metadata"]["uid"] = json!(format!("u{}", self.made));
                pod["metadata"]["name"] = pod["metadata"]["uid"].clone();
                self.pods.push(pod);
                active += 1;
            }
            outcome = plan::completed(&self.job, tally.successes(&self.job, &pods), active as i64);
        }
        let mut held: BTreeSet<String> = pods
            .iter()
            .filter(|pod| member::tracked(pod))
            .map(|pod| meta::uid(pod).to_owned())
            .collect();
        tally.settle(&held);
        let to_go: Vec<Object> = tally
            .note(
                &self.job,
                &pods,
                outcome.as_ref().map(|outcome| outcome.ended),
                &BTreeSet::new(),
            )
            .into_iter()
            .cloned()
            .collect();
        self.job["status"] = tally.to_json();
        for (at, pod) in to_go.iter().enumerate() {
            if std::mem::take(&mut self.interrupt) && at > 0 {
                return;
            }
            held.remove(meta::uid(pod));
            if let Some(own) = self.pods.iter_mut().find(|own| meta::uid(own) == meta::uid(pod)) {
                own["metadata"]["finalizers"] = json!([]);
                self.released.push(own.clone());
            }
            self.pods
                .retain(|own| meta::uid(own) != meta::uid(pod) || !meta::deleting(own));
        }
        if std::mem::take(&mut self.interrupt) {
            return;
        }
        tally.settle(&held);
        if outcome.is_some_and(|outcome| outcome.ended == Ended::Well) && tally.is_settled() {
            tally.set("Complete", true, "", "", "");
        }
        self.job["status"] = tally.to_json();
    }

    fn happen(&mut self, happening: Happening) {
        let at = |pods: &mut Vec<Value>, which: usize| {
            let running: Vec<usize> = (0..pods.len())
                .filter(|at| {
                    !matches!(
                        pods[*at]["status"]["phase"].as_str(),
                        Some("Succeeded" | "Failed")
                    )
                })
                .collect();
            running.get(which).copied()
        };
        match happening {
            Happening::Succeed(which) | Happening::Fail(which) => {
                if let Some(at) = at(&mut self.pods, which) {
                    let phase = if matches!(happening, Happening::Succeed(_)) {
                        "Succeeded"
                    } else {
                        "Failed"
                    };
                    self.pods[at]["status"] = json!({"phase": phase});
                }
            }
            Happening::Delete(which) => {
                if let Some(at) = at(&mut self.pods, which) {
                    self.pods[at]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                }
            }
            Happening::Interrupt => self.interrupt = true,
        }
    }
}

proptest! {
    #[test]
    fn every_pod_is_counted_once_and_every_index_completed_once(
        indexed in any::<bool>(), completions in 1..8_i64, parallelism in 1..5_i64, happenings in happenings(),
    ) {
        let mode = if indexed { "Indexed" } else { "NonIndexed" };
        let mut job = job("Succeeded", json!({"completions": completions, "parallelism": parallelism,
            "completionMode": mode, "backoffLimit": 1000}));
        job["metadata"]["uid"] = json!("j");
        let mut model = Model { job, pods: Vec::new(), made: 0, released: Vec::new(), interrupt: false };
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for happening in happenings.into_iter().chain(std::iter::repeat_n(Happening::Succeed(0), 20)) {
            model.look(now);
            model.happen(happening);
            let at_work: Vec<i64> = model
                .pods
                .iter()
                .filter(|pod| crate::controllers::facts::pod::active(pod))
                .filter_map(member::index)
                .collect();
            let distinct: BTreeSet<i64> = at_work.iter().copied().collect();
            prop_assert_eq!(at_work.len(), distinct.len(), "two pods of one index at work");
        }
        model.look(now);
        model.look(now);
        let status = &model.job["status"];
        prop_assert!(condition::is_true(&status["conditions"], "Complete"), "{}", status);
        let ended = |phase: &str| {
            model.released.iter().filter(|pod| pod["status"]["phase"] == phase).count() as i64
        };
        if indexed {
            prop_assert_eq!(status["completedIndexes"].as_str().unwrap(),
                (0..completions).collect::<super::indexes::Indexes>().to_string());
            prop_assert_eq!(&status["succeeded"], completions);
        } else {
            prop_assert_eq!(&status["succeeded"], ended("Succeeded"));
            prop_assert!(ended("Succeeded") >= completions);
        }
        let failed = model.released.iter().filter(|pod| pod["status"]["phase"] != "Succeeded").count() as i64;
        prop_assert_eq!(meta::number(&status["failed"], 0), failed);
    }
}
