//! Lists: pages, and moments of the past.

use super::*;

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
