//! A YAML document as a tree whose nodes know their places.
//!
//! Deserialising straight into structs stops at the first fault and does not know the path to it; with the
//! tree, the loader names every fault by field and place.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};

use super::{Fault, FaultKind, Place};

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Text(String),
    /// A scalar that YAML does not take for text.
    Other(Scalar),
    List(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

/// What YAML takes a plain scalar for, and how that is written out where the source can't be quoted.
#[derive(Debug)]
pub(super) struct Scalar {
    kind: &'static str,
    canonical: String,
}

/// A key of a mapping and its place.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Parses the one document of `text`.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Box<Fault>> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        // YAML 1.2, as the programme reads it: `yes` and `on` are text.
        strict_booleans: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
    };
    serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options)
        .map(Node::from)
        .map_err(|error| Box::new(fault(file, text, &error)))
}

fn fault(file: &str, text: &str, error: &serde_saphyr::Error) -> Fault {
    // Without a location the fault is that of the whole text.
    let place = error.location().map_or(
        Place {
            line: 1,
            column: 1,
            offset: 0,
            length: 0,
        },
        Place::from,
    );
    let place = Place {
        offset: place.offset.min(text.len()),
        ..place
    };
    let kind = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            FaultKind::DuplicateKey { key: key.clone() }
        }
        _ => FaultKind::Syntax {
            message: message(error),
        },
    };
    Fault::new(file, place, "", kind)
}

/// The parser's words without the place, which the fault itself names.
fn message(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::MessageFormatter;
    let text = serde_saphyr::UserMessageFormatter
        .format_message(error.without_snippet())
        .into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let span = location.span();
        Self {
            line: number(location.line()).max(1),
            column: number(location.column()).max(1),
            offset: span.byte_offset().map_or(0, number),
            length: span.byte_len().map_or(0, number),
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self {
            value: spanned.value,
            place: spanned.defined.into(),
        }
    }
}

impl Node {
    /// What kind of value it is, for an error message.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "text",
            Value::Other(scalar) => scalar.kind,
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// A scalar's text as the file has it, whatever YAML takes it for (`1.30` stays `1.30`); `Ok(None)` for
    /// null.
    pub(super) fn text(&self, source: &str) -> Result<Option<String>, FaultKind> {
        match &self.value {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Other(scalar) => {
                let quoted = source.get(self.place.offset..self.place.offset + self.place.length);
                let quoted = quoted.map(str::trim).filter(|quoted| !quoted.is_empty());
                Ok(Some(quoted.unwrap_or(&scalar.canonical).to_owned()))
            }
            Value::List(_) | Value::Mapping(_) => Err(FaultKind::WrongKind {
                expected: "text",
                found: self.kind(),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

fn number(value: impl fmt::Display) -> Value {
    Value::Other(Scalar {
        kind: "a number",
        canonical: value.to_string(),
    })
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Other(Scalar {
            kind: "a boolean",
            canonical: value.to_string(),
        }))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element::<Spanned<Value>>()? {
            nodes.push(node.into());
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = mapping.next_entry::<Spanned<String>, Spanned<Value>>()? {
            entries.push((
                Key {
                    name: key.value,
                    place: key.defined.into(),
                },
                node.into(),
            ));
        }
        Ok(Value::Mapping(entries))
    }
}
