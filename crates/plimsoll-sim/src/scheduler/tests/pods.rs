//! Lone pods.

use std::time::Duration;

use plimsoll_apiserver::elapse;
use serde_json::json;

use super::bench::{Bench, asks, pod};

#[tokio::test(start_paused = true)]
async fn a_pod_goes_to_the_emptier_node_and_says_so() {
    let bench = Bench::new();
    bench.node("n1", 4, 0);
    bench.node("n2", 4, 0);
    bench.pod("a", asks(json!({"cpu": "1"}))).await;
    bench.rest().await;
    bench.pod("b", asks(json!({"cpu": "1"}))).await;
    bench.rest().await;
    assert_eq!(
        (bench.node_of("a"), bench.node_of("b")),
        ("n1".into(), "n2".into())
    );
    assert_eq!(bench.events("a"), [("Scheduled".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_decision_takes_its_time() {
    let bench = Bench::new();
    bench.node("n1", 4, 0);
    bench.rest().await;
    bench.pod("a", json!({})).await;
    elapse(Duration::from_millis(4)).await;
    assert_eq!(bench.node_of("a"), "");
    elapse(Duration::from_millis(2)).await;
    assert_eq!(bench.node_of("a"), "n1");
}

#[tokio::test(start_paused = true)]
async fn a_refused_pod_says_why_and_is_tried_again_when_room_appears_and_not_before() {
    let bench = Bench::new();
    bench.node("n1", 4, 1);
    bench.node("n2", 4, 0);
    let gpu = || asks(json!({"nvidia.com/gpu": "1"}));
    bench.pod("holder", gpu()).await;
    bench.rest().await;
    let mut pinned = gpu();
    pinned["nodeSelector"] = json!({"kubernetes.io/hostname": "n1"});
    bench.pod("waits", pinned).await;
    bench.rest().await;
    let message = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match Pod's node \
                   affinity/selector. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption \
                   victims found for incoming pod, 1 Preemption is not helpful for scheduling.";
    assert_eq!(
        bench.said("waits"),
        ("Unschedulable".to_owned(), message.to_owned())
    );
    // A pod that is placed, or a heartbeat, makes no room.
    bench.pod("other", json!({})).await;
    bench
        .change_node("n1", json!({"metadata": {"annotations": {"beat": "1"}}}))
        .await;
    bench.rest().await;
    assert_eq!(bench.events("waits"), [("FailedScheduling".to_owned(), 1)]);
    bench.remove("holder").await;
    bench.rest().await;
    assert_eq!(bench.node_of("waits"), "n1");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_or_opens_up_is_news() {
    let bench = Bench::new();
    bench.pod("a", json!({})).await;
    bench.rest().await;
    assert_eq!(bench.said("a").1, "no nodes available to schedule pods");
    bench.load({
        let mut node = super::bench::node("n1", 4, 0);
        node["spec"] = json!({"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]});
        node
    });
    bench.rest().await;
    assert!(
        bench
            .said("a")
            .1
            .starts_with("0/1 nodes are available: 1 node(s) had untolerated taint(s). ")
    );
    bench.change_node("n1", json!({"spec": {"taints": null}})).await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
}

#[tokio::test(start_paused = true)]
async fn gates_and_other_schedulers_are_respected() {
    let bench = Bench::new();
    bench.node("n1", 4, 0);
    bench
        .pod("gated", json!({"schedulingGates": [{"name": "g"}]}))
        .await;
    bench.pod("others", json!({"schedulerName": "volcano"})).await;
    bench.rest().await;
    assert_eq!(
        (bench.node_of("gated"), bench.node_of("others")),
        (String::new(), String::new())
    );
    bench
        .api
        .merge(
            &plimsoll_apiserver::resources::PODS,
            Some("default"),
            "gated",
            None,
            json!({"spec": {"schedulingGates": null}}),
        )
        .await
        .unwrap();
    bench.rest().await;
    assert_eq!(bench.node_of("gated"), "n1");
}

#[tokio::test(start_paused = true)]
async fn the_important_are_placed_first() {
    let bench = Bench::new();
    for (name, priority) in [("low", 0), ("high", 10)] {
        let mut spec = asks(json!({"cpu": "1"}));
        spec["priority"] = json!(priority);
        bench.load(pod(name, spec));
    }
    bench.node("n1", 1, 0);
    bench.rest().await;
    assert_eq!(
        (bench.node_of("low"), bench.node_of("high")),
        (String::new(), "n1".into())
    );
}

#[tokio::test(start_paused = true)]
async fn an_important_pod_pushes_out_the_least_important_that_suffice() {
    let bench = Bench::new();
    bench.node("n1", 3, 0);
    for (name, priority, cpu) in [("a", 1, "1"), ("b", 2, "1"), ("c", 1, "1")] {
        let mut spec = asks(json!({"cpu": cpu}));
        spec["priority"] = json!(priority);
        spec["terminationGracePeriodSeconds"] = json!(20);
        bench.load(pod(name, spec));
        bench.rest().await;
    }
    let mut spec = asks(json!({"cpu": "2"}));
    spec["priority"] = json!(100);
    bench.load(pod("high", spec));
    bench.rest().await;
    assert_eq!(bench.read("high")["status"]["nominatedNodeName"], "n1");
    assert_eq!(
        bench.said("high").1,
        "0/1 nodes are available: 1 Insufficient cpu."
    );
    let is_leaving = |name: &str| bench.read(name)["metadata"]["deletionTimestamp"].is_string();
    assert_eq!(
        (is_leaving("a"), is_leaving("b"), is_leaving("c")),
        (true, false, true)
    );
    assert!(bench.events("a").contains(&("Preempted".to_owned(), 1)));
    // Nobody less important slips in meanwhile.
    bench.remove("a").await;
    bench.pod("late", asks(json!({"cpu": "1"}))).await;
    bench.rest().await;
    assert_eq!(
        (bench.node_of("high"), bench.node_of("late")),
        (String::new(), String::new())
    );
    bench.remove("c").await;
    bench.rest().await;
    assert_eq!(bench.node_of("high"), "n1");
    assert!(bench.read("high")["status"]["nominatedNodeName"].is_null());
}
