//! What is served, in which versions and in which form.

use super::*;

#[tokio::test]
async fn older_versions_of_claims_are_served_by_their_own_platforms() {
    let claim = |version: &str| {
        let exactly = json!({"deviceClassName": "gpu"});
        let request = if version == "v1beta1" {
            json!({"name": "r", "deviceClassName": "gpu"})
        } else {
            json!({"name": "r", "exactly": exactly})
        };
        json!({
            "apiVersion": format!("resource.k8s.io/{version}"), "kind": "ResourceClaim", "metadata": {"name": "c"},
            "spec": {"devices": {"requests": [request]}},
        })
    };
    let path = |version: &str| format!("/apis/resource.k8s.io/{version}/namespaces/default/resourceclaims");
    let old = client_of(33);
    assert_eq!(old.get(&path("v1")).await.0, 404);
    assert_eq!(old.post(&path("v1beta2"), &claim("v1beta2")).await.0, 201);
    let new = client_of(34);
    assert_eq!(new.post(&path("v1"), &claim("v1")).await.0, 201);
    let (code, shown) = new.get(&format!("{}/c", path("v1beta2"))).await;
    assert_eq!(
        (code, &shown["apiVersion"]),
        (200, &json!("resource.k8s.io/v1beta2"))
    );
}

#[tokio::test]
async fn events_are_one_collection_in_two_groups() {
    let client = client();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "R", "message": "m", "type": "Normal",
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
    });
    let (code, _) = client.post("/api/v1/namespaces/default/events", &event).await;
    assert_eq!(code, 201);
    let (code, shown) = client
        .get("/apis/events.k8s.io/v1/namespaces/default/events/e")
        .await;
    assert_eq!((code, &shown["apiVersion"]), (200, &json!("events.k8s.io/v1")));
    let selected = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp,reason%3DR";
    assert_eq!(client.get(selected).await.1["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn discovery_tells_what_is_served() {
    let client = client();
    client.post(DEFINITIONS, &definition()).await;
    let (_, version) = client.get("/version").await;
    assert_eq!(version["gitVersion"], "v1.36.0");
    let (_, groups) = client.get("/apis").await;
    let last = groups["groups"].as_array().unwrap().last().unwrap();
    assert_eq!(last["preferredVersion"]["groupVersion"], "example.com/v1");
    let (_, core) = client.get("/api/v1").await;
    let names: Vec<&str> = core["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"pods") && names.contains(&"pods/log") && names.contains(&"serviceaccounts/token")
    );
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let all = client.get_as("/apis", accept).await;
    assert_eq!(all["kind"], "APIGroupDiscoveryList");
    let widgets = &all["items"].as_array().unwrap().last().unwrap()["versions"][0]["resources"][0];
    assert_eq!(
        (&widgets["resource"], &widgets["shortNames"]),
        (&json!("widgets"), &json!(["wd"]))
    );
    assert_eq!(
        client.get_as("/api", accept).await["items"][0]["versions"][0]["version"],
        "v1"
    );
    assert_eq!(client.get("/readyz").await.0, 200);
    let (_, openapi) = client.get("/openapi/v3/apis/apps/v1").await;
    let patch = &openapi["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
}

#[tokio::test]
async fn only_metadata_is_shown_where_that_is_wanted() {
    let client = client();
    client.post(PODS, &pod("a")).await;
    let list = client
        .get_as(
            PODS,
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        )
        .await;
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(
        list["items"][0].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["metadata"]
    );
}
