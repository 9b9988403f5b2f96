//! Objects on their way through the verbs.

use super::*;

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
