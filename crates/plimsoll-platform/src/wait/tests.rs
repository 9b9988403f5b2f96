//! How waits end, against a server that fails, forgets and lags.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::{
    fake::{Answer, Fake},
    pods,
};

const PATH: &str = "/api/v1/namespaces/n/configmaps/a";

fn map(state: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "n", "labels": {"app": "x"}},
        "data": {"state": state},
    })
}

fn state(map: &ConfigMap) -> &str {
    map.data
        .as_ref()
        .and_then(|data| data.get("state"))
        .map(String::as_str)
        .unwrap_or_default()
}

fn maps(fake: &Fake) -> Watched<ConfigMap> {
    Watched::one(Api::namespaced(fake.client(), "n"), "a")
}

fn is(wanted: &'static str) -> impl Condition<ConfigMap> {
    let condition = move |seen: &Seen<ConfigMap>| match seen.one() {
        None => Progress::NotYet("it is not there".to_owned()),
        Some(map) if state(map) == wanted => Progress::Met,
        Some(map) if state(map) == "broken" => Progress::Never("it is broken".to_owned()),
        Some(map) if state(map) == "obstructed" => Progress::Obstructed("something is in the way".to_owned()),
        Some(map) => Progress::NotYet(format!("it is {}", state(map))),
    };
    condition.called(format!("it to be {wanted}"))
}

fn within(seconds: u64) -> Deadline {
    Deadline {
        name: "test",
        kind: DeadlineKind::Patience,
        within: Duration::from_secs(seconds),
    }
}

/// Runs `then` once the wait has had time to begin.
async fn meanwhile<T>(wait: impl Future<Output = T>, then: impl AsyncFnOnce()) -> T {
    let other = async {
        pass(1).await;
        then().await;
    };
    tokio::join!(wait, other).0
}

