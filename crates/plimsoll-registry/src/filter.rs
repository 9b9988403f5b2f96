//! Choosing among products.

use std::str::FromStr;

use plimsoll_program::{UnknownRequirement, checklist::Status, find};

use crate::Entry;

/// Which products; all conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The version of the programme, such as `1.37`.
    pub version: Option<String>,
    /// A part of the vendor's name, without case.
    pub vendor: Option<String>,
    /// What is claimed of requirements.
    pub support: Vec<Support>,
}

/// A requirement and the status claimed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    id: String,
    status: Status,
}

/// The text names no requirement and status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No such requirement.
    #[error(transparent)]
    Requirement(#[from] UnknownRequirement),
    /// No such status.
    #[error("`{0}` is no status; write implemented, not-implemented, partially-implemented, n/a or blank")]
    Status(String),
}

impl FromStr for Support {
    type Err = FilterError;

    /// `gang_scheduling`, which means implemented, or `gang_scheduling=n/a`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, status) = text.split_once('=').unwrap_or((text, "implemented"));
        let status = match status.to_lowercase().replace(['-', '_'], " ").as_str() {
            "implemented" => Status::Implemented,
            "not implemented" => Status::NotImplemented,
            "partially implemented" => Status::PartiallyImplemented,
            "n/a" | "na" => Status::NotApplicable,
            "blank" | "" => Status::Blank,
            _ => return Err(FilterError::Status(status.to_owned())),
        };
        Ok(Self {
            id: find(id)?.id.to_string(),
            status,
        })
    }
}

impl Filter {
    pub(crate) fn lets_through(&self, entry: &Entry) -> bool {
        let version = self
            .version
            .as_deref()
            .map(|version| version.trim_start_matches('v'));
        version.is_none_or(|version| entry.version == version)
            && self
                .vendor
                .as_ref()
                .is_none_or(|vendor| entry.vendor.to_lowercase().contains(&vendor.to_lowercase()))
            && self.support.iter().all(|support| {
                let claim = entry
                    .requirements
                    .iter()
                    .rev()
                    .find(|claim| claim.id == support.id);
                claim.is_some_and(|claim| claim.status == support.status.as_str())
            })
    }
}
