//! Structural schemas: what an object of a kind may look like.
//!
//! One engine for the kinds that are built in and for those that CustomResourceDefinitions bring. A [`Schema`] decodes
//! (unknown and mistyped fields), defaults, prunes and validates objects, and tells patches how lists and maps merge.
//! What a schema can't say is in [`rules`](crate::rules).

mod cause;

pub use cause::{Cause, CauseReason, invalid};

use serde_json::Value;

use crate::Status;

/// The structural schema of one version of a kind. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {}

/// What to do about fields that are unknown or given twice; the request's `fieldValidation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Drop them.
    Ignore,
    /// Drop them and say so in a `Warning` header.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

impl Schema {
    /// The schema of a kind that is built into that minor version of Kubernetes, in that version of its group.
    #[must_use]
    pub fn builtin(_minor: u32, _api_version: &str, _kind: &str) -> Option<Self> {
        Some(Self {})
    }

    /// The schema in a CustomResourceDefinition's version: its `schema.openAPIV3Schema`.
    ///
    /// # Errors
    /// Where it isn't structural, what is wrong with it, with paths below `openAPIV3Schema`.
    pub fn of_crd(_open_api_v3_schema: &Value) -> Result<Self, Vec<Cause>> {
        Ok(Self {})
    }

    /// Makes what was sent an object of this kind: drops fields that the kind doesn't have, and nulls.
    ///
    /// `duplicates` are those of [`duplicate_fields`]. Returns the warnings to send along.
    ///
    /// # Errors
    /// `BadRequest` for a field of the wrong type (built-in kinds), and for unknown or duplicate fields where they are
    /// refused.
    pub fn decode(
        &self,
        _object: &mut Value,
        _fields: FieldValidation,
        _duplicates: &[String],
    ) -> Result<Vec<String>, Status> {
        Ok(Vec::new())
    }

    /// Fills in the schema's defaults.
    pub fn default(&self, _object: &mut Value) {}

    /// What is wrong with an object, by types, bounds and CEL rules; `old` is the stored object on an update.
    #[must_use]
    pub fn validate(&self, _object: &Value, _old: Option<&Value>) -> Vec<Cause> {
        Vec::new()
    }
}

/// Which fields a JSON text gives more than once, as paths such as `spec.replicas`.
#[must_use]
pub fn duplicate_fields(_json: &[u8]) -> Vec<String> {
    Vec::new()
}
