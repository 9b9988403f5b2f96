//! Pods with claims.

use plimsoll_apiserver::{Object, resources};
use serde_json::{Value, json};

use super::bench::{Bench, asks};

const DRIVER: &str = "gpu.nvidia.com";

/// Two nodes with two devices each.
async fn platform(faults: &[&str]) -> Bench {
    let bench = Bench::of(36, faults);
    bench.create(class("gpu", json!({}))).await;
    for node in ["n1", "n2"] {
        bench.node(node, 8, 0);
        bench.create(slice(node, 1)).await;
    }
    bench
}

fn class(name: &str, extra: Value) -> Value {
    let mut spec = json!({"selectors": [{"cel": {"expression": format!("device.driver == \"{DRIVER}\"")}}]});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}, "spec": spec})
}

fn slice(node: &str, generation: u32) -> Value {
    let device = |number: u32| json!({"name": format!("gpu-{number}"), "attributes": {"uuid": {"string": format!("GPU-{node}-{number}")}}});
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": format!("{node}-{generation}")},
        "spec": {"driver": DRIVER, "nodeName": node, "devices": [device(0), device(1)],
                 "pool": {"name": node, "generation": generation, "resourceSliceCount": 1}},
    })
}

fn claim(name: &str, exactly: Value) -> Value {
    let mut request = json!({"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1});
    for (key, value) in exactly.as_object().into_iter().flatten() {
        request[key] = value.clone();
    }
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": name, "namespace": "default"},
        "spec": {"devices": {"requests": [{"name": "device", "exactly": request}]}},
    })
}

fn uuid(text: &str) -> Value {
    json!({"selectors": [{"cel": {"expression": format!("device.attributes[\"{DRIVER}\"].uuid == \"{text}\"")}}]})
}

fn with(claim: &str) -> Value {
    json!({"resourceClaims": [{"name": "x", "resourceClaimName": claim}]})
}

fn read(bench: &Bench, name: &str) -> Object {
    bench
        .api
        .get(&resources::RESOURCE_CLAIMS, Some("default"), name)
        .unwrap()
}

