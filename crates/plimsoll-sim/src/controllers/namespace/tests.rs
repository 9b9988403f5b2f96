use plimsoll_apiserver::{DeleteOptions, resources};
use serde_json::json;

use crate::controllers::{
    facts::condition,
    stand::{Stand, template},
};

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_with_everything_in_it() {
    let stand = Stand::new();
    stand.namespace("doomed").await;
    for index in 0..3 {
        let mut pod = template("web", None);
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(format!("web-{index}"));
        pod["metadata"]["namespace"] = json!("doomed");
        stand.create(pod).await;
    }
    stand.pass(2).await;
    assert_eq!(stand.pods("doomed").len(), 3);
    stand
        .delete(&resources::NAMESPACES, "", "doomed", DeleteOptions::default())
        .await;
    stand.pass(1).await;
    let namespace = stand.get(&resources::NAMESPACES, "", "doomed").unwrap();
    assert_eq!(namespace["status"]["phase"], "Terminating");
    stand.pass(5).await;
    let namespace = stand.get(&resources::NAMESPACES, "", "doomed").unwrap();
    let remaining = condition::find(&namespace["status"]["conditions"], "NamespaceContentRemaining").unwrap();
    assert_eq!(
        remaining["reason"], "ContentRemoved",
        "pods that are left are not told of"
    );
    stand.pass(20).await;
    assert!(stand.get(&resources::NAMESPACES, "", "doomed").is_none());
    assert!(stand.names(&resources::CONFIG_MAPS, "doomed").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_keeps_a_namespace_and_is_named() {
    let stand = Stand::new();
    stand.namespace("held").await;
    stand
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": "held", "finalizers": ["example.com/hold"]}}))
        .await;
    stand
        .delete(&resources::NAMESPACES, "", "held", DeleteOptions::default())
        .await;
    stand.pass(30).await;
    let namespace = stand.get(&resources::NAMESPACES, "", "held").unwrap();
    let conditions = &namespace["status"]["conditions"];
    let finalizers = condition::find(conditions, "NamespaceFinalizersRemaining").unwrap();
    assert_eq!(
        finalizers["message"],
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    );
    assert!(!condition::is_true(conditions, "NamespaceDeletionContentFailure"));
    stand
        .merge(
            &resources::CONFIG_MAPS,
            "held",
            "held",
            json!({"metadata": {"finalizers": null}}),
        )
        .await;
    stand.pass(20).await;
    assert!(stand.get(&resources::NAMESPACES, "", "held").is_none());
}
