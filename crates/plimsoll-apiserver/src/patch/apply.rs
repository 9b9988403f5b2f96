//! Server-side apply, and the record of other writes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Manager,
    fields::{Set, compare, faults, fields_of, merge, remove},
    managed::{Entry, Identity, Managed, Operation, UNMANAGED, metadata, time},
};
use crate::{
    Reason, Status,
    schema::{Schema, graph::View},
};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Server-side apply: the object that results, with `metadata.managedFields`.
///
/// All three in the version of the request; `live` is the stored object, if there is one.
///
/// # Errors
/// `Conflict` where another manager has a field with another value, unless `force`; `Unknown` for fields that the kind
/// doesn't have.
pub fn apply(
    schema: &Schema,
    live: Option<&Value>,
    applied: &Value,
    by: &Manager,
    force: bool,
) -> Result<Value, Status> {
    let schema = schema.root();
    if applied
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Status::new(
            Reason::BadRequest,
            "metadata.managedFields must be nil",
        ));
    }
    let wrong = faults(schema, applied);
    if !wrong.is_empty() {
        return Err(mistyped(applied, &wrong));
    }
    let empty = json!({});
    let old = without_managed(live.unwrap_or(&empty));
    let mut managed = live.map(Managed::read).unwrap_or_default();
    if live.is_some() && managed.0.is_empty() {
        let before = compare(schema, &empty, &old);
        let fields = before.added.difference(&UNMANAGED);
        managed.0.insert(Identity::before_apply(by), entry(by, fields));
    }
    let own = Identity::of(by, Operation::Apply);
    let last = managed.0.get(&own).cloned();
    let fields = fields_of(schema, applied).without_fields(&by.leaves);
    managed.0.insert(
        own.clone(),
        Entry {
            fields,
            ..entry(by, Set::default())
        },
    );

    // What this write leaves alone doesn't get in by it either.
    let applied = without(applied, &by.leaves);
    let merged = merge(schema, &old, &applied);
    let new = match &last {
        Some(last) => prune(schema, &merged, &managed, &last.fields),
        None => merged,
    };
    let force = force || is_upgrade(schema, &old, &new, &managed, &own, by);
    settle(schema, &old, &new, &mut managed, &own, by, force)?;
    if let Some(entry) = managed.0.get_mut(&own) {
        entry.fields = entry.fields.difference(&UNMANAGED);
        // The time only moves with the object.
        if let Some(last) = last.filter(|_| old == new) {
            entry.time = last.time;
        }
    }
    let mut new = new;
    managed.write(&mut new);
    Ok(new)
}

/// Records in `metadata.managedFields` what a write other than apply changed.
pub fn track_update(of: &Schema, live: Option<&Value>, new: &mut Value, by: &Manager) {
    let schema = of.root();
    let is_reset = new.pointer("/metadata/managedFields") == Some(&json!([{}]));
    let mut managed = live.map(Managed::read).unwrap_or_default();
    let old = live.map_or_else(|| of.empty(), without_managed);
    if let Some(metadata) = metadata(new) {
        metadata.remove("managedFields");
    }
    // An object that nobody's fields are recorded of stays so until somebody applies it.
    if is_reset || live.is_some() && managed.0.is_empty() {
        return;
    }
    let own = Identity::of(by, Operation::Update);
    let changes = compare(schema, &old, new).without_fields(&by.leaves);
    let mut taken = changes.modified;
    taken.add(&changes.added);
    for (identity, entry) in &mut managed.0 {
        entry.fields.subtract(&changes.removed);
        if *identity != own {
            entry.fields.subtract(&taken);
        }
    }
    taken.subtract(&UNMANAGED);
    if !taken.is_empty() {
        let mut fields = managed
            .0
            .remove(&own)
            .map(|entry| entry.fields)
            .unwrap_or_default();
        fields.add(&taken);
        managed.0.insert(own, entry(by, fields));
    }
    managed.write(new);
}

fn entry(by: &Manager, fields: Set) -> Entry {
    Entry {
        api_version: by.api_version.clone(),
        time: Some(time(by.time)),
        fields,
    }
}

/// Takes out what the applier set the last time and doesn't any more, as long as nobody else owns it.
fn prune(schema: View<'_>, merged: &Value, managed: &Managed, last: &Set) -> Value {
    let without = |gone: &Set| remove(schema, merged, gone).unwrap_or_else(|| json!({}));
    let named = |set: &Set| set.with_named_fields(schema);
    let last = named(last);
    let all = named(&fields_of(schema, merged));
    let owned = managed.0.values().fold(Set::default(), |mut all, entry| {
        all.add(&entry.fields);
        all
    });
    // All of it goes, what somebody owns comes back, and what is only gone along with it, too.
    let left = named(&fields_of(schema, &without(&last)));
    let left = without(&all.difference(&left.union(&named(&owned))));
    let left = named(&fields_of(schema, &left));
    without(&all.difference(&left).intersection(&last))
}

