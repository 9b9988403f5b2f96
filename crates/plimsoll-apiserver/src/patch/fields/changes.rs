//! What differs between two objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Owned, element::Element, owned, set::Set};
use crate::schema::graph::View;

/// Fields that differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: Set,
    pub(crate) modified: Set,
    pub(crate) removed: Set,
}

impl Changes {
    /// Without the fields of these names.
    pub(crate) fn without_fields(&self, names: &[String]) -> Self {
        Self {
            added: self.added.without_fields(names),
            modified: self.modified.without_fields(names),
            removed: self.removed.without_fields(names),
        }
    }
}

/// What differs between an old and a new object.
pub(crate) fn compare(schema: View<'_>, old: &Value, new: &Value) -> Changes {
    let mut changes = Changes::default();
    walk(schema, Some(old), Some(new), &mut Vec::new(), &mut changes);
    changes
}

fn walk(
    schema: View<'_>,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Element>,
    changes: &mut Changes,
) {
    let Some(some) = new.or(old) else { return };
    if old == new {
        return;
    }
    // A null is there, and as empty as it can be.
    let empty = match new {
        Some(Value::Object(_)) => json!({}),
        _ => json!([]),
    };
    let old = match (old, new) {
        (Some(Value::Null), Some(Value::Object(_) | Value::Array(_))) => Some(&empty),
        _ => old,
    };
    let is_alike = match (old, new) {
        (Some(old), Some(new)) => std::mem::discriminant(old) == std::mem::discriminant(new),
        _ => true,
    };
    let is_leaf = !is_alike || is_empty(old) && is_empty(new);
    match (owned(schema, some), some) {
        (Owned::ByField, _) if !is_leaf => {
            let (old, new) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
            for name in names(old, new) {
                path.push(Element::Field(name.clone()));
                let of = |fields: Option<&'_ Map<String, Value>>| {
                    fields.and_then(|fields| fields.get(name)).cloned()
                };
                walk(
                    schema.field(name),
                    of(old).as_ref(),
                    of(new).as_ref(),
                    path,
                    changes,
                );
                path.pop();
            }
        }
        (Owned::ByElement(keys), _) if !is_leaf => {
            let (olds, news) = (items(schema, keys, old), items(schema, keys, new));
            let elements = olds
                .keys()
                .chain(news.keys().filter(|element| !olds.contains_key(*element)));
            for element in elements {
                path.push(element.clone());
                let (old, new) = (
                    olds.get(element).map(Vec::as_slice),
                    news.get(element).map(Vec::as_slice),
                );
                walk_items(
                    schema.items(),
                    old.unwrap_or_default(),
                    new.unwrap_or_default(),
                    path,
                    changes,
                );
                path.pop();
            }
        }
        _ => {
            if let (Some(old), Some(new)) = (old, new)
                && old != new
            {
                changes.modified.insert(path);
            }
        }
    }
    if old.is_none() {
        changes.added.insert(path);
    } else if new.is_none() {
        changes.removed.insert(path);
    }
}

/// Elements of one identity: usually there is one, before and after.
fn walk_items(
    schema: View<'_>,
    old: &[&Value],
    new: &[&Value],
    path: &mut Vec<Element>,
    changes: &mut Changes,
) {
    match (old, new) {
        ([], [new]) => walk(schema, None, Some(new), path, changes),
        ([old], []) => walk(schema, Some(old), None, path, changes),
        ([old], [new]) => walk(schema, Some(old), Some(new), path, changes),
        ([_, _, ..], [_, _, ..]) => {
            if old != new {
                changes.modified.insert(path);
            }
        }
        (_, [_, _, ..]) => changes.added.insert(path),
        _ => changes.removed.insert(path),
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
    }
}

fn names<'a>(old: Option<&'a Map<String, Value>>, new: Option<&'a Map<String, Value>>) -> Vec<&'a String> {
    let mut names: Vec<&String> = old
        .into_iter()
        .flat_map(Map::keys)
        .chain(new.into_iter().flat_map(Map::keys))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn items<'a>(
    schema: View<'_>,
    keys: &[String],
    list: Option<&'a Value>,
) -> BTreeMap<Element, Vec<&'a Value>> {
    let mut found: BTreeMap<Element, Vec<&Value>> = BTreeMap::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        if let Some(element) = Element::of_item(schema.items(), keys, item) {
            found.entry(element).or_default().push(item);
        }
    }
    found
}
