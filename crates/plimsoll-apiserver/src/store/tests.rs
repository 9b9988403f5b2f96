//! How the store behaves.

use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::resources::{CONFIG_MAPS, PODS};

fn key(name: &str) -> Key {
    Key::new("default", name)
}

#[test]
fn every_change_has_a_version_of_its_own() {
    let store = Store::default();
    let mut state = store.lock();
    let first = state.put(&CONFIG_MAPS, key("a"), json!({"metadata": {"name": "a"}}));
    let second = state.put(&PODS, key("a"), json!({"metadata": {"name": "a"}}));
    assert_eq!(first["metadata"]["resourceVersion"], "1");
    assert_eq!(second["metadata"]["resourceVersion"], "2");
    let gone = state.remove(&CONFIG_MAPS, &key("a"));
    assert_eq!(
        gone.map(|gone| gone["metadata"]["resourceVersion"].clone()),
        Some(json!("3"))
    );
}

#[test]
fn pods_are_found_by_node_and_by_owner() {
    let store = Store::default();
    let mut state = store.lock();
    let owners = json!([{"uid": "u1"}]);
    state.put(
        &PODS,
        key("a"),
        json!({"metadata": {"name": "a", "ownerReferences": owners}, "spec": {}}),
    );
    assert_eq!(state.pods_on("").count(), 1);
    state.put(
        &PODS,
        key("a"),
        json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}}),
    );
    assert_eq!(state.pods_on("").count(), 0);
    assert_eq!(state.pods_on("n").count(), 1);
    assert_eq!(state.owned_by("u1").count(), 0);
    state.remove(&PODS, &key("a"));
    assert_eq!(state.pods_on("n").count(), 0);
}

#[test]
fn history_that_was_forgotten_is_refused() {
    let store = Store::default();
    let mut state = store.lock();
    state.put(&PODS, key("a"), json!({"metadata": {}}));
    state.put(&PODS, key("b"), json!({"metadata": {}}));
    assert_eq!(state.since(&PODS, 1).map(|records| records.len()), Ok(1));
    state.forget_history();
    assert!(state.since(&PODS, 1).is_err());
    assert_eq!(state.since(&PODS, 2).map(|records| records.len()), Ok(0));
}

#[tokio::test]
async fn subscribers_hear_of_changes_in_order() {
    let store = Store::default();
    let mut heard = store.lock().subscribe(&[PODS, CONFIG_MAPS]);
    store.lock().put(&PODS, key("a"), json!({"metadata": {}}));
    store.lock().put(&CONFIG_MAPS, key("a"), json!({"metadata": {}}));
    store.lock().remove(&PODS, &key("a"));
    let versions: Vec<u64> = heard
        .by_ref()
        .take(3)
        .map(|record| record.version)
        .collect()
        .await;
    assert_eq!(versions, [1, 2, 3]);
}
