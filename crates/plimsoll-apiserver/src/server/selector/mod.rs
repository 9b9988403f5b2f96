//! Which objects of a collection a request is about.

mod field;
mod label;

use serde_json::Value;

pub(crate) use field::FieldSelector;
pub(crate) use label::LabelSelector;

use crate::{Status, catalog::Served, server::refusal};

/// A request's selectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectors {
    /// By labels.
    pub(crate) labels: LabelSelector,
    /// By fields.
    pub(crate) fields: FieldSelector,
}

impl Selectors {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// `BadRequest`, where they can't be read or the kind has no such field.
    pub(crate) fn parse(served: &Served, version: &str, labels: &str, fields: &str) -> Result<Self, Status> {
        Ok(Self {
            labels: LabelSelector::parse(labels).map_err(refusal::bad_request)?,
            fields: FieldSelector::parse(served, version, fields).map_err(refusal::bad_request)?,
        })
    }

    /// Whether everything is selected.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is selected.
    pub(crate) fn select(&self, object: &Value) -> bool {
        self.labels.selects(object) && self.fields.selects(object)
    }
}
