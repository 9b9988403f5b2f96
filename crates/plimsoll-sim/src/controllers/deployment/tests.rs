use plimsoll_apiserver::{DeleteOptions, Object, Propagation, resources};
use serde_json::{Value, json};

use crate::controllers::{
    facts::{condition, meta},
    stand::{Stand, template},
};

fn deployment(strategy: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 3, "progressDeadlineSeconds": 60, "revisionHistoryLimit": 1, "strategy": strategy,
            "selector": {"matchLabels": {"app": "web"}}, "template": template("web", None)}})
}

fn rolling() -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
}

fn sets(stand: &Stand) -> Vec<Object> {
    stand.api.list(&resources::REPLICA_SETS, Some("default"))
}

fn told(stand: &Stand) -> Object {
    stand.get(&resources::DEPLOYMENTS, "default", "web").unwrap()
}

async fn new_image(stand: &Stand, image: &str) {
    let containers = json!([{"name": "main", "image": image}]);
    stand
        .merge(
            &resources::DEPLOYMENTS,
            "default",
            "web",
            json!({"spec": {"template": {"spec": {"containers": containers}}}}),
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_available_and_says_so() {
    let stand = Stand::new();
    stand.create(deployment(rolling())).await;
    stand.pass(2).await;
    let [set] = &sets(&stand)[..] else {
        panic!("one set")
    };
    assert_eq!(stand.pods("default").len(), 3);
    let told = told(&stand);
    assert_eq!(told["status"]["availableReplicas"], 3);
    assert_eq!(
        told["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "1"
    );
    let conditions = &told["status"]["conditions"];
    assert_eq!(conditions[0]["type"], "Available");
    let progressing = condition::find(conditions, "Progressing").unwrap();
    assert_eq!(progressing["reason"], "NewReplicaSetAvailable");
    let name = meta::name(set);
    assert_eq!(
        progressing["message"],
        format!("ReplicaSet \"{name}\" has successfully progressed.")
    );
    assert_eq!(
        stand.events("default", "web"),
        [(
            "ScalingReplicaSet".to_owned(),
            format!("Scaled up replica set {name} from 0 to 3")
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_template_replaces_pods_one_by_one() {
    let stand = Stand::new();
    stand.create(deployment(rolling())).await;
    stand.pass(2).await;
    new_image(&stand, "two").await;
    stand.pass(10).await;
    assert_eq!(sets(&stand).len(), 2);
    let pods = stand.pods("default");
    assert_eq!(pods.len(), 3);
    assert!(
        pods.iter()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "two")
    );
    assert_eq!(
        told(&stand)["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "2"
    );
    let reasons: Vec<String> = stand
        .events("default", "web")
        .into_iter()
        .map(|(_, message)| message)
        .collect();
    assert_eq!(reasons.len(), 7, "{reasons:?}");
    assert!(reasons.iter().any(|message| message.ends_with("from 3 to 2")));
    new_image(&stand, "three").await;
    stand.pass(10).await;
    assert_eq!(sets(&stand).len(), 2, "only one old revision is kept");
}

#[tokio::test(start_paused = true)]
async fn recreating_waits_for_the_old_pods_to_be_gone() {
    let stand = Stand::new();
    stand.create(deployment(json!({"type": "Recreate"}))).await;
    stand.pass(2).await;
    new_image(&stand, "two").await;
    stand.pass_ms(300).await;
    assert!(
        stand
            .pods("default")
            .iter()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "probe")
    );
    stand.pass(5).await;
    let pods = stand.pods("default");
    assert_eq!(pods.len(), 3);
    assert!(
        pods.iter()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "two")
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_gets_nowhere_times_out() {
    let stand = Stand::new();
    let mut stuck = deployment(rolling());
    stuck["spec"]["template"]["metadata"]["annotations"] = json!({"stand/stuck": ""});
    stand.create(stuck).await;
    stand.pass(70).await;
    let told = told(&stand);
    let progressing = condition::find(&told["status"]["conditions"], "Progressing").unwrap();
    assert_eq!(progressing["reason"], "ProgressDeadlineExceeded");
    assert!(!condition::is_true(&told["status"]["conditions"], "Available"));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_scaled_and_deleted_with_all_that_is_its() {
    let stand = Stand::new();
    stand.create(deployment(rolling())).await;
    stand.pass(2).await;
    stand
        .merge(
            &resources::DEPLOYMENTS,
            "default",
            "web",
            json!({"spec": {"replicas": 5}}),
        )
        .await;
    stand.pass(2).await;
    assert_eq!(stand.pods("default").len(), 5);
    let foreground = DeleteOptions {
        propagation: Some(Propagation::Foreground),
        ..DeleteOptions::default()
    };
    stand
        .delete(&resources::DEPLOYMENTS, "default", "web", foreground)
        .await;
    stand.pass(5).await;
    assert!(stand.get(&resources::DEPLOYMENTS, "default", "web").is_none());
    assert!(sets(&stand).is_empty());
    assert!(stand.pods("default").is_empty());
}
