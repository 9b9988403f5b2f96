use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use plimsoll_apiserver::{Direct, resources};
use serde_json::{Value, json};

use super::{GroupFacts, NodeGroups};
use crate::controllers::{
    Outside,
    facts::meta,
    stand::{Stand, template},
};

/// One group, whose nodes are there as soon as they are asked for.
struct Pool {
    api: Direct,
    size: Mutex<u32>,
}

impl Pool {
    fn template() -> Value {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "new", "labels": {"pool": "gpu"}}, "spec": {},
            "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110", "nvidia.com/gpu": "2"},
                "conditions": [{"type": "Ready", "status": "True"}]}})
    }
}

#[async_trait]
impl NodeGroups for Pool {
    fn groups(&self) -> Vec<GroupFacts> {
        vec![GroupFacts {
            name: "gpu".to_owned(),
            least: 0,
            most: 2,
            size: *self.size.lock().unwrap(),
            template: Self::template(),
            devices: BTreeMap::from([("gpu.example.com".to_owned(), 2)]),
        }]
    }

    fn group_of(&self, node: &Value) -> Option<String> {
        meta::label(node, "pool").map(str::to_owned)
    }

    async fn grow(&self, _: &str, size: u32) -> Result<(), String> {
        let from = std::mem::replace(&mut *self.size.lock().unwrap(), size);
        for at in from..size {
            let mut node = Self::template();
            let status = node["status"].take();
            node["metadata"]["name"] = json!(format!("gpu-{at}"));
            self.api.create(node).await.unwrap();
            let patch = json!({"status": status});
            self.api
                .merge(
                    &resources::NODES,
                    None,
                    &format!("gpu-{at}"),
                    Some("status"),
                    patch,
                )
                .await
                .unwrap();
        }
        Ok(())
    }

    async fn remove(&self, _: &str, node: &str) -> Result<(), String> {
        *self.size.lock().unwrap() -= 1;
        self.api
            .delete(&resources::NODES, None, node, Default::default())
            .await
            .map_err(|refusal| refusal.message)
    }
}

fn stand() -> Stand {
    Stand::with(36, |api| Outside {
        nodes: Some(Arc::new(Pool {
            api: api.clone(),
            size: Mutex::new(0),
        })),
        ..Outside::default()
    })
}

async fn pending(stand: &Stand, name: &str, gpus: u32) {
    let mut pod = template("x", None);
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!("default");
    pod["metadata"]["annotations"] = json!({"stand/stuck": ""});
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {"nvidia.com/gpu": gpus.to_string()}});
    stand.create(pod).await;
    let conditions = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]);
    stand
        .merge_status(
            &resources::PODS,
            "default",
            name,
            json!({"conditions": conditions}),
        )
        .await;
}

fn nodes(stand: &Stand) -> usize {
    stand.api.list(&resources::NODES, None).len()
}

#[tokio::test(start_paused = true)]
async fn a_group_grows_for_pods_that_would_fit_and_not_beyond_its_maximum() {
    let stand = stand();
    pending(&stand, "one", 1).await;
    pending(&stand, "two", 1).await;
    pending(&stand, "large", 3).await;
    stand.pass(15).await;
    assert_eq!(nodes(&stand), 1);
    let triggered = (
        "TriggeredScaleUp".to_owned(),
        "pod triggered scale-up: [{gpu 0->1 (max: 2)}]".to_owned(),
    );
    assert_eq!(stand.events("default", "one"), [triggered]);
    assert_eq!(
        stand.events("default", "large"),
        [(
            "NotTriggerScaleUp".to_owned(),
            "pod didn't trigger scale-up: 1 Insufficient nvidia.com/gpu".to_owned()
        )]
    );
    for name in ["three", "four", "five"] {
        pending(&stand, name, 2).await;
    }
    stand.pass(30).await;
    assert_eq!(nodes(&stand), 2);
    let refused: Vec<String> = ["three", "four", "five"]
        .iter()
        .flat_map(|name| stand.events("default", name))
        .map(|(_, message)| message)
        .filter(|message| message.contains("max node group size reached"))
        .collect();
    assert!(!refused.is_empty());
    let report = stand
        .get(
            &resources::CONFIG_MAPS,
            "kube-system",
            "cluster-autoscaler-status",
        )
        .unwrap();
    assert!(
        report["data"]["status"]
            .as_str()
            .unwrap()
            .contains("autoscalerStatus: Running")
    );
}

#[tokio::test(start_paused = true)]
async fn nodes_that_nobody_needs_go_after_a_while() {
    let stand = stand();
    pending(&stand, "one", 1).await;
    stand.pass(15).await;
    assert_eq!(nodes(&stand), 1);
    stand
        .delete(&resources::PODS, "default", "one", Default::default())
        .await;
    for _ in 0..15 {
        beat(&stand).await;
    }
    let node = &stand.api.list(&resources::NODES, None)[0];
    assert_eq!(
        node["spec"]["taints"][0]["key"],
        "DeletionCandidateOfClusterAutoscaler"
    );
    for _ in 0..20 {
        beat(&stand).await;
    }
    assert_eq!(nodes(&stand), 0);
}

/// Lets time pass while the nodes say that they are there.
async fn beat(stand: &Stand) {
    stand.pass(20).await;
    for node in stand.api.list(&resources::NODES, None) {
        let conditions = json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": stand.api.now()}]);
        stand
            .merge_status(
                &resources::NODES,
                "",
                meta::name(&node),
                json!({"conditions": conditions}),
            )
            .await;
    }
}
