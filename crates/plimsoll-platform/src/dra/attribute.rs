//! Device attributes.

use std::{cmp::Ordering, fmt};

use serde::Serialize;
use serde_json::Value;

/// The value of a device attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Attribute {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    String(String),
    /// A semantic version.
    Version(String),
    /// Several values, as `v1` of Kubernetes 1.36 and later allows.
    List(Vec<Attribute>),
}

impl Attribute {
    /// From the API's form, one of `{bool}`, `{int}`, `{string}`, `{version}` and their plurals.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let (kind, value) = value.as_object()?.iter().next()?;
        Self::scalar(kind, value).or_else(|| {
            let kind = kind.strip_suffix('s')?;
            value
                .as_array()?
                .iter()
                .map(|value| Self::scalar(kind, value))
                .collect::<Option<_>>()
                .map(Self::List)
        })
    }

    fn scalar(kind: &str, value: &Value) -> Option<Self> {
        match kind {
            "bool" => value.as_bool().map(Self::Bool),
            "int" => value.as_i64().map(Self::Int),
            "string" => value.as_str().map(|text| Self::String(text.to_owned())),
            "version" => value.as_str().map(|text| Self::Version(text.to_owned())),
            _ => None,
        }
    }

    /// The text of a text or version.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Version(text) => Some(text),
            Self::Bool(_) | Self::Int(_) | Self::List(_) => None,
        }
    }
}

/// Compares values of one kind; different kinds can't be compared.
impl PartialOrd for Attribute {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (a, b) => (a == b).then_some(Ordering::Equal),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::String(text) | Self::Version(text) => f.write_str(text),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_string).collect();
                f.write_str(&values.join(", "))
            }
        }
    }
}
