//! Watches: what they see, and how they end.

use super::*;

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
