//! The API as clients have it.

use std::time::Duration;

use ::http::Response;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};

use super::*;
use crate::{ApiServer, Clock, Config, Gates, Matching, Reason, Seed, resources};

/// A server and who asks it.
struct Client(ApiServer, User);

fn client_of(minor: u32) -> Client {
    let server = ApiServer::new(Config {
        minor,
        clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
        seed: Seed::new(1),
        gates: Gates::default(),
        latency: Duration::ZERO,
    });
    server.load(vec![account()]).unwrap();
    Client(server, User::admin())
}

/// What a controller makes in every namespace.
fn account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}})
}

fn client() -> Client {
    client_of(36)
}

impl Client {
    async fn send(&self, request: Request<Bytes>) -> Response<Body> {
        self.0.handle(&self.1, request).await
    }

    async fn ask(&self, method: Method, path: &str, media: &str, body: &Value) -> (u16, Value) {
        let bytes = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, media)
            .header(header::USER_AGENT, "test/1")
            .body(bytes)
            .unwrap();
        let answer = self.send(request).await;
        let code = answer.status().as_u16();
        let bytes = answer.into_body().bytes().await;
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, "", &Value::Null).await
    }

    async fn get_as(&self, path: &str, accept: &str) -> Value {
        let request = Request::builder()
            .uri(path)
            .header(header::ACCEPT, accept)
            .body(Bytes::new())
            .unwrap();
        let bytes = self.send(request).await.into_body().bytes().await;
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, path, "application/json", body).await
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PUT, path, "application/json", body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PATCH, path, "application/merge-patch+json", body)
            .await
    }

    async fn delete(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::DELETE, path, "application/json", body).await
    }

    async fn watch(&self, path: &str) -> Body {
        let request = Request::builder().uri(path).body(Bytes::new()).unwrap();
        self.send(request).await.into_body()
    }
}

/// The lines that are there by now, as type, name and resourceVersion.
async fn lines(watch: &mut Body, count: usize) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for _ in 0..count {
        let line: Value = serde_json::from_slice(&watch.next().await.unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines.push((text(&line["type"]), text(&line["object"]["metadata"]["name"])));
    }
    lines
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/i:1"}]},
    })
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

#[tokio::test]
async fn an_object_takes_its_way_through_all_verbs() {
    let client = client();
    let (code, created) = client.post(PODS, &pod("a")).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["kind"], "Pod");
    let path = format!("{PODS}/a");
    assert_eq!(client.get(&path).await, (200, created.clone()));
    let (code, patched) = client
        .patch(&path, &json!({"metadata": {"labels": {"x": "y"}}}))
        .await;
    assert_eq!((code, &patched["metadata"]["labels"]["x"]), (200, &json!("y")));
    let (code, stale) = client.put(&path, &created).await;
    assert_eq!(code, 409);
    assert_eq!(
        stale["message"],
        "Operation cannot be fulfilled on pods \"a\": the object has been modified; please apply your changes to the \
         latest version and try again"
    );
    assert_eq!(client.delete(&path, &Value::Null).await.0, 200);
    let (code, missing) = client.get(&path).await;
    assert_eq!(code, 404);
    assert_eq!(missing["message"], "pods \"a\" not found");
    assert_eq!(missing["details"], json!({"name": "a", "kind": "pods"}));
    assert_eq!(missing["reason"], "NotFound");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_as_the_real_server_does() {
    let client = client();
    let (code, refusal) = client.get("/api/v1/namespaces/default/foos").await;
    assert_eq!((code, &refusal["reason"]), (404, &json!("NotFound")));
    assert_eq!(client.get("/apis/none.example/v1/foos").await, (404, Value::Null));
    assert_eq!(client.get("/apis/none.example/v1").await.0, 404);
    assert_eq!(client.post(&format!("{PODS}/x"), &pod("x")).await.0, 405);
    let (code, refusal) = client
        .get(&format!("{PODS}?fieldSelector=spec.priority%3D1"))
        .await;
    assert_eq!(
        (code, &refusal["message"]),
        (400, &json!("field label not supported: spec.priority"))
    );
}

