//! The Certified Kubernetes AI Conformance programme as facts: requirement ids, levels per programme
//! version, categories, KAR numbers, upstream test names, and the official checklist files.
//!
//! Knows no Kubernetes and no async: only files. The checklists' own texts are read at run time
//! (see [`checklist`]), never embedded.

pub mod artifact;
mod bounded;
pub mod category;
pub mod checklist;
pub mod facts;
pub mod level;
pub mod requirement;
pub mod rules;
pub mod submission;
mod yaml;

pub use bounded::{read_bounded, read_text_bounded};
pub use category::Category;
pub use checklist::Checklist;
pub use facts::{Requirement, UnknownRequirement, find, requirements};
pub use level::{Level, ProgrammeVersion};
pub use requirement::RequirementId;
