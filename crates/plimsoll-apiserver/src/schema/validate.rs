//! Whether an object is what its schema says.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::{
    Cause, CauseReason,
    graph::{Fields, Keys, Shape, View},
    path::Path,
};

/// How many rules are evaluated for one object at most.
const MOST_RULES: usize = 100_000;

/// All that is wrong with a value; `old` is what it replaces.
pub(super) fn validate(schema: View<'_>, value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(schema, value, old, &Path::root(), &mut causes);
    if !schema.has_rules() {
        return causes;
    }
    // Rules rely on types being right, and on sizes being within bounds.
    if causes.iter().any(|cause| is_blocking(cause.reason)) {
        let detail = "some validation rules were not checked because the object was invalid; correct the existing \
                      errors to complete validation";
        causes.push(Cause::invalid("<nil>", &Value::Null, detail));
    } else {
        let budget = Cell::new(MOST_RULES);
        check_rules(schema, value, old, &Path::root(), &budget, &mut causes);
    }
    causes
}

/// What is wrong with a value as such, without rules.
pub(super) fn check_alone(schema: View<'_>, value: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(schema, value, None, &Path::root(), &mut causes);
    causes
}

fn is_blocking(reason: CauseReason) -> bool {
    match reason {
        CauseReason::Required
        | CauseReason::NotSupported
        | CauseReason::TooLong
        | CauseReason::TooMany
        | CauseReason::TypeInvalid => true,
        CauseReason::NotFound
        | CauseReason::Duplicate
        | CauseReason::Invalid
        | CauseReason::Forbidden
        | CauseReason::InternalError => false,
    }
}

fn check(schema: View<'_>, value: &Value, old: Option<&Value>, path: &Path, causes: &mut Vec<Cause>) {
    // What was valid once may stay as it is, though the schema changed since.
    if !path.is_root() && old == Some(value) {
        return;
    }
    let node = schema.node();
    if value.is_null() {
        if !node.nullable && !matches!(node.shape, Shape::Any) {
            let detail = format!("{path} in body must be of type {}: \"null\"", type_name(schema));
            causes.push(Cause::mistyped(path, &"null".into(), &detail));
        }
        return;
    }
    if !fits(&node.shape, value) {
        let found = found(value);
        let detail = format!(
            "{path} in body must be of type {}: \"{found}\"",
            type_name(schema)
        );
        causes.push(Cause::mistyped(path, &shown(value), &detail));
        if matches!(node.shape, Shape::Integer) && value.is_number() {
            let format = match node.format.name() {
                "" => "default",
                name => name,
            };
            let detail = format!("Checked value must be of type integer ({format} format) in {path}");
            causes.push(Cause::invalid("<nil>", &"".into(), &detail));
        }
        return;
    }
    match value {
        Value::String(text) if !node.format.matches(text) => {
            let detail = format!(
                "{path} in body must be of type {}: {}",
                node.format.name(),
                Value::from(text.as_str())
            );
            causes.push(Cause::mistyped(path, value, &detail));
        }
        Value::Number(_) if !node.format.holds(value) => {
            let detail = format!("{path} in body must be of type {}: {value}", node.format.name());
            causes.push(Cause::mistyped(path, value, &detail));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
    }
    if let Some(bounds) = &node.bounds {
        bounds.check(value, path, causes);
    }
    match (&node.shape, value) {
        (Shape::Object(fields), Value::Object(values)) => {
            check_fields(schema, fields, values, old, path, causes)
        }
        (Shape::List(_, keys), Value::Array(items)) => {
            check_keys(keys, schema.items(), items, path, causes);
            for (index, item) in items.iter().enumerate() {
                let old = old.and_then(|old| correlated(keys, item, index, old));
                check(schema.items(), item, old, &path.index(index), causes);
            }
        }
        _ => {}
    }
}

fn check_fields(
    schema: View<'_>,
    fields: &Fields,
    values: &Map<String, Value>,
    old: Option<&Value>,
    path: &Path,
    causes: &mut Vec<Cause>,
) {
    for name in &fields.required {
        if !values.contains_key(name) {
            causes.push(Cause::required(path.child(name), ""));
        }
    }
    for (name, value) in values {
        if let Some(schema) = schema.known(name) {
            check(
                schema,
                value,
                old.and_then(|old| old.get(name)),
                &path.child(name),
                causes,
            );
        }
    }
}

/// What keeps elements of a list from being told apart.
fn check_keys(keys: &Keys, items: View<'_>, list: &[Value], path: &Path, causes: &mut Vec<Cause>) {
    let identities: Vec<Value> = match keys {
        Keys::Atomic => return,
        Keys::Set => list.to_vec(),
        Keys::Map(keys) => list.iter().map(|item| identity(keys, items, item)).collect(),
    };
    for (index, own) in identities.iter().enumerate() {
        let earlier = identities[..index].iter().filter(|other| *other == own).count();
        if earlier == 1 {
            causes.push(Cause::duplicate(path.index(index), own));
        }
    }
}

/// The keys of a list's element, with their defaults.
pub(super) fn identity(keys: &[String], items: View<'_>, item: &Value) -> Value {
    let fields = keys.iter().filter_map(|key| {
        let default = || items.named(key).and_then(|field| field.default.clone());
        Some((key.clone(), item.get(key).cloned().or_else(default)?))
    });
    Value::Object(fields.collect())
}

/// What an element of a list was before.
fn correlated<'o>(keys: &Keys, item: &Value, index: usize, old: &'o Value) -> Option<&'o Value> {
    let old = old.as_array()?;
    match keys {
        Keys::Map(keys) => old
            .iter()
            .find(|other| keys.iter().all(|key| other.get(key) == item.get(key))),
        Keys::Set | Keys::Atomic => old.get(index).filter(|other| *other == item),
    }
}

