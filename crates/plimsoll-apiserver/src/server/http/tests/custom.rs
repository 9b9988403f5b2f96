//! Custom resources, from their definition to its end.

use super::*;

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
