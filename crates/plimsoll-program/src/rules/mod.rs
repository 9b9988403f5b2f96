//! What makes a submission valid: the programme's rules, numbered as in its restated rules (R01 to R36), and
//! advice beyond them (P: asked for by the programme's documents; N: checked by nobody; Q: traps).
//!
//! [`Validator::validate`] judges one product directory; [`discover`] finds those of a checkout. A verdict is
//! what the programme's own validator would say, finding by finding; advice is always a note and never
//! decides. Formats of verdicts are in [`format`](mod@format).

mod advice;
mod catalogue;
mod checklists;
mod claims;
mod discover;
mod evidence;
mod finding;
pub mod format;
mod judge;
mod links;
mod metadata;
mod path;
mod shown;
mod validator;

pub use advice::SAMPLE;
pub use catalogue::{CATALOGUE, RuleFacts};
pub use checklists::{Checklists, ChecklistsError};
pub use discover::{DiscoverError, Discovered, Notice, Product, discover};
pub use finding::{Finding, Severity, Verdict};
pub use links::{Links, Reach};
pub use metadata::is_conformance_url;
pub use validator::{Generation, Members, UnknownGeneration, Validator};