/// Lets virtual time pass.
async fn pass(seconds: u64) {
    let never = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_secs(seconds), never).await;
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_is_met_already_ends_the_wait_at_once() {
    let fake = Fake::new();
    fake.put(map("ready"));
    let started = Instant::now();
    let seen = maps(&fake).until(is("ready"), within(10)).await.unwrap();
    assert_eq!(seen.one().unwrap().name_any(), "a");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_the_wait_when_it_happens() {
    let fake = Fake::new();
    let started = Instant::now();
    let watched = maps(&fake);
    let wait = watched.until(is("ready"), within(60));
    meanwhile(wait, async || {
        fake.put(map("starting"));
        pass(3).await;
        fake.put(map("ready"));
    })
    .await
    .unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn never_and_obstructed_end_the_wait_before_its_deadline() {
    for (state, blames) in [("broken", true), ("obstructed", false)] {
        let fake = Fake::new();
        fake.put(map("starting"));
        let watched = maps(&fake);
        let wait = watched.until(is("ready"), within(60));
        let error = meanwhile(wait, async || fake.put(map(state))).await.unwrap_err();
        assert_eq!(error.blames_platform(), blames, "{error}");
        assert!(matches!(error, WaitError::Never(_) | WaitError::Obstructed(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_passed_deadline_tells_what_was_missing_last_and_blames_the_platform() {
    let fake = Fake::new();
    fake.put(map("starting"));
    let error = maps(&fake).until(is("ready"), within(10)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "waited 10 s for it to be ready (test): it is starting"
    );
    assert!(error.blames_platform());
}

/// Becomes ready after 20 s, one stage after the other.
async fn slowly_ready(fake: &Fake) {
    for stage in ["bound", "pulled", "created", "ready"] {
        pass(5).await;
        fake.put(map(stage));
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_slow_but_gets_ahead_is_waited_for() {
    let fake = Fake::new();
    fake.put(map("new"));
    let watched = maps(&fake);
    let wait = watched.until(is("ready"), within(12));
    meanwhile(wait, async || slowly_ready(&fake).await).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_conformance_demands_by_a_time_is_not_waited_for_longer() {
    let fake = Fake::new();
    fake.put(map("new"));
    let deadline = Deadline {
        kind: DeadlineKind::Conformance,
        ..within(12)
    };
    let watched = maps(&fake);
    let wait = watched.until(is("ready"), deadline);
    let error = meanwhile(wait, async || slowly_ready(&fake).await)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("waited 12 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn going_to_and_fro_is_no_progress_and_patience_has_an_end() {
    let to_and_fro: Vec<String> = (0..100).map(|step| (step % 2).to_string()).collect();
    let ever_new: Vec<String> = (0..100).map(|step| step.to_string()).collect();
    for (states, waited) in [(to_and_fro, "waited 10 s"), (ever_new, "waited 40 s")] {
        let fake = Fake::new();
        let watched = maps(&fake);
        let wait = watched.until(is("ready"), within(10));
        let error = meanwhile(wait, async || {
            for state in &states {
                fake.put(map(state));
                pass(1).await;
            }
        });
        let error = error.await.unwrap_err().to_string();
        assert!(error.starts_with(waited), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_yet_and_the_error_says_so() {
    let error = maps(&Fake::new())
        .until(is("ready"), within(10))
        .await
        .unwrap_err();
    assert!(error.to_string().ends_with("it is not there"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_fails_for_a_while_is_ridden_over() {
    let fake = Fake::new();
    fake.set_broken(Some(Answer::Refusal(500, "InternalError", "etcd is away")));
    let watched = maps(&fake);
    let wait = watched.until(is("ready"), within(60));
    meanwhile(wait, async || {
        pass(10).await;
        fake.put(map("ready"));
        fake.set_broken(None);
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_api_that_fails_to_the_end_is_not_held_against_the_platform() {
    for answer in [
        Answer::Refusal(500, "InternalError", "etcd is away"),
        Answer::Silence,
    ] {
        let fake = Fake::new();
        fake.put(map("starting"));
        fake.set_broken(Some(answer));
        let error = maps(&fake).until(is("ready"), within(10)).await.unwrap_err();
        assert!(
            matches!(&error, WaitError::Elapsed { api: Some(_), .. }),
            "{error}"
        );
        assert!(!error.blames_platform());
    }
}

#[tokio::test(start_paused = true)]
async fn what_we_may_not_see_ends_the_wait_at_once() {
    let fake = Fake::new();
    fake.set_broken(Some(Answer::Refusal(403, "Forbidden", "no")));
    let started = Instant::now();
    let error = maps(&fake).until(is("ready"), within(60)).await.unwrap_err();
    assert!(matches!(&error, WaitError::Api { source: kube::Error::Api(status), .. } if status.code == 403));
    assert!(!error.blames_platform());
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_silently_lags_does_not_hide_what_is_met() {
    let fake = Fake::new();
    fake.put(map("starting"));
    let watched = maps(&fake);
    let wait = watched.until(is("ready"), within(10));
    meanwhile(wait, async || {
        fake.stall_watches();
        fake.put(map("ready"));
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_watch_goes_on_and_a_forgotten_one_lists_again() {
    for forget in [false, true] {
        let fake = Fake::new();
        fake.put(map("starting"));
        let watched = maps(&fake);
        let wait = watched.until(is("ready"), within(60));
        let seen = meanwhile(wait, async || {
            fake.lose_watches(forget);
            pass(2).await;
            fake.put(map("ready"));
        })
        .await
        .unwrap();
        assert_eq!(seen.relists, u32::from(forget));
    }
}

#[tokio::test(start_paused = true)]
async fn who_departs_is_remembered_with_the_last_state() {
    let fake = Fake::new();
    fake.put(map("bound"));
    let watched = maps(&fake);
    let gone = |seen: &Seen<ConfigMap>| {
        if seen.departed.is_empty() {
            Progress::NotYet("there".to_owned())
        } else {
            Progress::Met
        }
    };
    let seen = meanwhile(watched.until(gone, within(60)), async || fake.remove(PATH))
        .await
        .unwrap();
    assert_eq!(state(&seen.departed[0]), "bound");
    assert!(seen.is_empty() && seen.unwitnessed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hold_takes_the_whole_window() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let started = Instant::now();
    maps(&fake)
        .hold(is("pending"), Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_hold_breaks_the_moment_it_breaks() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let started = Instant::now();
    let watched = maps(&fake);
    let hold = watched.hold(is("pending"), Duration::from_secs(10));
    let error = meanwhile(hold, async || fake.put(map("bound")))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, WaitError::Broken(why) if why == "it is bound"),
        "{error}"
    );
    assert!(error.blames_platform());
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_never_was_is_broken() {
    let error = maps(&Fake::new())
        .hold(is("pending"), Duration::from_secs(10))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, WaitError::Broken(why) if why == "it is not there"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_not_fooled_by_a_watch_that_silently_lags() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let watched = maps(&fake);
    let hold = watched.hold(is("pending"), Duration::from_secs(10));
    let error = meanwhile(hold, async || {
        fake.stall_watches();
        fake.put(map("bound"));
    })
    .await
    .unwrap_err();
    assert!(
        matches!(&error, WaitError::Broken(why) if why == "it is bound"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_lost_watch_does_not_count_as_held() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let started = Instant::now();
    let watched = maps(&fake);
    let hold = watched.hold(is("pending"), Duration::from_secs(10));
    meanwhile(hold, async || {
        pass(5).await;
        fake.lose_watches(true);
    })
    .await
    .unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(16),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_the_watch_was_lost_breaks_the_hold() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let watched = maps(&fake);
    let hold = watched.hold(is("pending"), Duration::from_secs(10));
    let error = meanwhile(hold, async || {
        fake.stall_watches();
        fake.put(map("bound"));
        fake.lose_watches(true);
    })
    .await
    .unwrap_err();
    assert!(matches!(error, WaitError::Broken(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_went_while_the_watch_was_lost_can_not_be_judged() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let watched = maps(&fake);
    let tolerant = |_: &Seen<ConfigMap>| Progress::Met;
    let hold = watched.hold(tolerant, Duration::from_secs(10));
    let error = meanwhile(hold, async || {
        fake.stall_watches();
        fake.put(map("bound"));
        fake.remove(PATH);
        fake.lose_watches(true);
    })
    .await
    .unwrap_err();
    assert!(
        matches!(&error, WaitError::Obstructed(why) if why.contains("`n/a` went")),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_that_is_away_at_the_end_of_a_hold_proves_nothing() {
    let fake = Fake::new();
    fake.put(map("pending"));
    let watched = maps(&fake);
    let hold = watched.hold(is("pending"), Duration::from_secs(10));
    let error = meanwhile(hold, async || {
        fake.set_broken(Some(Answer::Refusal(503, "ServiceUnavailable", "away")));
    })
    .await
    .unwrap_err();
    assert!(matches!(error, WaitError::Api { .. }), "{error}");
    assert!(!error.blames_platform());
}

#[tokio::test(start_paused = true)]
async fn long_lists_are_read_page_by_page() {
    let fake = Fake::new();
    for index in 0..1201 {
        let mut map = map("ready");
        map["metadata"]["name"] = json!(format!("m{index:04}"));
        fake.put(map);
    }
    let watched: Watched<ConfigMap> = Watched::labelled(Api::namespaced(fake.client(), "n"), "app=x");
    let all = |seen: &Seen<ConfigMap>| match seen.len() {
        1201 => Progress::Met,
        other => Progress::NotYet(other.to_string()),
    };
    watched.until(all, within(10)).await.unwrap();
    let lists = fake
        .requests()
        .iter()
        .filter(|request| request.contains("limit=500"))
        .count();
    assert_eq!(lists, 3, "{:?}", fake.requests());
}

fn pod(node: Option<&str>) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"nodeName": node, "containers": [{"name": "c"}]},
        "status": {"phase": "Pending"},
    })
}

fn node(ready: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1"},
        "status": {"conditions": [{"type": "Ready", "status": ready, "message": "kubelet stopped posting"}]},
    })
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_lost_under_a_pod_obstructs_the_wait_at_once() {
    let fake = Fake::new();
    fake.put(node("True"));
    fake.put(pod(Some("w1")));
    let watched: Watched<Pod> = Watched::one(Api::namespaced(fake.client(), "n"), "p");
    let started = Instant::now();
    let wait = watched.until(pods::running(), within(120));
    let error = meanwhile(wait, async || fake.put(node("Unknown")))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, WaitError::Obstructed(why) if why.contains("node `w1` is not ready")),
        "{error}"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_a_pod_quotes_the_platforms_own_account() {
    let fake = Fake::new();
    fake.put(pod(None));
    let event = |reason: &str, message: &str| {
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": reason.to_lowercase(), "namespace": "n"},
            "involvedObject": {"uid": "uid-1"}, "type": "Warning", "reason": reason, "message": message,
        })
    };
    fake.put(event(
        "FailedScheduling",
        "0/1 nodes are available: 1 cannot allocate all claims.",
    ));
    let watched: Watched<Pod> = Watched::one(Api::namespaced(fake.client(), "n"), "p");
    let error = watched.until(pods::running(), within(10)).await.unwrap_err();
    assert!(
        error.to_string().contains("cannot allocate all claims"),
        "{error}"
    );
    assert!(error.blames_platform());

    fake.put(event(
        "FailedScheduling",
        "0/1 nodes are available: 1 Insufficient cpu. preemption: no.",
    ));
    let error = watched.until(pods::running(), within(10)).await.unwrap_err();
    assert!(
        matches!(&error, WaitError::Obstructed(why) if why.contains("Insufficient cpu")),
        "{error}"
    );
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Observer for Notes {
    fn wait_started(&self, on: &str, within: Duration) -> u64 {
        self.note(format!("started {on} {within:?}"));
        7
    }
    fn wait_progressed(&self, wait: u64, seen: &str) {
        self.note(format!("{wait} {seen}"));
    }
    fn wait_ended(&self, wait: u64, met: bool) {
        self.note(format!("{wait} ended {met}"));
    }
    fn object_created(&self, kind: &str, _: Option<&str>, name: &str) {
        self.note(format!("created {kind} {name}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_of_each_change_once_and_of_the_end() {
    let fake = Fake::new();
    let notes = Arc::new(Notes::default());
    let watched = maps(&fake);
    let wait = observed(
        Arc::clone(&notes) as Arc<dyn Observer>,
        watched.until(is("ready"), within(60)),
    );
    meanwhile(wait, async || {
        fake.put(map("starting"));
        pass(1).await;
        fake.put(map("starting"));
        pass(1).await;
        fake.put(map("ready"));
    })
    .await
    .unwrap();
    let wanted = [
        "started it to be ready 60s",
        "7 it is not there",
        "7 it is starting",
        "7 ended true",
    ];
    assert_eq!(*notes.0.lock().unwrap(), wanted);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_of_the_end_of_a_wait_that_is_given_up() {
    let fake = Fake::new();
    let notes = Arc::new(Notes::default());
    let watched = maps(&fake);
    let wait = observed(
        Arc::clone(&notes) as Arc<dyn Observer>,
        watched.until(is("ready"), within(60)),
    );
    assert!(tokio::time::timeout(Duration::from_secs(1), wait).await.is_err());
    assert_eq!(notes.0.lock().unwrap().last().unwrap(), "7 ended false");
}
