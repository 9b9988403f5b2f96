use plimsoll_apiserver::{DeleteOptions, resources};
use serde_json::{Value, json};

use crate::controllers::{
    facts::{condition, meta, pod},
    stand::{Stand, template},
};

async fn node(stand: &Stand, name: &str) {
    stand
        .create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}))
        .await;
    beat(stand, name).await;
}

async fn beat(stand: &Stand, name: &str) {
    let now = stand.api.now();
    let conditions = json!([{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now,
        "lastTransitionTime": now}]);
    stand
        .merge_status(&resources::NODES, "", name, json!({"conditions": conditions}))
        .await;
}

async fn pod_on(stand: &Stand, name: &str, tolerations: Value) {
    let mut pod = template("x", None);
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!("default");
    pod["spec"]["tolerations"] = tolerations;
    stand.create(pod).await;
}

fn taints(stand: &Stand, node: &str) -> Vec<String> {
    let node = stand.get(&resources::NODES, "", node).unwrap();
    let taints = meta::items(&node["spec"]["taints"]);
    taints
        .iter()
        .map(|taint| {
            format!(
                "{}:{}",
                taint["key"].as_str().unwrap(),
                taint["effect"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_lost_and_its_pods_go_when_they_bear_it_no_longer() {
    let stand = Stand::new();
    node(&stand, "node").await;
    node(&stand, "other").await;
    let bears = |seconds: i64| {
        json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists",
        "effect": "NoExecute", "tolerationSeconds": seconds}])
    };
    pod_on(&stand, "bears", bears(30)).await;
    pod_on(&stand, "stays", json!([{"operator": "Exists"}])).await;
    for _ in 0..4 {
        stand.pass(10).await;
        beat(&stand, "node").await;
        beat(&stand, "other").await;
    }
    assert_eq!(taints(&stand, "node"), [""; 0]);
    for _ in 0..6 {
        stand.pass(10).await;
        beat(&stand, "other").await;
    }
    let lost = stand.get(&resources::NODES, "", "node").unwrap();
    let ready = condition::find(&lost["status"]["conditions"], "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["message"]),
        (&json!("Unknown"), &json!("Kubelet stopped posting node status."))
    );
    assert_eq!(
        taints(&stand, "node"),
        [
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute"
        ]
    );
    let stays = stand.get(&resources::PODS, "default", "stays").unwrap();
    assert!(!pod::ready(&stays));
    assert_eq!(
        stand.events("default", "stays")[0],
        ("NodeNotReady".to_owned(), "Node is not ready".to_owned())
    );
    assert!(stand.get(&resources::PODS, "default", "bears").is_some());
    stand.pass(25).await;
    assert!(stand.get(&resources::PODS, "default", "bears").is_none());
    assert!(stand.events("default", "bears").contains(&(
        "TaintManagerEviction".to_owned(),
        "Marking for deletion Pod default/bears".to_owned()
    )));
    assert!(stand.get(&resources::PODS, "default", "stays").is_some());
    beat(&stand, "node").await;
    stand.pass(1).await;
    assert_eq!(taints(&stand, "node"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_node_that_is_gone_are_cleared_up() {
    let stand = Stand::new();
    node(&stand, "node").await;
    pod_on(&stand, "left", json!([])).await;
    stand.pass(1).await;
    stand
        .delete(&resources::NODES, "", "node", DeleteOptions::default())
        .await;
    stand.pass(30).await;
    assert!(stand.get(&resources::PODS, "default", "left").is_some());
    stand.pass(15).await;
    assert!(stand.get(&resources::PODS, "default", "left").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_is_tainted() {
    let stand = Stand::new();
    node(&stand, "node").await;
    stand
        .merge(
            &resources::NODES,
            "",
            "node",
            json!({"spec": {"unschedulable": true}}),
        )
        .await;
    stand.pass(1).await;
    assert_eq!(
        taints(&stand, "node"),
        ["node.kubernetes.io/unschedulable:NoSchedule"]
    );
}
