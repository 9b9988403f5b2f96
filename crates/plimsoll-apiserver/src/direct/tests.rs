//! The API as components of the same process have it.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use serde_json::json;

use super::*;
use crate::{ApiServer, Config, Gates, Propagation};

fn server() -> ApiServer {
    let server = ApiServer::new(Config {
        minor: 36,
        clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
        seed: Seed::new(1),
        gates: Gates::default(),
        latency: Duration::ZERO,
    });
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"},
    });
    server.load(vec![account]).unwrap();
    server
}

fn api() -> Direct {
    server().direct(User::component("test"))
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    })
}

#[tokio::test]
async fn what_is_created_has_identity_and_order() {
    let api = api();
    let pod = api.create(pod("a")).await.unwrap();
    assert_eq!(pod["metadata"]["creationTimestamp"], "2026-10-01T08:00:00Z");
    assert_eq!(pod["metadata"]["generation"], 1);
    assert_eq!(pod["status"]["phase"], "Pending");
    assert!(pod["metadata"]["uid"].is_string());
    assert_eq!(api.get(&resources::PODS, Some("default"), "a").unwrap(), pod);
    let refusal = api.create(super::tests::pod("a")).await.unwrap_err();
    assert_eq!(refusal.message, "pods \"a\" already exists");
}

#[tokio::test]
async fn an_update_of_an_old_state_is_refused() {
    let api = api();
    let first = api.create(pod("a")).await.unwrap();
    let mut labelled = (*first).clone();
    labelled["metadata"]["labels"] = json!({"x": "y"});
    api.update(labelled.clone()).await.unwrap();
    let refusal = api.update(labelled).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Conflict);
    assert!(
        refusal
            .message
            .starts_with("Operation cannot be fulfilled on pods \"a\"")
    );
}

#[tokio::test]
async fn status_and_the_rest_are_written_apart() {
    let api = api();
    let first = api.create(pod("a")).await.unwrap();
    let mut changed = (*first).clone();
    changed["metadata"]["labels"] = json!({"x": "y"});
    changed["status"]["phase"] = json!("Running");
    let second = api.update(changed.clone()).await.unwrap();
    assert_eq!(second["status"]["phase"], "Pending");
    let patch = json!({"status": {"phase": "Running"}, "spec": {"schedulerName": "other"}});
    let third = api
        .merge(&resources::PODS, Some("default"), "a", Some("status"), patch)
        .await
        .unwrap();
    assert_eq!(third["status"]["phase"], "Running");
    assert_ne!(third["spec"]["schedulerName"], "other");
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let api = api();
    api.create(pod("a")).await.unwrap();
    api.bind("default", "a", "node-1").await.unwrap();
    let bound = api.pods_on("node-1");
    assert_eq!(bound[0]["status"]["conditions"][0]["type"], "PodScheduled");
    let refusal = api.bind("default", "a", "node-2").await.unwrap_err();
    assert_eq!(
        refusal.message,
        "Operation cannot be fulfilled on pods/binding \"a\": pod a is already assigned to node \"node-1\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_running_pod_takes_its_leave_and_others_go_at_once() {
    let api = api();
    api.create(pod("a")).await.unwrap();
    api.create(pod("b")).await.unwrap();
    api.bind("default", "a", "node-1").await.unwrap();
    for name in ["a", "b"] {
        api.delete(&resources::PODS, Some("default"), name, DeleteOptions::default())
            .await
            .unwrap();
    }
    assert!(api.get(&resources::PODS, Some("default"), "b").is_none());
    let leaving = api.get(&resources::PODS, Some("default"), "a").unwrap();
    assert_eq!(leaving["metadata"]["deletionTimestamp"], "2026-10-01T08:00:30Z");
    assert_eq!(leaving["metadata"]["deletionGracePeriodSeconds"], 30);
    let now = DeleteOptions {
        grace_seconds: Some(0),
        ..DeleteOptions::default()
    };
    api.delete(&resources::PODS, Some("default"), "a", now)
        .await
        .unwrap();
    assert!(api.get(&resources::PODS, Some("default"), "a").is_none());
}

#[tokio::test]
async fn the_last_finalizer_lets_a_deleted_object_go() {
    let api = api();
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"},
    });
    api.create(config).await.unwrap();
    let of = resources::CONFIG_MAPS;
    let options = DeleteOptions {
        propagation: Some(Propagation::Foreground),
        ..DeleteOptions::default()
    };
    api.delete(&of, Some("default"), "a", options).await.unwrap();
    let held = api.get(&of, Some("default"), "a").unwrap();
    assert_eq!(held["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    api.merge(
        &of,
        Some("default"),
        "a",
        None,
        json!({"metadata": {"finalizers": null}}),
    )
    .await
    .unwrap();
    assert!(api.get(&of, Some("default"), "a").is_none());
}

#[tokio::test]
async fn a_watch_begins_with_what_is_there_and_misses_nothing() {
    let api = api();
    api.create(pod("a")).await.unwrap();
    let mut watch = api.watch(&[resources::PODS]);
    api.merge(
        &resources::PODS,
        Some("default"),
        "a",
        Some("status"),
        json!({"status": {"phase": "Running"}}),
    )
    .await
    .unwrap();
    api.delete(&resources::PODS, Some("default"), "a", DeleteOptions::default())
        .await
        .unwrap();
    assert!(matches!(watch.next().await, Some(Change::Added(_, pod)) if pod["status"]["phase"] == "Pending"));
    assert!(
        matches!(watch.next().await, Some(Change::Modified { old, new, .. })
        if old["status"]["phase"] == "Pending" && new["status"]["phase"] == "Running")
    );
    assert!(
        matches!(watch.next().await, Some(Change::Deleted(_, pod)) if pod["status"]["phase"] == "Running")
    );
    assert!(watch.next().now_or_never().is_none());
}

#[tokio::test]
async fn events_that_repeat_are_counted() {
    let api = api();
    let pod = api.create(pod("a")).await.unwrap();
    for _ in 0..3 {
        api.event(&pod, "kubelet", "Warning", "Failed", "it did not start")
            .await;
    }
    let events = api.list(&resources::EVENTS, Some("default"));
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["count"], 3);
    assert_eq!(events[0]["involvedObject"]["uid"], pod["metadata"]["uid"]);
}

#[test]
fn many_objects_are_loaded_with_their_status() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let server = server();
        let mut running = pod("a");
        running["status"] = json!({"phase": "Running"});
        server.load(vec![running]).unwrap();
        let api = server.direct(User::admin());
        assert_eq!(api.list(&resources::PODS, None)[0]["status"]["phase"], "Running");
    });
}
