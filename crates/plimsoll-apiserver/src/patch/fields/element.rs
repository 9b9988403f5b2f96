//! One step of a path to a field.

use std::fmt;

use serde_json::{Map, Value};

use crate::schema::graph::View;

/// A step; values are kept as JSON text, which has an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// A field by its name.
    Field(String),
    /// An element of a list by its keys.
    Keys(Vec<(String, String)>),
    /// An element of a set by itself.
    Value(String),
    /// An element of a list by its place.
    Index(usize),
}

impl Element {
    /// What tells an element of a list apart; `keys` are empty for a set. `None` where nothing does.
    pub(super) fn of_item(items: View<'_>, keys: &[String], item: &Value) -> Option<Self> {
        if keys.is_empty() {
            return match item {
                Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(Self::Value(item.to_string())),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            };
        }
        let object = item.as_object()?;
        let mut found: Vec<(String, String)> = keys
            .iter()
            .filter_map(|key| {
                let default = || items.named(key).and_then(|field| field.default.as_ref());
                Some((key.clone(), object.get(key).or_else(default)?.to_string()))
            })
            .collect();
        found.sort();
        (!found.is_empty()).then_some(Self::Keys(found))
    }

    /// From how `fieldsV1` writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "v" => serde_json::from_str::<Value>(rest)
                .ok()
                .map(|value| Self::Value(value.to_string())),
            "i" => rest.parse().ok().map(Self::Index),
            "k" => {
                let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
                let mut keys: Vec<_> = keys
                    .into_iter()
                    .map(|(key, value)| (key, value.to_string()))
                    .collect();
                keys.sort();
                Some(Self::Keys(keys))
            }
            _ => None,
        }
    }

    /// As `fieldsV1` writes it.
    pub(super) fn to_field(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
            Self::Keys(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())))
                    .collect();
                format!("k:{{{}}}", keys.join(","))
            }
        }
    }
}

/// As conflicts name it: `.spec`, `[name="a"]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Keys(keys) => {
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(f, "[{}]", keys.join(","))
            }
        }
    }
}
