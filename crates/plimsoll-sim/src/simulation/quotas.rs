//! What operators put into each new namespace: a quota.

use std::collections::BTreeMap;

use futures::StreamExt;
use plimsoll_apiserver::{Change, Direct, resources};
use serde_json::{Value, json};

/// Gives each namespace but the system's own a quota, for as long as the platform lives.
pub(super) async fn run(api: Direct, quota: BTreeMap<String, String>) {
    let mut changes = api.watch(&[resources::NAMESPACES]);
    while let Some(change) = changes.next().await {
        let Change::Added(_, namespace) = change else {
            continue;
        };
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        if !name.starts_with("kube-") {
            // One that ends at once needs no quota any more.
            let _ = api.create(object(name, &quota)).await;
        }
    }
}

fn object(namespace: &str, quota: &BTreeMap<String, String>) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "standard", "namespace": namespace},
        "spec": {"hard": quota},
    })
}
