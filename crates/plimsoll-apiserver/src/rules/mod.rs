//! What a schema can't say: defaults that depend on other fields, names, references, immutable fields.
//!
//! Everything here takes objects in the hub version of their kind (see [`convert`](crate::convert)) and dispatches on
//! `apiVersion` and `kind`; kinds of CustomResourceDefinitions only have rules for their metadata.

pub(crate) mod names;

use serde_json::Value;

use crate::schema::Cause;

/// What of the API is on: version and feature gates.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// The minor version of Kubernetes.
    pub minor: u32,
    /// Gang scheduling's API (`GenericWorkload`): without, pods lose the field.
    pub generic_workload: bool,
}

/// Fills in what depends on other fields, after the schema's defaults.
pub fn default(_object: &mut Value) {}

/// Makes an object fit to be created: clears status and what only the server sets, drops fields of features that are
/// off. Generation, uid, timestamps and resourceVersion are the store's.
pub fn prepare_create(_object: &mut Value, _features: &Features) {}

/// Makes an object fit to replace `old`: keeps what the request may not change, such as status in a write of the spec,
/// or spec in one of the status.
pub fn prepare_update(_object: &mut Value, _old: &Value, _subresource: Option<&str>, _features: &Features) {}

/// Whether a write changes what `metadata.generation` counts.
#[must_use]
pub fn changes_generation(object: &Value, old: &Value) -> bool {
    object.get("spec") != old.get("spec")
}

/// What is wrong with an object to be created.
#[must_use]
pub fn validate_create(_object: &Value, _namespaced: bool) -> Vec<Cause> {
    Vec::new()
}

/// What is wrong with an object that replaces `old`.
#[must_use]
pub fn validate_update(_object: &Value, _old: &Value, _subresource: Option<&str>) -> Vec<Cause> {
    Vec::new()
}