fn device(bench: &Bench, claim: &str) -> String {
    let result = &read(bench, claim)["status"]["allocation"]["devices"]["results"][0];
    let text = |key: &str| result[key].as_str().unwrap_or_default();
    format!("{}/{}", text("pool"), text("device"))
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_allocated_reserved_and_protected_before_its_pod_is_bound() {
    let bench = platform(&[]).await;
    bench.create(claim("one", json!({}))).await;
    bench.pod("a", with("one")).await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
    let claim = read(&bench, "one");
    assert_eq!(
        claim["metadata"]["finalizers"],
        json!(["resource.kubernetes.io/delete-protection"])
    );
    assert_eq!(
        claim["status"]["allocation"],
        json!({
            "allocationTimestamp": "2026-10-01T08:00:00Z",
            "devices": {"results": [{"request": "device", "driver": DRIVER, "pool": "n1", "device": "gpu-0"}]},
            "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]},
        })
    );
    let uid = &bench.read("a")["metadata"]["uid"];
    assert_eq!(
        claim["status"]["reservedFor"],
        json!([{"resource": "pods", "name": "a", "uid": uid}])
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_in_use_is_given_away_only_once_it_is_released() {
    let bench = platform(&[]).await;
    for (claimed, pod) in [("one", "a"), ("two", "b")] {
        bench.create(claim(claimed, uuid("GPU-n2-1"))).await;
        bench.pod(pod, with(claimed)).await;
        bench.rest().await;
    }
    assert_eq!(
        (bench.node_of("a"), bench.node_of("b")),
        ("n2".into(), String::new())
    );
    let (reason, message) = bench.said("b");
    assert_eq!(reason, "Unschedulable");
    assert!(
        message.starts_with(
            "0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2"
        ),
        "{message}"
    );
    bench.remove("a").await;
    bench.rest().await;
    assert_eq!(bench.node_of("b"), "", "the claim still has the device");
    release(&bench, "one").await;
    bench.rest().await;
    assert_eq!(
        (bench.node_of("b"), device(&bench, "two")),
        ("n2".into(), "n2/gpu-1".into())
    );
}

async fn release(bench: &Bench, claim: &str) {
    let patch = json!({"status": {"allocation": null, "reservedFor": null}});
    bench
        .api
        .merge(
            &resources::RESOURCE_CLAIMS,
            Some("default"),
            claim,
            Some("status"),
            patch,
        )
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn pods_that_share_a_claim_go_where_it_is() {
    let bench = platform(&[]).await;
    bench.create(claim("one", json!({}))).await;
    bench.pod("a", with("one")).await;
    bench.rest().await;
    // The other node is emptier.
    bench.pod("b", with("one")).await;
    bench.rest().await;
    assert_eq!(
        (bench.node_of("a"), bench.node_of("b")),
        ("n1".into(), "n1".into())
    );
    assert_eq!(
        read(&bench, "one")["status"]["reservedFor"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let mut elsewhere = with("one");
    elsewhere["nodeSelector"] = json!({"kubernetes.io/hostname": "n2"});
    bench.pod("c", elsewhere).await;
    bench.rest().await;
    let text = "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 resourceclaim not available on the node. ";
    assert!(bench.said("c").1.starts_with(text), "{}", bench.said("c").1);
}

#[tokio::test(start_paused = true)]
async fn a_pod_waits_in_silence_for_a_claim_that_is_not_there() {
    let bench = platform(&[]).await;
    bench.pod("a", with("later")).await;
    bench.rest().await;
    assert_eq!((bench.said("a").0, bench.events("a").len()), (String::new(), 0));
    bench.create(claim("later", json!({}))).await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
}

#[tokio::test(start_paused = true)]
async fn a_class_that_is_not_there_is_told_and_waited_for() {
    let bench = platform(&[]).await;
    bench
        .create(claim("one", json!({"deviceClassName": "later"})))
        .await;
    bench.pod("a", with("one")).await;
    bench.rest().await;
    let (reason, message) = bench.said("a");
    assert_eq!(reason, "Unschedulable");
    assert!(
        message.starts_with("0/2 nodes are available: request device: device class later does not exist. "),
        "{message}"
    );
    bench.create(class("later", json!({}))).await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
}

#[tokio::test(start_paused = true)]
async fn devices_that_are_published_later_are_news() {
    let bench = Bench::new();
    bench.create(class("gpu", json!({}))).await;
    bench.node("n1", 8, 0);
    bench.create(claim("one", json!({}))).await;
    bench.pod("a", with("one")).await;
    bench.rest().await;
    assert_eq!(bench.said("a").0, "Unschedulable");
    bench.create(slice("n1", 1)).await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
}

#[tokio::test(start_paused = true)]
async fn an_extended_resource_may_be_a_claim_in_disguise() {
    let bench = Bench::new();
    bench
        .create(class("gpu", json!({"extendedResourceName": "nvidia.com/gpu"})))
        .await;
    bench.node("n1", 8, 0);
    bench.create(slice("n1", 1)).await;
    bench.pod("a", asks(json!({"nvidia.com/gpu": "2"}))).await;
    bench
        .pod("b", asks(json!({"deviceclass.resource.kubernetes.io/gpu": "1"})))
        .await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
    let status = bench.read("a")["status"]["extendedResourceClaimStatus"].clone();
    let name = status["resourceClaimName"].as_str().unwrap();
    assert!(name.starts_with("a-extended-resources-"), "{name}");
    assert_eq!(
        status["requestMappings"],
        json!([{"containerName": "c", "resourceName": "nvidia.com/gpu", "requestName": "container-0-request-0"}])
    );
    let claim = read(&bench, name);
    assert_eq!(
        claim["status"]["allocation"]["devices"]["results"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(claim["status"]["reservedFor"][0]["name"], "a");
    assert!(
        bench.said("b").1.contains("1 cannot allocate all claims"),
        "{}",
        bench.said("b").1
    );
}

#[tokio::test(start_paused = true)]
async fn before_that_came_a_class_stands_for_no_resource() {
    let bench = Bench::of(34, &[]);
    bench
        .create(class("gpu", json!({"extendedResourceName": "nvidia.com/gpu"})))
        .await;
    bench.node("n1", 8, 0);
    bench.create(slice("n1", 1)).await;
    bench.pod("a", asks(json!({"nvidia.com/gpu": "1"}))).await;
    bench.rest().await;
    assert!(bench.said("a").1.contains("Insufficient nvidia.com/gpu"));
}

#[tokio::test(start_paused = true)]
async fn who_selects_a_device_in_use_gets_it_all_the_same() {
    let bench = platform(&["dra.selected-anyway"]).await;
    for (claimed, pod) in [("one", "a"), ("two", "b")] {
        bench.create(claim(claimed, uuid("GPU-n2-1"))).await;
        bench.pod(pod, with(claimed)).await;
        bench.rest().await;
    }
    assert_eq!(
        (device(&bench, "one"), device(&bench, "two")),
        ("n2/gpu-1".into(), "n2/gpu-1".into())
    );
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_two_is_given_one() {
    let bench = platform(&["dra.short-count"]).await;
    for (name, count) in [("two", 2), ("many", 3)] {
        bench.create(claim(name, json!({"count": count}))).await;
        bench.pod(name, with(name)).await;
    }
    bench.rest().await;
    let results = &read(&bench, "two")["status"]["allocation"]["devices"]["results"];
    assert_eq!(results.as_array().map(Vec::len), Some(1));
    assert_eq!(bench.node_of("many"), "", "what is not there at all is not given");
}

#[tokio::test(start_paused = true)]
async fn what_a_claim_selects_is_not_looked_at() {
    let bench = platform(&["dra.request-ignored"]).await;
    bench.create(claim("one", uuid("GPU-n2-1"))).await;
    bench.pod("a", with("one")).await;
    bench.rest().await;
    assert_eq!(device(&bench, "one"), "n1/gpu-0");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_waits_does_not_hear_of_a_release() {
    let bench = platform(&["dra.not-woken"]).await;
    for (claimed, pod) in [("one", "a"), ("two", "b")] {
        bench.create(claim(claimed, uuid("GPU-n2-1"))).await;
        bench.pod(pod, with(claimed)).await;
        bench.rest().await;
    }
    bench.remove("a").await;
    release(&bench, "one").await;
    bench.rest().await;
    assert_eq!(bench.node_of("b"), "");
    bench.create(claim("three", uuid("GPU-n2-1"))).await;
    bench.pod("c", with("three")).await;
    bench.rest().await;
    assert_eq!(bench.node_of("c"), "n2", "a pod that comes now gets it");
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_not_reserved_for_the_pod_that_is_bound() {
    let bench = platform(&["dra.unreserved"]).await;
    bench.create(claim("one", json!({}))).await;
    bench.pod("a", with("one")).await;
    bench.rest().await;
    assert_eq!(bench.node_of("a"), "n1");
    assert!(read(&bench, "one")["status"]["reservedFor"].is_null());
}
