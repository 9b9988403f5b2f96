//! Discovery in one document.

use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::{Group, groups, json_answer, subresource_kind, subresource_verbs};
use crate::{
    catalog::Served,
    server::{Inner, http::Answer},
};

impl Inner {
    /// `/api` or `/apis` as a list of everything.
    pub(super) fn aggregated(&self, version: &str, core: bool) -> Answer {
        let items: Vec<Value> = groups(&self.catalog())
            .iter()
            .filter(|group| group.name.is_empty() == core)
            .map(group)
            .collect();
        let mut answer = json_answer(&json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
            "metadata": {}, "items": items,
        }));
        let media = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
        if let Ok(media) = HeaderValue::from_str(&media) {
            answer.headers_mut().insert(header::CONTENT_TYPE, media);
        }
        answer
    }
}

fn group(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|(version, served)| {
            let resources: Vec<Value> = served.iter().map(|served| resource(served, version)).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let mut metadata = json!({"creationTimestamp": null});
    if !group.name.is_empty() {
        metadata["name"] = group.name.clone().into();
    }
    json!({"metadata": metadata, "versions": versions})
}

fn resource(served: &Served, version: &str) -> Value {
    let mut resource = json!({
        "resource": served.of.resource,
        "responseKind": {"group": served.of.group, "version": version, "kind": served.kind},
        "scope": if served.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": served.singular,
        "verbs": served.verbs.names(),
    });
    for (field, list) in [
        ("shortNames", &served.short_names),
        ("categories", &served.categories),
    ] {
        if !list.is_empty() {
            resource[field] = json!(list);
        }
    }
    let subresources: Vec<Value> = served
        .subresources_in(version)
        .map(|subresource| {
            let (group, version, kind) = subresource_kind(served, version, subresource);
            json!({
                "subresource": subresource,
                "responseKind": {"group": group, "version": version, "kind": kind},
                "verbs": subresource_verbs(subresource),
            })
        })
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = subresources.into();
    }
    resource
}
