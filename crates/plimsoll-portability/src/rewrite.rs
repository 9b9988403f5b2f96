//! Objects of Kubernetes as they are written for one version or another.

use serde_json::{Value, json};

use crate::node::{Content, Node, Step, steps};

fn metadata(name: &str, namespace: &str) -> Vec<(String, Node)> {
    let mut entries = vec![("name".to_owned(), Node::from(json!(name)))];
    if !namespace.is_empty() {
        entries.push(("namespace".to_owned(), json!(namespace).into()));
    }
    entries
}

fn map(entries: Vec<(&str, Node)>) -> Node {
    Node {
        line: 0,
        column: 0,
        content: Content::Map(
            entries
                .into_iter()
                .map(|(key, node)| (key.to_owned(), node))
                .collect(),
        ),
    }
}

fn object(api_version: String, kind: &str, name: &str, namespace: &str, spec: Node) -> Node {
    let mut meta = map(Vec::new());
    meta.content = Content::Map(metadata(name, namespace));
    map(vec![
        ("apiVersion", json!(api_version).into()),
        ("kind", json!(kind).into()),
        ("metadata", meta),
        ("spec", spec),
    ])
}

pub(crate) fn claim_template(
    name: &str,
    namespace: &str,
    version: &str,
    class: &str,
    count: u64,
    selectors: &[String],
) -> Node {
    let mut facts = vec![("deviceClassName", json!(class).into())];
    if count != 1 {
        facts.push(("count", json!(count).into()));
    }
    if !selectors.is_empty() {
        let selectors: Vec<Value> = selectors
            .iter()
            .map(|expression| json!({"cel": {"expression": expression}}))
            .collect();
        facts.push(("selectors", json!(selectors).into()));
    }
    let request = if version == "v1beta1" {
        facts.insert(0, ("name", json!("devices").into()));
        map(facts)
    } else {
        map(vec![("name", json!("devices").into()), ("exactly", map(facts))])
    };
    let requests = Node {
        line: 0,
        column: 0,
        content: Content::List(vec![request]),
    };
    let spec = map(vec![(
        "spec",
        map(vec![("devices", map(vec![("requests", requests)]))]),
    )]);
    object(
        format!("resource.k8s.io/{version}"),
        "ResourceClaimTemplate",
        name,
        namespace,
        spec,
    )
}

pub(crate) fn pod_group(name: &str, namespace: &str, version: &str, count: u64) -> Node {
    let spec = json!({"schedulingPolicy": {"gang": {"minCount": count}}});
    object(
        format!("scheduling.k8s.io/{version}"),
        "PodGroup",
        name,
        namespace,
        spec.into(),
    )
}

fn requests(document: &mut Node) -> &mut [Node] {
    let template = document.get("kind").text() == Some("ResourceClaimTemplate");
    let path = if template {
        "spec.spec.devices.requests"
    } else {
        "spec.devices.requests"
    };
    match document.find_mut(&steps(path)).map(|node| &mut node.content) {
        Some(Content::List(items)) => items,
        _ => &mut [],
    }
}

/// `v1beta1` has a request's facts beside its name; later versions put them under `exactly`.
pub(crate) fn claim_version(document: &mut Node, to: &str) {
    document.set("apiVersion", json!(format!("resource.k8s.io/{to}")));
    for request in requests(document) {
        if !request.get("firstAvailable").is_null() {
            continue;
        }
        let nested = !request.get("exactly").is_null();
        if to == "v1beta1" && nested {
            if let Some(Content::Map(facts)) = request.remove("exactly").map(|node| node.content) {
                for (key, node) in facts {
                    request.set(&key, node);
                }
            }
        } else if to != "v1beta1"
            && !nested
            && let Content::Map(entries) = &mut request.content
        {
            let (name, facts): (Vec<_>, Vec<_>) = std::mem::take(entries)
                .into_iter()
                .partition(|(key, _)| key == "name");
            *entries = name;
            let mut exactly = map(Vec::new());
            exactly.content = Content::Map(facts);
            request.set("exactly", exactly);
        }
    }
}

pub(crate) fn rename_class(document: &mut Node, from: &str, to: &str) {
    let rename = |facts: &mut Node| {
        if facts.get("deviceClassName").text() == Some(from) {
            facts.set("deviceClassName", json!(to));
        }
    };
    for request in requests(document) {
        rename(request);
        if let Some(exactly) = request.find_mut(&steps("exactly")) {
            rename(exactly);
        }
        if let Some(Content::List(choices)) = request
            .find_mut(&steps("firstAvailable"))
            .map(|node| &mut node.content)
        {
            choices.iter_mut().for_each(rename);
        }
    }
}

/// `disruptionMode` became an object, and the reference to a Workload's template has other names.
pub(crate) fn gang_version(document: &mut Node, to: &str) {
    document.set("apiVersion", json!(format!("scheduling.k8s.io/{to}")));
    let old = to == "v1alpha2";
    let mode = document.at("spec.disruptionMode");
    let mode = if old {
        let all = !mode.get("all").is_null();
        (!mode.entries().is_empty()).then(|| json!(if all { "PodGroup" } else { "Pod" }))
    } else {
        mode.text().map(|mode| {
            if mode == "PodGroup" {
                json!({"all": {}})
            } else {
                json!({"single": {}})
            }
        })
    };
    if let Some(mode) = mode
        && let Some(spec) = document.entry("spec")
    {
        spec.set("disruptionMode", mode);
    }
}

pub(crate) fn drop_queue(node: &mut Node, metadata: &[Step]) {
    let Some(metadata) = node.find_mut(metadata) else {
        return;
    };
    for key in ["labels", "annotations"] {
        if metadata.get(key).is_null() {
            continue;
        }
        if let Some(Content::Map(entries)) = metadata.entry(key).map(|node| &mut node.content) {
            entries.retain(|(key, _)| !key.starts_with("kueue.x-k8s.io/"));
        }
        if metadata.get(key).entries().is_empty() {
            metadata.remove(key);
        }
    }
}
