use plimsoll_apiserver::resources;
use serde_json::{Value, json};

use crate::controllers::{
    facts::meta,
    stand::{Stand, template},
};

fn set(spec: Value) -> Value {
    let mut set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
        "spec": {"replicas": 3, "serviceName": "db", "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "selector": {"matchLabels": {"app": "db"}}, "template": template("db", None)}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        set["spec"][field] = value.clone();
    }
    set
}

fn images(stand: &Stand) -> Vec<String> {
    let pods = stand.pods("default");
    pods.iter()
        .map(|pod| pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned())
        .collect()
}

async fn new_image(stand: &Stand) {
    let containers = json!([{"name": "main", "image": "two"}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    stand
        .merge(&resources::STATEFUL_SETS, "default", "db", patch)
        .await;
}

#[tokio::test(start_paused = true)]
async fn pods_come_one_after_the_other_and_go_the_other_way_round() {
    let stand = Stand::new();
    stand.create(set(json!({}))).await;
    stand.pass_ms(150).await;
    assert_eq!(stand.names(&resources::PODS, "default"), ["db-0"]);
    stand.pass(3).await;
    assert_eq!(stand.names(&resources::PODS, "default"), ["db-0", "db-1", "db-2"]);
    let pod = stand.get(&resources::PODS, "default", "db-1").unwrap();
    assert_eq!(
        (&pod["spec"]["hostname"], &pod["spec"]["subdomain"]),
        (&json!("db-1"), &json!("db"))
    );
    assert_eq!(meta::label(&pod, "apps.kubernetes.io/pod-index"), Some("1"));
    let told = stand.get(&resources::STATEFUL_SETS, "default", "db").unwrap();
    assert_eq!(told["status"]["readyReplicas"], 3);
    assert_eq!(
        told["status"]["currentRevision"],
        told["status"]["updateRevision"]
    );
    assert_eq!(
        stand.events("default", "db")[0],
        (
            "SuccessfulCreate".to_owned(),
            "Create Pod db-0 in StatefulSet db successful".to_owned()
        )
    );
    stand
        .merge(
            &resources::STATEFUL_SETS,
            "default",
            "db",
            json!({"spec": {"replicas": 1}}),
        )
        .await;
    stand.pass_ms(100).await;
    let going: Vec<bool> = stand
        .pods("default")
        .iter()
        .map(|pod| meta::deleting(pod))
        .collect();
    assert_eq!(going, [false, false, true]);
    stand.pass(5).await;
    assert_eq!(stand.names(&resources::PODS, "default"), ["db-0"]);
}

#[tokio::test(start_paused = true)]
async fn parallel_pods_come_at_once() {
    let stand = Stand::new();
    stand
        .create(set(
            json!({"podManagementPolicy": "Parallel", "ordinals": {"start": 5}}),
        ))
        .await;
    stand.pass_ms(50).await;
    assert_eq!(stand.names(&resources::PODS, "default"), ["db-5", "db-6", "db-7"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_stops_at_its_partition() {
    let stand = Stand::new();
    stand
        .create(set(
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}),
        ))
        .await;
    stand.pass(5).await;
    new_image(&stand).await;
    stand.pass(10).await;
    assert_eq!(images(&stand), ["probe", "probe", "two"]);
    let patch = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}});
    stand
        .merge(&resources::STATEFUL_SETS, "default", "db", patch)
        .await;
    stand.pass(10).await;
    assert_eq!(images(&stand), ["two", "two", "two"]);
    let told = stand.get(&resources::STATEFUL_SETS, "default", "db").unwrap();
    assert_eq!(
        told["status"]["currentRevision"],
        told["status"]["updateRevision"]
    );
    assert_eq!(stand.names(&resources::CONTROLLER_REVISIONS, "default").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_pod_has_storage_of_its_own_that_stays() {
    let stand = Stand::new();
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    stand
        .create(set(json!({"replicas": 2, "volumeClaimTemplates": [claim]})))
        .await;
    stand.pass(3).await;
    assert_eq!(
        stand.names(&resources::PERSISTENT_VOLUME_CLAIMS, "default"),
        ["data-db-0", "data-db-1"]
    );
    let pod = stand.get(&resources::PODS, "default", "db-1").unwrap();
    assert_eq!(
        pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"],
        "data-db-1"
    );
    stand
        .merge(
            &resources::STATEFUL_SETS,
            "default",
            "db",
            json!({"spec": {"replicas": 0}}),
        )
        .await;
    stand.pass(5).await;
    assert!(stand.pods("default").is_empty());
    assert_eq!(
        stand.names(&resources::PERSISTENT_VOLUME_CLAIMS, "default").len(),
        2
    );
}