#[tokio::test]
async fn pages_show_one_moment() {
    let client = client();
    for name in ["a", "b", "c", "d", "e"] {
        client.post(MAPS, &map(name)).await;
    }
    let (_, first) = client.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    let names = |list: &Value| -> Vec<Value> {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].clone())
            .collect()
    };
    assert_eq!(names(&first), ["a", "b"]);
    client.delete(&format!("{MAPS}/c"), &Value::Null).await;
    client.post(MAPS, &map("d2")).await;
    client
        .patch(&format!("{MAPS}/d"), &json!({"data": {"a": "changed"}}))
        .await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = client.get(&format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!(names(&second), ["c", "d", "e"]);
    assert_eq!(second["items"][1]["data"]["a"], "b");
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    assert!(second["metadata"].get("continue").is_none());
    client.0.faults().forget_history();
    let (code, expired) = client.get(&format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!((code, &expired["reason"]), (410, &json!("Expired")));
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = client.get(&format!("{MAPS}?continue={token}")).await;
    assert_eq!(names(&rest), ["d", "d2", "e"]);
}

#[tokio::test]
async fn lists_can_be_of_an_earlier_moment() {
    let client = client();
    let (_, first) = client.post(MAPS, &map("a")).await;
    client.delete(&format!("{MAPS}/a"), &Value::Null).await;
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    let (_, past) = client
        .get(&format!(
            "{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
        ))
        .await;
    assert_eq!(past["items"][0]["data"]["a"], "b");
    assert!(past["items"][0].get("kind").is_none());
    let (code, refusal) = client.get(&format!("{MAPS}?resourceVersionMatch=Exact")).await;
    assert_eq!((code, &refusal["reason"]), (422, &json!("Invalid")));
}

#[tokio::test(start_paused = true)]
async fn a_version_of_the_future_is_not_there_yet() {
    let (code, refusal) = client().get(&format!("{MAPS}?resourceVersion=99999")).await;
    assert_eq!(code, 504);
    assert!(
        refusal["message"]
            .as_str()
            .unwrap()
            .starts_with("Too large resource version: 99999")
    );
}

#[tokio::test]
async fn watches_see_what_enters_and_leaves_their_selection() {
    let client = client();
    let (_, list) = client.get(PODS).await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    client.post(PODS, &pod("a")).await;
    let mut watch = client
        .watch(&format!(
            "{PODS}?watch=true&labelSelector=app%3Da&resourceVersion={version}"
        ))
        .await;
    client.post(PODS, &pod("b")).await;
    let path = format!("{PODS}/a");
    client
        .patch(&path, &json!({"metadata": {"labels": {"x": "y"}}}))
        .await;
    client
        .patch(&path, &json!({"metadata": {"labels": {"app": "z"}}}))
        .await;
    client
        .patch(&path, &json!({"metadata": {"labels": {"app": "a"}}}))
        .await;
    client.delete(&path, &Value::Null).await;
    assert_eq!(
        lines(&mut watch, 5).await,
        [
            pair("ADDED", "a"),
            pair("MODIFIED", "a"),
            pair("DELETED", "a"),
            pair("ADDED", "a"),
            pair("DELETED", "a")
        ]
    );
    assert!(watch.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over_and_tells_how_far_it_got() {
    let client = client();
    let mut watch = client
        .watch(&format!(
            "{PODS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=90"
        ))
        .await;
    let bookmark: Value = serde_json::from_slice(&watch.next().await.unwrap()).unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["kind"], "Pod");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_of_forgotten_history_is_told_to_list_again() {
    let client = client();
    client.post(PODS, &pod("a")).await;
    client.0.faults().forget_history();
    let mut watch = client.watch(&format!("{PODS}?watch=1&resourceVersion=1")).await;
    let error: Value = serde_json::from_slice(&watch.next().await.unwrap()).unwrap();
    assert_eq!(error["type"], "ERROR");
    assert_eq!(
        (&error["object"]["code"], &error["object"]["reason"]),
        (&json!(410), &json!("Expired"))
    );
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_can_begin_with_everything_and_say_when_that_is_over() {
    let client = client();
    client.post(PODS, &pod("a")).await;
    let mut watch = client
        .watch(&format!(
            "{PODS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
        ))
        .await;
    assert_eq!(lines(&mut watch, 1).await, [pair("ADDED", "a")]);
    let bookmark: Value = serde_json::from_slice(&watch.next().await.unwrap()).unwrap();
    assert_eq!(
        bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    let (code, _) = client
        .get(&format!("{PODS}?watch=1&sendInitialEvents=true"))
        .await;
    assert_eq!(code, 422);
}

#[tokio::test]
async fn watches_end_where_the_server_closes_them() {
    let client = client();
    let mut watch = client.watch(&format!("{PODS}?watch=1")).await;
    client.0.faults().close_watches();
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let client = client();
    let (code, created) = client.post(&format!("{PODS}?dryRun=All"), &pod("a")).await;
    assert_eq!(code, 201);
    assert!(created["metadata"]["uid"].is_string());
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 404);
    client.post(PODS, &pod("a")).await;
    let (code, _) = client.delete(&format!("{PODS}/a?dryRun=All"), &Value::Null).await;
    assert_eq!(code, 200);
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 200);
}

#[tokio::test]
async fn preconditions_of_a_deletion_are_kept() {
    let client = client();
    client.post(MAPS, &map("a")).await;
    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}});
    let (code, refusal) = client.delete(&format!("{MAPS}/a"), &options).await;
    assert_eq!((code, &refusal["reason"]), (409, &json!("Conflict")));
    let (code, done) = client.delete(&format!("{MAPS}/a"), &Value::Null).await;
    assert_eq!((code, &done["status"]), (200, &json!("Success")));
}

