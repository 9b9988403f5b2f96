//! Strategic merge patches, as `kubectl` makes them for built-in kinds.

use serde_json::{Map, Value};

use super::golang::plain;
use crate::schema::graph::{Patch, View};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// What an object becomes by a patch.
pub(super) fn patch(schema: View<'_>, object: &Value, patch: &Value) -> Result<Value, String> {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => merge_object(schema, object.clone(), patch)
            .map(|merged| Value::Object(merged.unwrap_or_default())),
        _ => Err("the patch is not a JSON object".to_owned()),
    }
}

/// `None` where the patch deletes the object.
fn merge_object(
    schema: View<'_>,
    mut object: Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Option<Map<String, Value>>, String> {
    match patch.get(DIRECTIVE).map(Value::as_str) {
        None | Some(Some("merge")) => {}
        Some(Some("replace")) => return Ok(Some(without_directives(patch))),
        Some(Some("delete")) => return Ok(None),
        Some(_) => {
            return Err(format!(
                "unknown patch type: {} in map: {}",
                plain(&patch[DIRECTIVE]),
                plain(&Value::Object(patch.clone()))
            ));
        }
    }
    if let Some(retained) = patch.get(RETAIN_KEYS) {
        let retained = retained
            .as_array()
            .ok_or("the value of $retainKeys is not a list")?;
        let is_retained = |name: &str| retained.iter().any(|key| key.as_str() == Some(name));
        if let Some(other) = patch
            .keys()
            .find(|name| !name.starts_with('$') && !is_retained(name))
        {
            return Err(format!(
                "$retainKeys doesn't contain {other}, which the patch sets"
            ));
        }
        object.retain(|name, _| is_retained(name));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(DELETE_FROM) {
            delete_scalars(&mut object, list, value)?;
        }
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        let rule = schema
            .named(name)
            .map(|field| field.patch.clone())
            .unwrap_or_default();
        let order = patch.get(&format!("{ORDER}{name}"));
        match merge_field(schema.field(name), &rule, object.remove(name), value, order)? {
            Some(merged) => object.insert(name.clone(), merged),
            None => None,
        };
    }
    // An order without a change of elements.
    for (name, order) in patch {
        if let Some(name) = name.strip_prefix(ORDER)
            && !patch.contains_key(name)
            && let Some(Value::Array(items)) = object.get_mut(name)
            && let Some(order) = order.as_array()
        {
            let rule = schema
                .named(name)
                .map(|field| field.patch.clone())
                .unwrap_or_default();
            *items = ordered(std::mem::take(items), order, &[], rule.key.as_deref());
        }
    }
    Ok(Some(object))
}

fn merge_field(
    schema: View<'_>,
    rule: &Patch,
    old: Option<Value>,
    patch: &Value,
    order: Option<&Value>,
) -> Result<Option<Value>, String> {
    match (old, patch) {
        (_, Value::Null) => Ok(None),
        (Some(Value::Object(old)), Value::Object(patch)) if !rule.replace => {
            Ok(merge_object(schema, old, patch)?.map(Value::Object))
        }
        (old, Value::Object(patch)) => {
            let is_deleted = patch.get(DIRECTIVE).and_then(Value::as_str) == Some("delete");
            match is_deleted && old.is_none() {
                true => Ok(None),
                false => Ok(Some(Value::Object(without_directives(patch)))),
            }
        }
        (old, Value::Array(patch)) if rule.merge => {
            let old = match old {
                Some(Value::Array(old)) => old,
                _ => Vec::new(),
            };
            let merged = match rule.key.as_deref() {
                Some(key) => merge_objects(schema.items(), old.clone(), patch, key)?,
                None => merge_scalars(&old, patch),
            };
            Ok(Some(Value::Array(match order.and_then(Value::as_array) {
                Some(order) => ordered(merged, order, &old, rule.key.as_deref()),
                None => merged,
            })))
        }
        (_, patch) => Ok(Some(cleaned(patch))),
    }
}

fn merge_scalars(old: &[Value], patch: &[Value]) -> Vec<Value> {
    let mut merged = Vec::new();
    for value in old.iter().chain(patch) {
        if !merged.contains(value) {
            merged.push(value.clone());
        }
    }
    merged
}

fn merge_objects(
    schema: View<'_>,
    mut old: Vec<Value>,
    patch: &[Value],
    key: &str,
) -> Result<Vec<Value>, String> {
    let directive = |element: &Value| element.get(DIRECTIVE).and_then(Value::as_str).map(str::to_owned);
    if patch
        .iter()
        .any(|element| directive(element).as_deref() == Some("replace"))
    {
        let rest = patch.iter().filter(|element| directive(element).is_none());
        return Ok(rest.map(cleaned).collect());
    }
    for element in patch {
        let wanted = element.get(key).ok_or_else(|| {
            format!(
                "map: {} does not contain declared merge key: {key}",
                plain(element)
            )
        })?;
        let place = old.iter().position(|other| other.get(key) == Some(wanted));
        match (directive(element).as_deref(), place) {
            (Some("delete"), _) => old.retain(|other| other.get(key) != Some(wanted)),
            (_, Some(place)) => {
                if let (Some(Value::Object(other)), Value::Object(element)) =
                    (old.get(place).cloned(), element)
                {
                    match merge_object(schema, other, element)? {
                        Some(merged) => old[place] = Value::Object(merged),
                        None => {
                            old.remove(place);
                        }
                    }
                }
            }
            (_, None) => old.push(cleaned(element)),
        }
    }
    Ok(old)
}

fn delete_scalars(object: &mut Map<String, Value>, list: &str, gone: &Value) -> Result<(), String> {
    let gone = gone
        .as_array()
        .ok_or_else(|| format!("the value of {DELETE_FROM}{list} is not a list"))?;
    if let Some(Value::Array(items)) = object.get_mut(list) {
        items.retain(|item| !gone.contains(item));
    }
    Ok(())
}

/// Elements that the order names in that order; the others stay where they were, as far as that goes.
fn ordered(items: Vec<Value>, order: &[Value], old: &[Value], key: Option<&str>) -> Vec<Value> {
    let identity = |item: &Value| match key {
        Some(key) => item.get(key).cloned().unwrap_or(Value::Null),
        None => item.clone(),
    };
    let wanted: Vec<Value> = order.iter().map(identity).collect();
    let before: Vec<Value> = if old.is_empty() {
        items.iter().map(identity).collect()
    } else {
        old.iter().map(identity).collect()
    };
    let place_before = |item: &Value| before.iter().position(|other| *other == identity(item));
    let (mut named, others): (Vec<Value>, Vec<Value>) = items
        .into_iter()
        .partition(|item| wanted.contains(&identity(item)));
    named.sort_by_key(|item| wanted.iter().position(|other| *other == identity(item)));
    let mut merged = Vec::new();
    let mut others = others.into_iter().peekable();
    for item in named {
        while let Some(other) = others.next_if(
            |other| matches!((place_before(other), place_before(&item)), (Some(one), Some(two)) if one < two),
        ) {
            merged.push(other);
        }
        merged.push(item);
    }
    merged.extend(others);
    merged
}

/// What a patch adds where there was nothing: its directives and nulls only make sense against something.
fn cleaned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(without_directives(fields)),
        Value::Array(items) => items
            .iter()
            .filter(|item| item.get(DIRECTIVE).and_then(Value::as_str) != Some("delete"))
            .map(cleaned)
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn without_directives(fields: &Map<String, Value>) -> Map<String, Value> {
    let kept = fields.iter().filter(|(name, value)| {
        let is_directive = name.as_str() == DIRECTIVE
            || name.as_str() == RETAIN_KEYS
            || name.starts_with(ORDER)
            || name.starts_with(DELETE_FROM);
        !is_directive && !value.is_null()
    });
    kept.map(|(name, value)| (name.clone(), cleaned(value))).collect()
}
