//! Formats of verdicts. Each is a pure function of them.

mod github;
mod json;
mod sarif;
mod terminal;

pub use github::github;
pub use json::{VALIDATION_SCHEMA, Validation, json, validation_schema};
pub use sarif::sarif;
pub use terminal::{Terminal, terminal, undecided};
