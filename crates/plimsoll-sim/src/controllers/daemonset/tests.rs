use plimsoll_apiserver::resources;
use serde_json::{Value, json};

use super::plan;
use crate::controllers::stand::{Stand, template};

async fn node(stand: &Stand, name: &str, taints: Value) {
    stand
        .create(json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kind": name.split('-').next()}}, "spec": {"taints": taints}}))
        .await;
    let conditions = json!([{"type": "Ready", "status": "True"}]);
    stand
        .merge_status(&resources::NODES, "", name, json!({"conditions": conditions}))
        .await;
}

fn set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "driver", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "driver"}}, "template": template("driver", None),
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}})
}

fn on(stand: &Stand) -> Vec<String> {
    let mut nodes: Vec<String> = stand
        .pods("default")
        .iter()
        .map(|pod| plan::node_of(pod).unwrap().to_owned())
        .collect();
    nodes.sort();
    nodes
}

#[tokio::test(start_paused = true)]
async fn every_node_that_is_fit_has_one_pod() {
    let stand = Stand::new();
    node(&stand, "gpu-1", json!([])).await;
    node(
        &stand,
        "gpu-2",
        json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]),
    )
    .await;
    node(
        &stand,
        "gpu-3",
        json!([{"key": "reserved", "effect": "NoSchedule"}]),
    )
    .await;
    node(&stand, "cpu-1", json!([])).await;
    let mut set = set();
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({"kind": "gpu"});
    stand.create(set).await;
    stand.pass(1).await;
    assert_eq!(on(&stand), ["gpu-1", "gpu-2"]);
    node(&stand, "gpu-4", json!([])).await;
    stand.pass(1).await;
    assert_eq!(on(&stand), ["gpu-1", "gpu-2", "gpu-4"]);
    let told = stand.get(&resources::DAEMON_SETS, "default", "driver").unwrap();
    assert_eq!(told["status"]["desiredNumberScheduled"], 3);
    assert_eq!(told["status"]["numberMisscheduled"], 0);
    stand
        .merge(
            &resources::NODES,
            "",
            "gpu-4",
            json!({"metadata": {"labels": {"kind": "cpu"}}}),
        )
        .await;
    stand.pass(2).await;
    assert_eq!(on(&stand), ["gpu-1", "gpu-2"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_takes_one_node_after_the_other() {
    let stand = Stand::new();
    for name in ["a", "b"] {
        node(&stand, name, json!([])).await;
    }
    stand.create(set()).await;
    stand.pass(2).await;
    let containers = json!([{"name": "main", "image": "two"}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    stand
        .merge(&resources::DAEMON_SETS, "default", "driver", patch)
        .await;
    stand.pass_ms(200).await;
    let going = stand
        .pods("default")
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_string())
        .count();
    assert_eq!(going, 1);
    stand.pass(5).await;
    assert!(
        stand
            .pods("default")
            .iter()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "two")
    );
    let told = stand.get(&resources::DAEMON_SETS, "default", "driver").unwrap();
    assert_eq!(told["status"]["updatedNumberScheduled"], 2);
}
