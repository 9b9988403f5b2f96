//! Structural schemas: what an object of a kind may look like.
//!
//! One engine for the kinds that are built in and for those that CustomResourceDefinitions bring. A [`Schema`] decodes
//! (unknown and mistyped fields), defaults, prunes and validates objects, and tells patches how lists and maps merge.
//! What a schema can't say is in [`rules`](crate::rules).

mod bounds;
mod builtin;
mod cause;
mod crd;
mod decode;
mod default;
mod duplicates;
pub(crate) mod format;
pub(crate) mod graph;
mod number;
pub(crate) mod openapi;
pub(crate) mod path;
pub(crate) mod pattern;
pub(crate) mod protobuf;
mod rule;
#[cfg(test)]
mod tests;
mod validate;

use std::sync::Arc;

use serde_json::Value;

pub use cause::{Cause, CauseReason, invalid};
pub use duplicates::duplicate_fields;

use crate::{Reason, Status};
use decode::{At, Found};
use graph::{Graph, Id, View};
use path::Path;

/// The structural schema of one version of a kind. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {
    graph: Arc<Graph>,
    root: Id,
    is_custom: bool,
}

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
    pub fn builtin(minor: u32, api_version: &str, kind: &str) -> Option<Self> {
        let kinds = builtin::kinds(minor);
        Some(Self {
            root: *kinds.roots.get(&format!("{api_version} {kind}"))?,
            graph: Arc::clone(&kinds.graph),
            is_custom: false,
        })
    }

    /// The schema in a CustomResourceDefinition's version: its `schema.openAPIV3Schema`.
    ///
    /// It is taken as it is; what is wrong with it is told by [`Schema::faults_of_crd`].
    #[must_use]
    pub fn of_crd(open_api_v3_schema: &Value) -> Self {
        let (graph, root) = crd::graph(open_api_v3_schema);
        Self {
            graph: Arc::new(graph),
            root,
            is_custom: true,
        }
    }

    /// What keeps a CustomResourceDefinition's `openAPIV3Schema` from being structural, rules that can't be compiled
    /// included; with paths below it.
    #[must_use]
    pub fn faults_of_crd(open_api_v3_schema: &Value) -> Vec<Cause> {
        crd::faults(open_api_v3_schema)
    }

    pub(crate) fn root(&self) -> View<'_> {
        self.graph.at(self.root)
    }

    /// Whether it came with a CustomResourceDefinition.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.is_custom
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
        object: &mut Value,
        fields: FieldValidation,
        duplicates: &[String],
    ) -> Result<Vec<String>, Status> {
        let mut found = Found::default();
        if self.is_custom {
            decode::prune(self.root(), object, &Path::root(), &mut found);
            if let Some(fields) = object.as_object_mut() {
                decode::metadata(self.root(), fields, &mut found);
            }
        } else {
            decode::decode(self.root(), object, &At::root(), &mut found);
        }
        if let Some(fault) = found.fault {
            return Err(undecodable(object, &fault));
        }
        let mut warnings: Vec<String> = duplicates
            .iter()
            .map(|path| format!("duplicate field \"{path}\""))
            .collect();
        warnings.extend(
            found
                .unknown
                .iter()
                .map(|path| format!("unknown field \"{path}\"")),
        );
        match fields {
            FieldValidation::Ignore => Ok(Vec::new()),
            FieldValidation::Warn => Ok(warnings),
            FieldValidation::Strict if warnings.is_empty() => Ok(warnings),
            FieldValidation::Strict => Err(undecodable(
                object,
                &format!("strict decoding error: {}", warnings.join(", ")),
            )),
        }
    }

    /// An object of which nothing was said yet: what the real server compares the first write with.
    pub(crate) fn empty(&self) -> Value {
        if self.is_custom {
            Value::Object(serde_json::Map::new())
        } else {
            default::empty(self.root())
        }
    }

    /// Fills in the schema's defaults.
    pub fn default(&self, object: &mut Value) {
        default::default(self.root(), object);
    }

    /// What is wrong with a custom resource, by types, bounds and CEL rules; `old` is the stored object on an update.
    ///
    /// Built-in kinds are checked when they are decoded, and by [`rules`](crate::rules).
    #[must_use]
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        if self.is_custom {
            validate::validate(self.root(), object, old)
        } else {
            Vec::new()
        }
    }
}

fn undecodable(object: &Value, why: &str) -> Status {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("kind");
    let version = text("apiVersion").rsplit('/').next().unwrap_or_default();
    let message = format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}");
    Status::new(Reason::BadRequest, message)
}
