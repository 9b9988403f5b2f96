use plimsoll_apiserver::{DeleteOptions, Object, resources};
use serde_json::{Value, json};

use super::FINALIZER;
use crate::controllers::{
    facts::meta,
    stand::{Stand, set_phase},
};

fn pod(claims: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default", "annotations": {"stand/stuck": ""}},
        "spec": {"containers": [{"name": "main", "image": "probe"}], "resourceClaims": claims}})
}

async fn template(stand: &Stand) {
    stand
        .create(
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate",
            "metadata": {"name": "one", "namespace": "default"},
            "spec": {"metadata": {"labels": {"a": "b"}}, "spec": {"devices": {"requests": [
                {"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}}}}),
        )
        .await;
}

/// What the scheduler does.
async fn allocate(stand: &Stand, claim: &str, pod: &Object) {
    stand
        .merge(
            &resources::RESOURCE_CLAIMS,
            "default",
            claim,
            json!({"metadata": {"finalizers": [FINALIZER]}}),
        )
        .await;
    stand
        .merge_status(
            &resources::RESOURCE_CLAIMS,
            "default",
            claim,
            json!({
            "allocation": {"devices": {"results": [
                {"request": "gpu", "driver": "d", "pool": "p", "device": "x"}]}},
            "reservedFor": [{"resource": "pods", "name": meta::name(pod), "uid": meta::uid(pod)}]}),
        )
        .await;
}

fn claims(stand: &Stand) -> Vec<Object> {
    stand.api.list(&resources::RESOURCE_CLAIMS, Some("default"))
}

#[tokio::test(start_paused = true)]
async fn a_template_becomes_a_claim_of_the_pod() {
    let stand = Stand::new();
    template(&stand).await;
    let pod = stand
        .create(pod(json!([{"name": "gpu", "resourceClaimTemplateName": "one"}])))
        .await;
    stand.pass(1).await;
    let [claim] = &claims(&stand)[..] else {
        panic!("one claim")
    };
    assert!(meta::name(claim).starts_with("p-gpu-"), "{}", meta::name(claim));
    assert_eq!(meta::controller_uid(claim), Some(meta::uid(&pod)));
    assert_eq!(
        meta::annotation(claim, "resource.kubernetes.io/pod-claim-name"),
        Some("gpu")
    );
    assert_eq!(meta::label(claim, "a"), Some("b"));
    let known = stand.get(&resources::PODS, "default", "p").unwrap();
    assert_eq!(
        known["status"]["resourceClaimStatuses"],
        json!([{"name": "gpu", "resourceClaimName": meta::name(claim)}])
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_template_is_told_of_and_waited_for() {
    let stand = Stand::new();
    stand
        .create(pod(json!([{"name": "gpu", "resourceClaimTemplateName": "one"}])))
        .await;
    stand.pass(1).await;
    let events = stand.events("default", "p");
    assert_eq!(events[0].0, "FailedResourceClaimCreation");
    assert_eq!(
        events[0].1,
        "PodResourceClaim gpu: resource claim template \"one\": resourceclaimtemplate.resource.k8s.io \"one\" not found"
    );
    template(&stand).await;
    stand.pass(1).await;
    assert_eq!(claims(&stand).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_taken_back_when_its_pod_is_over() {
    let stand = Stand::new();
    template(&stand).await;
    let pod = stand
        .create(pod(json!([{"name": "gpu", "resourceClaimTemplateName": "one"}])))
        .await;
    stand.pass(1).await;
    allocate(&stand, meta::name(&claims(&stand)[0]), &pod).await;
    stand.pass(1).await;
    assert_eq!(claims(&stand).len(), 1);
    set_phase(&stand.api, &pod, "Succeeded").await;
    stand.pass(1).await;
    assert!(
        claims(&stand).is_empty(),
        "a claim that was made for a pod goes with it"
    );
    assert!(stand.get(&resources::PODS, "default", "p").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_ones_own_is_free_again_but_stays() {
    let stand = Stand::new();
    stand
        .create(
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
            "metadata": {"name": "mine", "namespace": "default"}, "spec": {"devices": {"requests": [
                {"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}}}),
        )
        .await;
    let pod = stand
        .create(pod(json!([{"name": "gpu", "resourceClaimName": "mine"}])))
        .await;
    allocate(&stand, "mine", &pod).await;
    stand.pass(1).await;
    assert!(claims(&stand)[0]["status"]["allocation"].is_object());
    stand
        .delete(
            &resources::RESOURCE_CLAIMS,
            "default",
            "mine",
            DeleteOptions::default(),
        )
        .await;
    stand.pass(1).await;
    assert!(meta::deleting(&claims(&stand)[0]), "it waits for its user");
    let gone = DeleteOptions {
        grace_seconds: Some(0),
        ..DeleteOptions::default()
    };
    stand.delete(&resources::PODS, "default", "p", gone).await;
    stand.pass(1).await;
    assert!(claims(&stand).is_empty());
}