/// Resolves who owns what after a change.
fn settle(
    schema: View<'_>,
    old: &Value,
    new: &Value,
    managed: &mut Managed,
    own: &Identity,
    by: &Manager,
    force: bool,
) -> Result<(), Status> {
    let changes = compare(schema, old, new).without_fields(&by.leaves);
    let taken = changes.modified.union(&changes.added);
    let mut conflicts = BTreeMap::new();
    for (identity, entry) in managed.0.iter().filter(|(identity, _)| *identity != own) {
        let fields = entry.fields.intersection(&taken);
        if !fields.is_empty() {
            conflicts.insert(identity.to_string(), fields);
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(conflict(&conflicts));
    }
    for (_, entry) in managed.0.iter_mut().filter(|(identity, _)| *identity != own) {
        entry.fields = entry.fields.difference(&taken).difference(&changes.removed);
    }
    Ok(())
}

/// Whether `kubectl` takes over what it applied itself before, in the client.
fn is_upgrade(
    schema: View<'_>,
    old: &Value,
    new: &Value,
    managed: &Managed,
    own: &Identity,
    by: &Manager,
) -> bool {
    if by.name != "kubectl" {
        return false;
    }
    let annotation = old
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(LAST_APPLIED));
    let last = annotation
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(last) =
        last.filter(|last| last.get("apiVersion").and_then(Value::as_str) == Some(&by.api_version))
    else {
        return false;
    };
    let differs = compare(schema, &last, old);
    let allowed = fields_of(schema, &last)
        .difference(&differs.modified)
        .difference(&differs.added)
        .difference(&differs.removed);
    let changes = compare(schema, old, new);
    let taken = changes.modified.union(&changes.added);
    let others = managed.0.iter().filter(|(identity, _)| *identity != own);
    others
        .into_iter()
        .all(|(_, entry)| entry.fields.intersection(&taken).difference(&allowed).is_empty())
}

fn conflict(conflicts: &BTreeMap<String, Set>) -> Status {
    let all: Vec<(&String, String)> = conflicts
        .iter()
        .flat_map(|(manager, fields)| fields.paths().into_iter().map(move |path| (manager, path)))
        .collect();
    let message = match all.as_slice() {
        [(manager, path)] => format!("Apply failed with 1 conflict: conflict with {manager}: {path}"),
        several => {
            let by_manager: Vec<String> = conflicts
                .iter()
                .map(|(manager, fields)| {
                    let paths: Vec<String> =
                        fields.paths().iter().map(|path| format!("\n- {path}")).collect();
                    format!("conflicts with {manager}:{}", paths.concat())
                })
                .collect();
            format!(
                "Apply failed with {} conflicts: {}",
                several.len(),
                by_manager.join("\n")
            )
        }
    };
    let causes: Vec<Value> = all
        .iter()
        .map(|(manager, path)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": path})
        })
        .collect();
    Status {
        reason: Reason::Conflict,
        message,
        details: json!({"causes": causes}),
    }
}

fn mistyped(applied: &Value, faults: &[String]) -> Status {
    let text = |path: &str| applied.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let namespace = text("/metadata/namespace");
    let what = match faults {
        [one] => one.clone(),
        several => {
            let lines: Vec<String> = several.iter().map(|fault| format!("\n  {fault}")).collect();
            format!("errors:{}", lines.concat())
        }
    };
    let api_version = text("/apiVersion");
    let slash = if api_version.contains('/') { "" } else { "/" };
    let message = format!(
        "failed to create typed patch object ({namespace}/{}; {slash}{api_version}, Kind={}): {what}",
        text("/metadata/name"),
        text("/kind")
    );
    Status::new(Reason::Unknown, message)
}

/// A copy without `metadata.managedFields`, which is as large as all the rest.
fn without_managed(object: &Value) -> Value {
    let Value::Object(fields) = object else {
        return object.clone();
    };
    let kept = |fields: &Map<String, Value>| -> Value {
        let kept = fields.iter().filter(|(name, _)| *name != "managedFields");
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let copied = fields.iter().map(|(name, value)| match value {
        Value::Object(metadata) if name == "metadata" => (name.clone(), kept(metadata)),
        other => (name.clone(), other.clone()),
    });
    Value::Object(copied.collect())
}

fn without(object: &Value, names: &[String]) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, _| !names.contains(name));
    }
    object
}
