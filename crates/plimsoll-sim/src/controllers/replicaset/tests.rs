use plimsoll_apiserver::{DeleteOptions, resources};
use serde_json::{Value, json};

use crate::controllers::{
    facts::meta,
    stand::{Stand, template},
};

fn set(replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template("web", None)}})
}

#[tokio::test(start_paused = true)]
async fn a_set_has_as_many_pods_as_it_says() {
    let stand = Stand::new();
    stand.create(set(3)).await;
    stand.pass(1).await;
    assert_eq!(stand.pods("default").len(), 3);
    let told = stand.get(&resources::REPLICA_SETS, "default", "web").unwrap();
    assert_eq!(told["status"]["replicas"], 3);
    assert_eq!(told["status"]["availableReplicas"], 3);
    assert_eq!(told["status"]["terminatingReplicas"], 0);
    let name = meta::name(&stand.pods("default")[0]).to_owned();
    assert!(
        stand
            .events("default", "web")
            .contains(&("SuccessfulCreate".to_owned(), format!("Created pod: {name}")))
    );
    stand
        .delete(&resources::PODS, "default", &name, DeleteOptions::default())
        .await;
    stand.pass(2).await;
    assert_eq!(stand.pods("default").len(), 3);
    stand
        .merge(
            &resources::REPLICA_SETS,
            "default",
            "web",
            json!({"spec": {"replicas": 0}}),
        )
        .await;
    stand.pass(2).await;
    assert!(stand.pods("default").is_empty());
    let told = stand.get(&resources::REPLICA_SETS, "default", "web").unwrap();
    assert_eq!(
        told["status"],
        json!({"replicas": 0, "observedGeneration": 2, "terminatingReplicas": 0})
    );
}

#[tokio::test(start_paused = true)]
async fn orphans_are_taken_in_and_strangers_let_go() {
    let stand = Stand::new();
    let mut orphan = template("web", None);
    orphan["apiVersion"] = json!("v1");
    orphan["kind"] = json!("Pod");
    orphan["metadata"]["name"] = json!("orphan");
    orphan["metadata"]["namespace"] = json!("default");
    stand.create(orphan).await;
    let set = stand.create(set(2)).await;
    stand.pass(1).await;
    assert_eq!(stand.pods("default").len(), 2);
    let orphan = stand.get(&resources::PODS, "default", "orphan").unwrap();
    assert_eq!(meta::controller_uid(&orphan), Some(meta::uid(&set)));
    stand
        .merge(
            &resources::PODS,
            "default",
            "orphan",
            json!({"metadata": {"labels": {"app": "other"}}}),
        )
        .await;
    stand.pass(1).await;
    assert_eq!(stand.pods("default").len(), 3);
    let stranger = stand.get(&resources::PODS, "default", "orphan").unwrap();
    assert!(meta::controller_of(&stranger).is_none());
}
