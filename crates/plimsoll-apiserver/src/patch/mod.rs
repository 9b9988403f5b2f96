//! Patches: JSON, merge, strategic merge, and server-side apply with its field managers.
//!
//! [`fields`] has sets of fields and what can be done with objects by them; [`managed`] the entries of
//! `metadata.managedFields`; [`apply`] and [`track_update`] are what writes do with both.

mod apply;
mod fields;
mod golang;
mod managed;
mod strategic;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use apply::{apply, track_update};
pub(crate) use golang::plain as printed;

use crate::{Reason, Status, schema::Schema};

/// Who writes, for `metadata.managedFields`.
#[derive(Clone, Debug)]
pub struct Manager {
    /// Its name: the request's `fieldManager`, or the beginning of the user agent.
    pub name: String,
    /// Through which subresource, if any.
    pub subresource: Option<String>,
    /// The version of the API in which the fields were written.
    pub api_version: String,
    /// When.
    pub time: Timestamp,
    /// Fields of the object that this write leaves alone, such as `status` where that is a subresource.
    pub leaves: Vec<String>,
}

/// A JSON patch (RFC 6902).
///
/// # Errors
/// `Invalid` where an operation doesn't apply, `BadRequest` where it is no list of operations.
pub fn json(object: &Value, patch: &Value) -> Result<Value, Status> {
    if !patch.is_array() {
        let kind = if patch.is_object() { "object" } else { "value" };
        let message = format!(
            "error decoding patch: json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp"
        );
        return Err(Status::new(Reason::BadRequest, message));
    }
    // The real server says no more than this.
    let refusal = || Status {
        reason: Reason::Invalid,
        message: "the server rejected our request due to an error in our request".to_owned(),
        details: json!({}),
    };
    let patch: json_patch::Patch = serde_json::from_value(patch.clone()).map_err(|_| refusal())?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).map_err(|_| refusal())?;
    Ok(patched)
}

/// A JSON merge patch (RFC 7386).
#[must_use]
pub fn merge(object: &Value, patch: &Value) -> Value {
    let mut merged = object.clone();
    json_patch::merge(&mut merged, patch);
    merged
}

/// A strategic merge patch: lists merge by the keys that the schema names.
///
/// # Errors
/// `Unknown` where a directive makes no sense or an element has no key.
pub fn strategic(schema: &Schema, object: &Value, patch: &Value) -> Result<Value, Status> {
    strategic::patch(schema.root(), object, patch).map_err(|fault| Status::new(Reason::Unknown, fault))
}
