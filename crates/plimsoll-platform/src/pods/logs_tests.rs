//! Logs that say it, don't say it, break, or can't come about.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::log_until;
use crate::{
    fake::{Answer, Fake, LogEnd},
    wait::{Deadline, DeadlineKind, WaitError},
};

fn pod(state: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": state},
        ]},
    })
}

fn running(fake: &Fake) {
    fake.put(pod(&json!({"running": {}})));
}

fn over(fake: &Fake, code: i32) {
    fake.put(pod(&json!({"terminated": {"exitCode": code, "reason": "Error"}})));
}

/// Waits for the line `found N`; the lines it was shown come along.
async fn read(fake: &Fake) -> (Result<u32, WaitError>, Vec<String>) {
    let pods: Api<Pod> = Api::namespaced(fake.client(), "n");
    let deadline = Deadline {
        name: "report",
        kind: DeadlineKind::Patience,
        within: Duration::from_secs(30),
    };
    let mut lines = Vec::new();
    let find = |line: &str| {
        lines.push(line.to_owned());
        line.strip_prefix("found ").and_then(|number| number.parse().ok())
    };
    let result = log_until(&pods, "p", "c", find, deadline).await;
    (result, lines)
}

#[tokio::test(start_paused = true)]
async fn the_line_ends_the_reading_though_the_stream_goes_on() {
    let fake = Fake::new();
    running(&fake);
    fake.log("one\nfound 2\nthree\n", LogEnd::Open);
    let (result, lines) = read(&fake).await;
    assert_eq!(result.unwrap(), 2);
    assert_eq!(lines, ["one", "found 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_opened_again_after_the_lines_already_read() {
    let fake = Fake::new();
    running(&fake);
    fake.log("one\ntwo\n", LogEnd::Breaks);
    fake.log("one\ntwo\nthree\n", LogEnd::Over);
    fake.log("one\ntwo\nthree\nfound 4\n", LogEnd::Open);
    let (result, lines) = read(&fake).await;
    assert_eq!(result.unwrap(), 4);
    assert_eq!(lines, ["one", "two", "three", "found 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ended_without_the_line_is_the_end() {
    let fake = Fake::new();
    over(&fake, 3);
    fake.log("one\n", LogEnd::Over);
    let started = Instant::now();
    let (result, _) = read(&fake).await;
    let error = result.unwrap_err();
    let wanted =
        "container `c` of pod `p` ended with 3 (Error) after 1 log lines, without the one waited for";
    assert!(
        matches!(&error, WaitError::Never(why) if why == wanted),
        "{error}"
    );
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_while_its_log_is_read_may_still_have_said_it() {
    let fake = Fake::new();
    running(&fake);
    fake.log("one\n", LogEnd::Over);
    fake.log("one\nfound 2\n", LogEnd::Over);
    let ending = async {
        // The first stream is over by then, and the pause before the next is not.
        let _ = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
        over(&fake, 0);
    };
    let ((result, _), ()) = tokio::join!(read(&fake), ending);
    assert_eq!(result.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_log_ends_with_the_deadline() {
    let fake = Fake::new();
    running(&fake);
    fake.log("one\n", LogEnd::Open);
    let (result, _) = read(&fake).await;
    let error = result.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it has logged 1 lines, but not that one"),
        "{error}"
    );
    assert!(error.blames_platform());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_can_not_be_read_is_not_held_against_the_platform() {
    let fake = Fake::new();
    running(&fake);
    for _ in 0..100 {
        let refusal = Answer::Refusal(500, "InternalError", "the kubelet does not answer");
        fake.script(http::Method::GET, "/api/v1/namespaces/n/pods/p/log", refusal);
    }
    let (result, _) = read(&fake).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, WaitError::Elapsed { api: Some(_), .. }),
        "{error}"
    );
    assert!(!error.blames_platform());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_can_not_be_pulled_is_noticed_before_any_log() {
    let fake = Fake::new();
    fake.put(pod(
        &json!({"waiting": {"reason": "ErrImagePull", "message": "no route"}}),
    ));
    let (result, _) = read(&fake).await;
    assert!(matches!(result, Err(WaitError::Obstructed(why)) if why.contains("no route")));
}
