//! Reading what was sent: what the kind doesn't have is dropped or refused.
//!
//! Built-in kinds are decoded as Go does it, where a wrong type is an error at once; custom resources are pruned, and
//! their types validated later.

use serde_json::{Map, Value};

use super::{
    format::Format,
    graph::{Shape, View},
    path::Path,
};
use crate::Quantity;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where fields are that the schema doesn't have.
    pub(super) unknown: Vec<String>,
    /// What can't be decoded.
    pub(super) fault: Option<String>,
}

/// Drops what the schema doesn't know from a custom resource, and nulls that may neither be nor have a default instead.
pub(super) fn prune(schema: View<'_>, value: &mut Value, path: &Path, found: &mut Found) {
    let node = schema.node();
    match value {
        Value::Object(values) => {
            let (mut unknown, mut empty) = (Vec::new(), Vec::new());
            for (name, value) in values.iter_mut() {
                match schema.known(name) {
                    Some(_) if node.embedded && name == "metadata" => {}
                    Some(field) if value.is_null() && !field.node().nullable => {
                        if field.node().default.is_none() {
                            empty.push(name.clone());
                        }
                    }
                    Some(field) => prune(field, value, &path.child(name), found),
                    None if node.keeps_unknown => {}
                    None => unknown.push(name.clone()),
                }
            }
            for name in unknown {
                values.remove(&name);
                found.unknown.push(path.child(&name).into());
            }
            for name in empty {
                values.remove(&name);
            }
        }
        Value::Array(items) => {
            // Pruning goes on below a list of unknown items only where the schema describes some.
            if schema.list().is_some() || !node.keeps_unknown {
                for (index, item) in items.iter_mut().enumerate() {
                    prune(schema.items(), item, &path.index(index), found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads an object of a built-in kind: drops unknown fields, nulls and empty lists, and writes quantities in their
/// canonical form.
pub(super) fn decode(schema: View<'_>, value: &mut Value, at: &At<'_>, found: &mut Found) {
    let node = schema.node();
    match (&node.shape, value) {
        (Shape::Object(fields), Value::Object(values)) => {
            let mut gone = Vec::new();
            for (name, value) in values.iter_mut() {
                let Some(field) = schema.known(name) else {
                    if !node.keeps_unknown {
                        found.unknown.push(at.path.child(name).into());
                        gone.push(name.clone());
                    }
                    continue;
                };
                if value.is_null() {
                    gone.push(name.clone());
                    continue;
                }
                let is_named = fields.named.contains_key(name);
                decode(field, value, &at.field(schema, name, is_named), found);
                if is_named && !fields.required.contains(name) && is_empty(field, value) {
                    gone.push(name.clone());
                }
            }
            for name in gone {
                values.remove(&name);
            }
        }
        (Shape::List(..), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                decode(schema.items(), item, &at.item(index), found);
            }
        }
        (Shape::Quantity, value) => match Quantity::read(value) {
            Some(quantity) => *value = quantity.to_string().into(),
            None if value.is_string() => {
                found.fault(|| crate::NoQuantity.to_string());
            }
            None => found.fault(|| at.mistyped(schema, value)),
        },
        (Shape::Any, _) => {}
        (Shape::String, Value::String(text)) => {
            if !node.format.matches(text) {
                found.fault(|| misformatted(node.format, text));
            }
        }
        (Shape::Integer, Value::Number(number)) if !number.is_f64() => {
            let value = Value::Number(number.clone());
            if !node.format.holds(&value) {
                found.fault(|| at.mistyped(schema, &value));
            }
        }
        (Shape::Number, Value::Number(_)) | (Shape::Boolean, Value::Bool(_)) => {}
        (Shape::IntOrString, Value::String(_)) => {}
        (Shape::IntOrString, Value::Number(number)) if number.is_i64() => {}
        (_, Value::Null) => {}
        (_, value) => found.fault(|| at.mistyped(schema, value)),
    }
}

/// What Go leaves out when it writes an object.
fn is_empty(schema: View<'_>, value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(values) => {
            let is_map = schema
                .fields()
                .is_some_and(|fields| fields.named.is_empty() && fields.others.is_some());
            values.is_empty() && is_map
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Found {
    fn fault(&mut self, fault: impl FnOnce() -> String) {
        if self.fault.is_none() {
            self.fault = Some(fault());
        }
    }
}

/// Where decoding is, and what Go would call that.
pub(super) struct At<'a> {
    path: Path,
    /// The path without indices.
    fields: String,
    /// The structure the field belongs to.
    structure: &'a str,
}

impl<'a> At<'a> {
    pub(super) fn root() -> Self {
        Self {
            path: Path::root(),
            fields: String::new(),
            structure: "",
        }
    }

    fn field(&self, of: View<'a>, name: &str, is_named: bool) -> Self {
        let (path, structure) = match is_named {
            true => (self.path.child(name), of.node().name.as_str()),
            false => (self.path.child(name), self.structure),
        };
        let fields = match (is_named, self.fields.as_str()) {
            (false, fields) => fields.to_owned(),
            (true, "") => name.to_owned(),
            (true, fields) => format!("{fields}.{name}"),
        };
        Self {
            path,
            fields,
            structure,
        }
    }

    fn item(&self, index: usize) -> Self {
        Self {
            path: self.path.index(index),
            fields: self.fields.clone(),
            structure: self.structure,
        }
    }

    fn mistyped(&self, schema: View<'_>, value: &Value) -> String {
        let what = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) if matches!(schema.node().shape, Shape::Integer) => {
                format!("number {number}")
            }
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let go = go_type(schema);
        match self.fields.as_str() {
            "" => format!("json: cannot unmarshal {what} into Go value of type {go}"),
            fields => format!(
                "json: cannot unmarshal {what} into Go struct field {}.{fields} of type {go}",
                self.structure
            ),
        }
    }
}

/// What Go calls the type.
fn go_type(schema: View<'_>) -> String {
    let node = schema.node();
    match &node.shape {
        Shape::Any => "interface {}".to_owned(),
        Shape::Object(fields) => match fields.others {
            Some(values) if fields.named.is_empty() => {
                format!("map[string]{}", go_type(schema.other(values)))
            }
            _ if node.name.is_empty() => "map[string]interface {}".to_owned(),
            _ => format!("v1.{}", node.name),
        },
        Shape::List(..) => format!("[]{}", go_type(schema.items())),
        Shape::String if node.format == Format::Byte => "[]uint8".to_owned(),
        Shape::String => "string".to_owned(),
        Shape::Integer if node.format == Format::Int32 => "int32".to_owned(),
        Shape::Integer => "int64".to_owned(),
        Shape::Number => "float64".to_owned(),
        Shape::Boolean => "bool".to_owned(),
        Shape::IntOrString => "intstr.IntOrString".to_owned(),
        Shape::Quantity => "resource.Quantity".to_owned(),
    }
}

fn misformatted(format: Format, text: &str) -> String {
    match format {
        Format::Byte => "illegal base64 data at input byte 0".to_owned(),
        Format::DateTime | Format::MicroTime => format!(
            "parsing time {} as \"2006-01-02T15:04:05Z07:00\": cannot parse {} as \"2006\"",
            Value::from(text),
            Value::from(text)
        ),
        Format::None
        | Format::Int32
        | Format::Int64
        | Format::Date
        | Format::Duration
        | Format::Ipv4
        | Format::Ipv6
        | Format::Cidr
        | Format::Uuid
        | Format::Uri
        | Format::Hostname
        | Format::Email
        | Format::Mac => format!("{} is no {}", Value::from(text), format.name()),
    }
}

/// Keeps an object's own metadata to what every object has.
pub(super) fn metadata(schema: View<'_>, object: &mut Map<String, Value>, found: &mut Found) {
    if let Some(metadata) = object.get_mut("metadata") {
        let at = At {
            path: Path::new("metadata"),
            // It is decoded by itself.
            fields: String::new(),
            structure: "",
        };
        decode(schema.field("metadata"), metadata, &at, found);
    }
}
