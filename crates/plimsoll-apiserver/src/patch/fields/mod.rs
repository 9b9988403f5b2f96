//! Sets of fields, and objects seen through them.

mod changes;
mod element;
mod merge;
mod remove;
mod set;
mod typed;

pub(super) use changes::compare;
pub(super) use merge::merge;
pub(super) use remove::remove;
pub(super) use set::Set;
pub(super) use typed::{faults, fields_of};

use serde_json::Value;

use crate::schema::graph::{Keys, View};

/// How a value is owned.
#[derive(Clone, Copy)]
enum Owned<'a> {
    /// As a whole.
    Whole,
    /// Field by field.
    ByField,
    /// Element by element, which these keys tell apart; none for a set.
    ByElement(&'a [String]),
}

/// How a value of a schema is owned.
fn owned<'a>(schema: View<'a>, value: &Value) -> Owned<'a> {
    match value {
        Value::Object(_) if schema.fields().is_some_and(|fields| fields.atomic) => Owned::Whole,
        Value::Object(_) => Owned::ByField,
        Value::Array(_) => match schema.list() {
            Some((_, Keys::Map(keys))) => Owned::ByElement(keys),
            Some((_, Keys::Set)) => Owned::ByElement(&[]),
            Some((_, Keys::Atomic)) | None => Owned::Whole,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Owned::Whole,
    }
}
