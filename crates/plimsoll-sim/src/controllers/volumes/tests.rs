use plimsoll_apiserver::resources;
use serde_json::{Value, json};

use super::PROVISIONER;
use crate::controllers::stand::{Stand, template};

async fn class(stand: &Stand, mode: &str) {
    stand
        .create(
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
            "provisioner": PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": mode}),
        )
        .await;
}

async fn claim(stand: &Stand, name: &str, class: Value) {
    stand
        .create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": class,
                "resources": {"requests": {"storage": "1Gi"}}}}))
        .await;
}

fn phase(stand: &Stand, name: &str) -> Value {
    stand
        .get(&resources::PERSISTENT_VOLUME_CLAIMS, "default", name)
        .unwrap()["status"]["phase"]
        .clone()
}

#[tokio::test(start_paused = true)]
async fn a_claim_gets_a_new_volume_that_goes_with_it() {
    let stand = Stand::new();
    class(&stand, "Immediate").await;
    claim(&stand, "data", json!("fast")).await;
    stand.pass(1).await;
    assert_eq!(phase(&stand, "data"), "Bound");
    let [volume] = &stand.api.list(&resources::PERSISTENT_VOLUMES, None)[..] else {
        panic!("one volume")
    };
    assert_eq!(volume["status"]["phase"], "Bound");
    stand
        .delete(
            &resources::PERSISTENT_VOLUME_CLAIMS,
            "default",
            "data",
            Default::default(),
        )
        .await;
    stand.pass(1).await;
    assert!(
        stand
            .get(&resources::PERSISTENT_VOLUME_CLAIMS, "default", "data")
            .is_none()
    );
    assert!(stand.api.list(&resources::PERSISTENT_VOLUMES, None).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_claim_can_wait_for_its_first_pod_and_stays_while_a_pod_uses_it() {
    let stand = Stand::new();
    class(&stand, "WaitForFirstConsumer").await;
    claim(&stand, "data", json!("fast")).await;
    stand.pass(1).await;
    assert_eq!(phase(&stand, "data"), "Pending");
    assert_eq!(stand.events("default", "data")[0].0, "WaitForFirstConsumer");
    let mut pod = template("x", None);
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("p");
    pod["metadata"]["namespace"] = json!("default");
    pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    stand.create(pod).await;
    stand.pass(1).await;
    assert_eq!(phase(&stand, "data"), "Bound");
    stand
        .delete(
            &resources::PERSISTENT_VOLUME_CLAIMS,
            "default",
            "data",
            Default::default(),
        )
        .await;
    stand.pass(1).await;
    assert!(
        stand
            .get(&resources::PERSISTENT_VOLUME_CLAIMS, "default", "data")
            .is_some()
    );
    stand
        .delete(&resources::PODS, "default", "p", Default::default())
        .await;
    stand.pass(2).await;
    assert!(
        stand
            .get(&resources::PERSISTENT_VOLUME_CLAIMS, "default", "data")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_is_there_is_taken_and_kept() {
    let stand = Stand::new();
    stand
        .create(
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
            "spec": {"accessModes": ["ReadWriteMany"], "capacity": {"storage": "2Gi"}, "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/data"}}}),
        )
        .await;
    claim(&stand, "data", json!("")).await;
    stand.pass(1).await;
    assert_eq!(phase(&stand, "data"), "Bound");
    stand
        .delete(
            &resources::PERSISTENT_VOLUME_CLAIMS,
            "default",
            "data",
            Default::default(),
        )
        .await;
    stand.pass(1).await;
    assert_eq!(
        stand.get(&resources::PERSISTENT_VOLUMES, "", "v").unwrap()["status"]["phase"],
        "Released"
    );
}
