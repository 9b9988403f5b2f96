//! Filling in the defaults of a schema.

use serde_json::Value;

use super::graph::{Shape, View};

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
