//! Filling in the defaults of a schema.

use serde_json::{Map, Value};

use super::graph::{Shape, View};

/// A built-in structure of which nothing is said: Go leaves out neither structures within nor what is required.
pub(super) fn empty(schema: View<'_>) -> Value {
    let Some(fields) = schema.fields() else {
        return Value::Null;
    };
    let mut values = Map::new();
    for (name, field) in &fields.named {
        let value = match &field.default {
            Some(Value::Object(default)) if default.is_empty() => empty(schema.other(field.id)),
            Some(default) if is_zero(default) => default.clone(),
            Some(_) => continue,
            None if fields.required.contains(name) => Value::Null,
            None => continue,
        };
        values.insert(name.clone(), value);
    }
    Value::Object(values)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
    }
}

/// Fills in what is missing, or null where that isn't allowed and there is a default.
pub(super) fn default(schema: View<'_>, value: &mut Value) {
    match (&schema.node().shape, value) {
        (Shape::Object(fields), Value::Object(values)) => {
            for (name, field) in &fields.named {
                let Some(default) = &field.default else { continue };
                let nullable = schema.other(field.id).node().nullable;
                if values.get(name).is_none_or(|value| value.is_null() && !nullable) {
                    values.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in values {
                if let Some(schema) = schema.known(name) {
                    default(schema, value);
                }
            }
        }
        (Shape::List(..), Value::Array(items)) => {
            for item in items {
                default(schema.items(), item);
            }
        }
        _ => {}
    }
}
