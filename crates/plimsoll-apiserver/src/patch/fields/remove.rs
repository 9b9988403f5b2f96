//! Taking fields out of an object.

use serde_json::{Map, Value};

use super::{Owned, element::Element, owned, set::Set};
use crate::schema::graph::View;

/// An object without the fields of a set; `None` where nothing is left.
pub(crate) fn remove(schema: View<'_>, value: &Value, gone: &Set) -> Option<Value> {
    match (owned(schema, value), value) {
        (Owned::ByField, Value::Object(fields)) => {
            let mut kept = Map::new();
            for (name, value) in fields {
                let element = Element::Field(name.clone());
                // A field that goes takes along what is below it.
                if gone.has(&element) {
                    continue;
                }
                let rest = match gone.below(&element) {
                    Some(below) => remove(schema.field(name), value, below),
                    None => Some(value.clone()),
                };
                if let Some(rest) = rest {
                    kept.insert(name.clone(), rest);
                }
            }
            (!kept.is_empty() || fields.is_empty()).then_some(Value::Object(kept))
        }
        (Owned::ByElement(keys), Value::Array(items)) => {
            let mut kept = Vec::new();
            for item in items {
                let element = Element::of_item(schema.items(), keys, item);
                match element {
                    Some(element) if gone.has(&element) => {}
                    Some(element) => match gone.below(&element) {
                        Some(below) => kept.extend(remove(schema.items(), item, below)),
                        None => kept.push(item.clone()),
                    },
                    None => kept.push(item.clone()),
                }
            }
            (!kept.is_empty() || items.is_empty()).then_some(Value::Array(kept))
        }
        // A whole goes where it is named, not by what is below it.
        _ => Some(value.clone()),
    }
}