fn check_rules(
    schema: View<'_>,
    value: &Value,
    old: Option<&Value>,
    path: &Path,
    budget: &Cell<usize>,
    causes: &mut Vec<Cause>,
) {
    if value.is_null() {
        return;
    }
    let is_unchanged = old == Some(value);
    for rule in &schema.node().rules {
        if is_unchanged && !rule.uses_old() && !path.is_root() {
            continue;
        }
        let Some(left) = budget.get().checked_sub(1) else {
            let detail = "validation failed due to running out of cost budget, no further validation rules will be run";
            let cause = Cause::invalid(path, &schema.type_name().into(), detail);
            if causes.last() != Some(&cause) {
                causes.push(cause);
            }
            return;
        };
        budget.set(left);
        causes.extend(rule.check(schema, value, old, path));
    }
    match (&schema.node().shape, value) {
        (Shape::Object(fields), Value::Object(values)) => {
            for (name, value) in values {
                let Some(schema) = schema.known(name) else {
                    continue;
                };
                let path = if fields.named.contains_key(name) {
                    path.child(name)
                } else {
                    path.key(name)
                };
                check_rules(
                    schema,
                    value,
                    old.and_then(|old| old.get(name)),
                    &path,
                    budget,
                    causes,
                );
            }
        }
        (Shape::List(_, keys), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let old = match keys {
                    Keys::Map(_) => old.and_then(|old| correlated(keys, item, index, old)),
                    Keys::Set | Keys::Atomic => None,
                };
                check_rules(schema.items(), item, old, &path.index(index), budget, causes);
            }
        }
        _ => {}
    }
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Object(_) => value.is_object(),
        Shape::List(..) => value.is_array(),
        Shape::String => value.is_string(),
        Shape::Integer => is_whole(value),
        Shape::Number => value.is_number(),
        Shape::Boolean => value.is_boolean(),
        Shape::IntOrString => value.is_string() || is_whole(value),
        Shape::Quantity => value.is_string() || value.is_number(),
    }
}

/// Whether it is a whole number, `1.0` included.
pub(super) fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(schema: View<'_>) -> &'static str {
    match schema.node().shape {
        Shape::IntOrString => "integer,string",
        Shape::Any
        | Shape::Object(_)
        | Shape::List(..)
        | Shape::String
        | Shape::Integer
        | Shape::Number
        | Shape::Boolean
        | Shape::Quantity => schema.type_name(),
    }
}

/// The type that a value has, as OpenAPI calls it.
fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a message about a wrong type quotes: the type that was found.
fn shown(value: &Value) -> Value {
    found(value).into()
}
