//! What of a pod may be changed.

use serde_json::{Map, Value, json};

use super::super::read;
use crate::schema::{Cause, path::Path};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
                         `spec.tolerations` (only additions to existing tolerations),\
                         `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What of a change of a pod's spec isn't allowed.
pub(super) fn check(spec: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let path = Path::new("spec");
    for list in ["containers", "initContainers"] {
        let (new, before) = (read::list(spec, list), read::list(old, list));
        if new.len() != before.len() {
            let detail = "pod updates may not add or remove containers";
            causes.push(Cause::forbidden(path.child(list), detail));
            return;
        }
        for (index, container) in new.iter().enumerate() {
            if read::text(container, "image").is_empty() {
                causes.push(Cause::required(path.child(list).index(index).child("image"), ""));
            }
        }
    }
    check_deadline(spec, old, &path, causes);
    check_tolerations(spec, old, &path.child("tolerations"), causes);
    check_gates(spec, old, &path.child("schedulingGates"), causes);
    let is_gated = !read::list(old, "schedulingGates").is_empty();
    if is_gated {
        check_node_selector(spec, old, &path.child("nodeSelector"), causes);
    }
    let mut munged = spec.clone();
    if let Some(munged) = munged.as_object_mut() {
        put_back(munged, old, is_gated);
    }
    if munged != *old {
        let detail = format!(
            "pod updates may not change fields other than {UPDATABLE}\n{}",
            difference(old, &munged)
        );
        causes.push(Cause::forbidden(path, &detail));
    }
}

/// Undoes what may change.
fn put_back(spec: &mut Map<String, Value>, old: &Value, is_gated: bool) {
    for list in ["containers", "initContainers"] {
        for (index, container) in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let image = read::list(old, list)
                .get(index)
                .and_then(|before| before.get("image"));
            restore(container, "image", image);
        }
    }
    let mut fields = vec!["activeDeadlineSeconds", "tolerations", "schedulingGates"];
    if is_gated {
        fields.push("nodeSelector");
    }
    let was_negative = read::whole(old, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0);
    if was_negative && spec.get("terminationGracePeriodSeconds") == Some(&json!(1)) {
        fields.push("terminationGracePeriodSeconds");
    }
    // Containers that are added for a look, and sizes, have subresources of their own.
    fields.push("ephemeralContainers");
    for field in fields {
        match old.get(field) {
            Some(value) => spec.insert(field.to_owned(), value.clone()),
            None => spec.remove(field),
        };
    }
    if is_gated {
        let before = old.pointer("/affinity/nodeAffinity");
        let affinity = spec.entry("affinity").or_insert_with(|| json!({}));
        restore(affinity, "nodeAffinity", before);
        if *affinity == json!({}) && old.get("affinity").is_none() {
            spec.remove("affinity");
        }
    }
}

fn restore(value: &mut Value, field: &str, old: Option<&Value>) {
    if let Some(fields) = value.as_object_mut() {
        match old {
            Some(old) => fields.insert(field.to_owned(), old.clone()),
            None => fields.remove(field),
        };
    }
}

fn check_deadline(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let path = path.child("activeDeadlineSeconds");
    match (
        read::whole(spec, "activeDeadlineSeconds"),
        read::whole(old, "activeDeadlineSeconds"),
    ) {
        (None, Some(_)) => {
            causes.push(Cause::invalid(
                path,
                &Value::Null,
                "must not update from a positive integer to nil value",
            ));
        }
        (Some(new), Some(old)) if new > old => {
            causes.push(Cause::invalid(
                path,
                &new.into(),
                "must be less than or equal to previous value",
            ));
        }
        _ => {}
    }
}

fn check_tolerations(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let new = read::list(spec, "tolerations");
    let is_alike = |one: &Value, other: &Value| {
        ["key", "operator", "value", "effect"]
            .iter()
            .all(|field| read::text(one, field) == read::text(other, field))
    };
    for before in read::list(old, "tolerations") {
        if !new.iter().any(|toleration| is_alike(toleration, before)) {
            let detail = "existing toleration can not be modified except its tolerationSeconds";
            causes.push(Cause::forbidden(path, detail));
            return;
        }
    }
}

fn check_gates(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let before = read::list(old, "schedulingGates");
    for (index, gate) in read::list(spec, "schedulingGates").iter().enumerate() {
        if !before.contains(gate) {
            let detail = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                read::text(gate, "name")
            );
            causes.push(Cause::forbidden(path.index(index).child("name"), &detail));
        }
    }
}

fn check_node_selector(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for (key, value) in read::entries(old, "nodeSelector") {
        if spec.get("nodeSelector").and_then(|selector| selector.get(key)) != Some(value) {
            causes.push(Cause::invalid(
                path,
                &spec["nodeSelector"],
                "no additions/deletions to non-empty NodeSelectorTerms list are allowed",
            ));
            return;
        }
    }
}

/// Which fields differ, a line each.
fn difference(old: &Value, new: &Value) -> String {
    let (old, new) = (old.as_object(), new.as_object());
    let mut names: Vec<&String> = old
        .into_iter()
        .flat_map(Map::keys)
        .chain(new.into_iter().flat_map(Map::keys))
        .collect();
    names.sort();
    names.dedup();
    let of =
        |fields: Option<&Map<String, Value>>, name: &str| fields.and_then(|fields| fields.get(name)).cloned();
    let mut lines = String::new();
    for name in names {
        let (before, after) = (of(old, name), of(new, name));
        if before != after {
            let text = |value: Option<Value>| value.map_or("null".to_owned(), |value| value.to_string());
            lines.push_str(&format!(
                "- {name}: {}\n+ {name}: {}\n",
                text(before),
                text(after)
            ));
        }
    }
    lines
}
