use plimsoll_apiserver::{DeleteOptions, Object, resources};
use serde_json::{Value, json};

use super::{
    super::{
        facts::meta,
        stand::{Stand, template},
    },
    slices::{self, Packing},
};

fn service(spec: Value) -> Value {
    let mut service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "labels": {"a": "b"}},
        "spec": {"clusterIP": "10.96.0.10", "ipFamilies": ["IPv4"], "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        service["spec"][field] = value.clone();
    }
    service
}

fn pod(name: &str, ready: bool, deleting: bool) -> Object {
    let mut pod = json!({"metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "n", "hostname": name, "subdomain": "web", "containers": [
            {"ports": [{"name": "named", "containerPort": 9000, "protocol": "TCP"}]}]},
        "status": {"phase": "Running", "podIPs": [{"ip": format!("10.1.0.{}", name.len())}],
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}});
    if deleting {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    pod.into()
}

fn pack(service: &Value, present: &[Object], pods: &[Object]) -> Vec<Packing> {
    let wanted = slices::wanted(service, pods, &mut |_| Some("z".to_owned()));
    slices::pack(service, present, wanted, "2026-01-01T00:00:00Z")
}

#[test]
fn an_endpoint_tells_readiness_serving_and_leave() {
    let service = service(json!({}));
    let packings = pack(
        &service,
        &[],
        &[
            pod("a", true, false),
            pod("bb", false, false),
            pod("ccc", true, true),
        ],
    );
    let [Packing::Create(slice)] = &packings[..] else {
        panic!("{packings:?}")
    };
    let conditions: Vec<&Value> = meta::items(&slice["endpoints"])
        .iter()
        .map(|own| &own["conditions"])
        .collect();
    assert_eq!(
        conditions,
        [
            &json!({"ready": true, "serving": true, "terminating": false}),
            &json!({"ready": false, "serving": false, "terminating": false}),
            &json!({"ready": false, "serving": true, "terminating": true}),
        ]
    );
    assert_eq!(slice["endpoints"][0]["hostname"], "a");
    assert_eq!(slice["endpoints"][0]["zone"], "z");
    assert_eq!(
        slice["ports"],
        json!([{"name": "http", "port": 8080, "protocol": "TCP"}])
    );
    assert_eq!(slice["metadata"]["labels"]["kubernetes.io/service-name"], "web");
    let legacy = super::legacy::endpoints(&service, &[pod("a", true, false), pod("bb", false, false)]);
    assert_eq!(legacy["subsets"][0]["addresses"][0]["ip"], "10.1.0.1");
    assert_eq!(legacy["subsets"][0]["notReadyAddresses"][0]["ip"], "10.1.0.2");
}

#[test]
fn addresses_are_published_before_readiness_where_that_is_asked_for() {
    let service = service(json!({"publishNotReadyAddresses": true, "clusterIP": "None",
        "ports": [{"name": "x", "port": 1, "targetPort": "named"}]}));
    let packings = pack(&service, &[], &[pod("a", false, false)]);
    let [Packing::Create(slice)] = &packings[..] else {
        panic!("{packings:?}")
    };
    assert_eq!(slice["endpoints"][0]["conditions"]["ready"], true);
    assert_eq!(slice["ports"][0]["port"], 9000);
    assert_eq!(slice["metadata"]["labels"]["service.kubernetes.io/headless"], "");
}

#[test]
fn endpoints_stay_in_their_slices_and_slices_take_a_hundred() {
    let service = service(json!({}));
    let many: Vec<Object> = (0..150)
        .map(|index| {
            let mut one = (*pod("a", true, false)).clone();
            one["metadata"]["name"] = json!(format!("p{index:03}"));
            one["metadata"]["uid"] = one["metadata"]["name"].clone();
            one.into()
        })
        .collect();
    let created: Vec<Object> = pack(&service, &[], &many)
        .into_iter()
        .enumerate()
        .map(|(index, packing)| match packing {
            Packing::Create(mut slice) => {
                slice["metadata"]["name"] = json!(format!("web-{index}"));
                slice.into()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(created.len(), 2);
    assert_eq!(pack(&service, &created, &many), []);
    let packings = pack(&service, &created, &many[1..]);
    let [Packing::Update(slice)] = &packings[..] else {
        panic!("{packings:?}")
    };
    assert_eq!(
        (meta::name(slice), meta::items(&slice["endpoints"]).len()),
        ("web-0", 99)
    );
    let packings = pack(&service, &created, &[]);
    assert_eq!(packings.len(), 3, "one empty slice is made, two go");
}

#[tokio::test(start_paused = true)]
async fn slices_follow_pods_and_go_with_their_service() {
    let stand = Stand::new();
    let mut service = service(json!({}));
    service["metadata"]["uid"].take();
    stand.create(service).await;
    stand.pass(1).await;
    let slices = |stand: &Stand| stand.api.list(&resources::ENDPOINT_SLICES, Some("default"));
    let ours = |stand: &Stand| -> Vec<Object> {
        slices(stand)
            .into_iter()
            .filter(|slice| meta::name(slice).starts_with("web-"))
            .collect()
    };
    assert_eq!(ours(&stand).len(), 1);
    assert_eq!(ours(&stand)[0]["endpoints"], Value::Null);
    let mut pod = template("web", None);
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("web-0");
    pod["metadata"]["namespace"] = json!("default");
    stand.create(pod).await;
    stand.pass(1).await;
    stand
        .merge_status(
            &resources::PODS,
            "default",
            "web-0",
            json!({"podIP": "10.1.0.7", "podIPs": [{"ip": "10.1.0.7"}]}),
        )
        .await;
    stand.pass(1).await;
    assert_eq!(ours(&stand)[0]["endpoints"][0]["addresses"], json!(["10.1.0.7"]));
    let endpoints = stand.get(&resources::ENDPOINTS, "default", "web").unwrap();
    assert_eq!(endpoints["subsets"][0]["addresses"][0]["ip"], "10.1.0.7");
    stand
        .delete(&resources::SERVICES, "default", "web", DeleteOptions::default())
        .await;
    stand.pass(2).await;
    assert!(ours(&stand).is_empty());
    assert!(stand.get(&resources::ENDPOINTS, "default", "web").is_none());
}
