//! Discovery as a document for each group and version.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Group, subresource_kind, subresource_verbs};
use crate::catalog::{Served, api_version};

/// `/api`.
pub(super) fn versions() -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
    })
}

/// `/apis`.
pub(super) fn group_list(groups: &[Group]) -> Value {
    let groups: Vec<Value> = groups
        .iter()
        .filter(|group| !group.name.is_empty())
        .map(group)
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(super) fn group_document(of: &Group) -> Value {
    let mut document = group(of);
    document["kind"] = json!("APIGroup");
    document["apiVersion"] = json!("v1");
    document
}

fn group(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|(version, _)| json!({"groupVersion": api_version(&group.name, version), "version": version}))
        .collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

/// `/api/v1`, or `/apis/GROUP/VERSION`.
pub(super) fn resources(group: &str, version: &str, served: &[Arc<Served>]) -> Value {
    let resources: Vec<Value> = served
        .iter()
        .flat_map(|served| resource(served, version))
        .collect();
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(group, version),
        "resources": resources,
    })
}

fn resource(served: &Served, version: &str) -> Vec<Value> {
    let mut main = json!({
        "name": served.of.resource, "singularName": served.singular, "namespaced": served.namespaced,
        "kind": served.kind, "verbs": served.verbs.names(),
    });
    for (field, list) in [
        ("shortNames", &served.short_names),
        ("categories", &served.categories),
    ] {
        if !list.is_empty() {
            main[field] = json!(list);
        }
    }
    let mut all = vec![main];
    for subresource in served.subresources_in(version) {
        let (group, own_version, kind) = subresource_kind(served, version, subresource);
        let mut one = json!({
            "name": format!("{}/{subresource}", served.of.resource), "singularName": "",
            "namespaced": served.namespaced, "kind": kind, "verbs": subresource_verbs(subresource),
        });
        if group != served.of.group || own_version != version {
            one["group"] = group.into();
            one["version"] = own_version.into();
        }
        all.push(one);
    }
    all
}