#[tokio::test]
async fn a_collection_is_deleted_by_selection() {
    let client = client();
    for name in ["a", "b"] {
        client.post(PODS, &pod(name)).await;
    }
    let (code, gone) = client
        .delete(&format!("{PODS}?labelSelector=app%3Da"), &Value::Null)
        .await;
    assert_eq!((code, gone["items"].as_array().unwrap().len()), (200, 1));
    let (_, rest) = client.get(PODS).await;
    assert_eq!(rest["items"][0]["metadata"]["name"], "b");
}

#[tokio::test]
async fn generated_names_follow_from_the_prefix() {
    let client = client();
    let mut object = map("");
    object["metadata"] = json!({"generateName": "map-"});
    let (code, created) = client.post(MAPS, &object).await;
    assert_eq!(code, 201);
    let name = created["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("map-") && name.len() == 9, "{name}");
}

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

fn definition() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}, "color": {"type": "string"}}},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    }}});
    let subresources = json!({
        "status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
    });
    let columns = json!([{"name": "Color", "type": "string", "jsonPath": ".spec.color"}]);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": subresources,
                 "additionalPrinterColumns": columns, "selectableFields": [{"jsonPath": ".spec.color"}]},
                {"name": "v1alpha1", "served": true, "storage": false, "schema": schema},
            ],
        },
    })
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn widget(name: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name},
        "spec": {"replicas": 2, "color": "red"}, "status": {"replicas": 9},
    })
}

#[tokio::test]
async fn custom_resources_are_served_from_their_definition_on() {
    let client = client();
    assert_eq!(client.get(WIDGETS).await.0, 404);
    let (code, created) = client.post(DEFINITIONS, &definition()).await;
    assert_eq!(code, 201, "{created}");
    let (_, known) = client.get(&format!("{DEFINITIONS}/widgets.example.com")).await;
    let conditions: Vec<_> = known["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(conditions, ["NamesAccepted", "Established"]);
    assert_eq!(known["status"]["acceptedNames"]["listKind"], "WidgetList");

    let (code, first) = client.post(WIDGETS, &widget("a")).await;
    assert_eq!(code, 201, "{first}");
    assert_eq!(
        (&first["status"], &first["metadata"]["generation"]),
        (&Value::Null, &json!(1))
    );
    let path = format!("{WIDGETS}/a");
    let (_, scaled) = client
        .patch(&format!("{path}/scale"), &json!({"spec": {"replicas": 5}}))
        .await;
    assert_eq!(
        (&scaled["kind"], &scaled["spec"]["replicas"]),
        (&json!("Scale"), &json!(5))
    );
    let status = json!({"status": {"replicas": 5}, "spec": {"color": "blue"}});
    let (_, shown) = client.patch(&format!("{path}/status"), &status).await;
    assert_eq!(
        (&shown["status"]["replicas"], &shown["spec"]["color"]),
        (&json!(5), &json!("red"))
    );
    assert_eq!(shown["metadata"]["generation"], 2);
    let (_, other) = client
        .get("/apis/example.com/v1alpha1/namespaces/default/widgets/a")
        .await;
    assert_eq!(other["apiVersion"], "example.com/v1alpha1");
    assert_eq!(
        client
            .get("/apis/example.com/v1alpha1/namespaces/default/widgets/a/scale")
            .await
            .0,
        404
    );
    let (_, selected) = client
        .get(&format!("{WIDGETS}?fieldSelector=spec.color%3Dblue"))
        .await;
    assert_eq!(selected["items"], json!([]));
    assert_eq!(
        (&selected["kind"], &selected["apiVersion"]),
        (&json!("WidgetList"), &json!("example.com/v1"))
    );
    let table = client
        .get_as(WIDGETS, "application/json;as=Table;v=v1;g=meta.k8s.io")
        .await;
    assert_eq!(table["rows"][0]["cells"], json!(["a", "red"]));
}

#[tokio::test]
async fn a_definition_goes_with_its_objects() {
    let client = client();
    client.post(DEFINITIONS, &definition()).await;
    client.post(WIDGETS, &widget("a")).await;
    let mut kept = widget("b");
    kept["metadata"]["finalizers"] = json!(["example.com/keep"]);
    client.post(WIDGETS, &kept).await;
    let mut watch = client.watch(&format!("{WIDGETS}?watch=1")).await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let (_, leaving) = client.delete(&path, &Value::Null).await;
    assert_eq!(
        leaving["metadata"]["finalizers"],
        json!(["customresourcecleanup.apiextensions.k8s.io"])
    );
    assert_eq!(client.post(WIDGETS, &widget("c")).await.0, 405);
    let (_, list) = client.get(WIDGETS).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    client
        .patch(
            &format!("{WIDGETS}/b"),
            &json!({"metadata": {"finalizers": null}}),
        )
        .await;
    assert_eq!(client.get(&path).await.0, 404);
    assert_eq!(client.get(WIDGETS).await.0, 404);
    assert_eq!(lines(&mut watch, 5).await[4], pair("DELETED", "b"));
    assert!(watch.next().await.is_none());
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

#[tokio::test]
async fn scripted_trouble_befalls_requests() {
    let client = client();
    let refusal = Status::new(Reason::InternalError, "etcd is gone");
    let faults = client.0.faults();
    faults.script(
        Matching::path(PODS).method(Method::POST),
        Trouble::RefuseAfterwards(refusal.clone()),
        Some(1),
    );
    faults.script(
        Matching::path(PODS).method(Method::GET),
        Trouble::Refuse(refusal),
        Some(1),
    );
    faults.script(Matching::path(MAPS), Trouble::Silence, None);
    assert_eq!(client.post(PODS, &pod("a")).await.0, 500);
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 500);
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 200);
    assert!(client.get(MAPS).now_or_never().is_none());
    faults.clear();
    faults.drop_field(resources::PODS, "/spec/schedulerName");
    let mut other = pod("b");
    other["spec"]["schedulerName"] = json!("mine");
    let (_, created) = client.post(PODS, &other).await;
    assert_ne!(created["spec"]["schedulerName"], "mine");
}

