//! Checklist files: the programme's official ones, and the `PRODUCT.yaml` that a vendor fills in.
//!
//! [`Checklist::read`] gives the typed content or every fault of the file at once, each with its place;
//! [`Checklist::compare`] says where a checklist and our embedded facts differ; [`digest()`] tells an official
//! file from an edited copy. Whether a submission is *valid* is a matter of the programme's rules and not
//! decided here: a status that no rule allows, or a missing section, loads.

mod compare;
mod digest;
mod fault;
mod load;
mod status;
mod yaml;

pub use compare::Difference;
pub use digest::{digest, official_version};
pub use fault::{Fault, FaultKind, FaultyChecklist, LoadError};
pub use status::Status;

use crate::{Category, Level, ProgrammeVersion, RequirementId};

/// A checklist, in the order of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checklist {
    /// What stands under `metadata`.
    pub metadata: Vec<Field>,
    /// The sections of `spec`.
    pub sections: Vec<Section>,
}

/// A line of `metadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// Its value as written; none if it is null.
    pub text: Option<String>,
    /// Where the value stands.
    pub place: Place,
}

/// A section of `spec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its key; a file may hold sections that the programme does not know.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    /// Its requirements.
    pub requirements: Vec<Entry>,
}

/// A requirement in a checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: RequirementId,
    /// The official text.
    pub description: String,
    /// How binding it is.
    pub level: Level,
    /// The vendor's claim.
    pub status: Status,
    /// Links and files that support the claim.
    pub evidence: Vec<String>,
    /// The vendor's remarks; empty if there are none.
    pub notes: String,
    /// Where the entry stands.
    pub place: Place,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// How long it is, in bytes.
    pub length: usize,
}

impl Checklist {
    /// A field of `metadata`, if it is there and not null.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.metadata
            .iter()
            .find(|field| field.name == name)?
            .text
            .as_deref()
    }

    /// The programme version that `metadata.kubernetesVersion` names; a patch release (`v1.34.2`) belongs to
    /// its minor release.
    #[must_use]
    pub fn programme(&self) -> Option<ProgrammeVersion> {
        let text = self.field("kubernetesVersion")?.trim();
        let (major, rest) = text.strip_prefix('v').unwrap_or(text).split_once('.')?;
        let minor = rest.split_once(['.', '-', '+']).map_or(rest, |(minor, _)| minor);
        (major == "1")
            .then(|| ProgrammeVersion::from_minor(minor.parse().ok()?))
            .flatten()
    }

    /// All requirements, each with its section.
    pub fn entries(&self) -> impl Iterator<Item = (&Section, &Entry)> {
        self.sections
            .iter()
            .flat_map(|section| section.requirements.iter().map(move |entry| (section, entry)))
    }
}

impl Section {
    /// The section, if the programme knows it.
    #[must_use]
    pub fn category(&self) -> Option<Category> {
        self.name.parse().ok()
    }
}
