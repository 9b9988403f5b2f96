//! The fields that an object has, and whether they are those of its kind.

use serde_json::Value;

use super::{
    super::golang::{plain, typed},
    Owned,
    element::Element,
    owned,
    set::Set,
};
use crate::schema::graph::{Shape, View};

/// All fields of an object, as one who applies it owns them.
pub(crate) fn fields_of(schema: View<'_>, value: &Value) -> Set {
    let mut set = Set::default();
    collect(schema, value, &mut Vec::new(), &mut set);
    set
}

fn collect(schema: View<'_>, value: &Value, path: &mut Vec<Element>, set: &mut Set) {
    match (owned(schema, value), value) {
        (Owned::ByField, Value::Object(fields)) => {
            for (name, value) in fields {
                path.push(Element::Field(name.clone()));
                collect(schema.field(name), value, path, set);
                let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                if is_empty || schema.named(name).is_none() {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Owned::ByElement(keys), Value::Array(items)) => {
            for item in items {
                let Some(element) = Element::of_item(schema.items(), keys, item) else {
                    continue;
                };
                path.push(element);
                collect(schema.items(), item, path, set);
                set.insert(path);
                path.pop();
            }
        }
        _ => set.insert(path),
    }
}

/// What of an applied object isn't as its kind has it, worded as the API does; nothing is dropped silently here.
pub(crate) fn faults(schema: View<'_>, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, value, "", &mut faults);
    faults
}

fn check(schema: View<'_>, value: &Value, path: &str, faults: &mut Vec<String>) {
    let node = schema.node();
    if value.is_null() {
        return;
    }
    match &node.shape {
        Shape::Any => {}
        Shape::Object(_) => match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{path}.{name}");
                    match schema.known(name) {
                        Some(schema) => check(schema, value, &path, faults),
                        None if node.keeps_unknown => {}
                        None => faults.push(format!("{path}: field not declared in schema")),
                    }
                }
            }
            _ => faults.push(format!("{path}: expected map, got &{{{}}}", plain(value))),
        },
        Shape::List(..) => match value {
            Value::Array(items) => check_items(schema, items, path, faults),
            _ => faults.push(format!("{path}: expected list, got &{{{}}}", plain(value))),
        },
        Shape::String if !value.is_string() => {
            faults.push(format!("{path}: expected string, got {}", shown(value)));
        }
        Shape::Integer | Shape::Number if !value.is_number() => {
            faults.push(format!(
                "{path}: expected numeric (int or float), got {}",
                shown(value)
            ));
        }
        Shape::Boolean if !value.is_boolean() => {
            faults.push(format!("{path}: expected boolean, got {}", shown(value)));
        }
        Shape::IntOrString | Shape::Quantity if !(value.is_string() || value.is_number()) => {
            faults.push(format!("{path}: expected string or number, got {}", shown(value)));
        }
        Shape::String
        | Shape::Integer
        | Shape::Number
        | Shape::Boolean
        | Shape::IntOrString
        | Shape::Quantity => {}
    }
}

fn check_items(schema: View<'_>, items: &[Value], path: &str, faults: &mut Vec<String>) {
    let keys = match schema.list() {
        Some((_, crate::schema::graph::Keys::Map(keys))) => Some(keys.as_slice()),
        Some((_, crate::schema::graph::Keys::Set)) => Some(&[][..]),
        _ => None,
    };
    let mut seen = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(keys) = keys else {
            check(schema.items(), item, &format!("{path}[{index}]"), faults);
            continue;
        };
        match Element::of_item(schema.items(), keys, item) {
            Some(element) if seen.contains(&element) => {
                faults.push(format!("{path}: duplicate entries for key {element}"));
            }
            Some(element) => {
                check(schema.items(), item, &format!("{path}{element}"), faults);
                seen.push(element);
            }
            None if keys.is_empty() => {
                faults.push(format!(
                    "{path}: element {index}: associative list without keys has an element that's a map type"
                ));
            }
            None => {
                let names: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
                faults.push(format!(
                    "{path}: element {index}: associative list with keys has an element that omits all key fields \
                     [{}] (and doesn't have default values for any key fields)",
                    names.join(" ")
                ));
            }
        }
    }
}

/// What stands where a scalar should be.
fn shown(value: &Value) -> String {
    format!("&value.valueUnstructured{{Value:{}}}", typed(value))
}