#[tokio::test(start_paused = true)]
async fn answers_take_their_time_and_tell_it() {
    let client = client();
    client
        .0
        .faults()
        .delay(Matching::path("/api"), Duration::from_secs(61));
    let request = Request::builder().uri(PODS).body(Bytes::new()).unwrap();
    let answer = client.send(request).await;
    assert_eq!(answer.headers()[header::DATE], "Thu, 01 Oct 2026 08:01:01 GMT");
}

#[tokio::test]
async fn services_get_addresses_and_ports_of_their_own() {
    let client = client();
    let service = |name: &str, kind: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": kind, "ports": [{"port": 80, "protocol": "TCP"}]},
        })
    };
    let path = "/api/v1/namespaces/default/services";
    let (_, first) = client.post(path, &service("a", "ClusterIP")).await;
    let (_, second) = client.post(path, &service("b", "NodePort")).await;
    assert_eq!(first["spec"]["clusterIP"], "10.96.0.16");
    assert_eq!(second["spec"]["clusterIP"], "10.96.0.17");
    assert_eq!(second["spec"]["ports"][0]["nodePort"], 30_000);
    let (code, _) = client.put(&format!("{path}/a"), &service("a", "ClusterIP")).await;
    assert_eq!(code, 200);
    assert_eq!(
        client.get(&format!("{path}/a")).await.1["spec"]["clusterIP"],
        "10.96.0.16"
    );
}

#[tokio::test]
async fn pods_are_bound_and_evicted_through_their_subresources() {
    let client = client();
    client.post(PODS, &pod("a")).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n"}});
    assert_eq!(client.post(&format!("{PODS}/a/binding"), &binding).await.0, 201);
    let (_, bound) = client
        .get(&format!("{PODS}?fieldSelector=spec.nodeName%3Dn"))
        .await;
    assert_eq!(bound["items"][0]["metadata"]["name"], "a");
    assert_eq!(client.post(&format!("{PODS}/a/binding"), &binding).await.0, 409);
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}, "deleteOptions": {"gracePeriodSeconds": 0}});
    assert_eq!(client.post(&format!("{PODS}/a/eviction"), &eviction).await.0, 201);
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 404);
}

#[tokio::test]
async fn others_are_impersonated_by_those_who_may() {
    let client = client();
    let request = Request::builder()
        .uri(PODS)
        .header("Impersonate-User", "jane")
        .header("Impersonate-Group", "nobodies")
        .body(Bytes::new())
        .unwrap();
    let answer = client.send(request).await;
    assert_eq!(answer.status(), 403);
    let body: Value = serde_json::from_slice(&answer.into_body().bytes().await).unwrap();
    assert_eq!(
        body["message"],
        "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
    );
}
