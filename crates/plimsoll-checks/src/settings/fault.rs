//! A settings file that can't be used.

use std::fmt;

use miette::{Diagnostic, NamedSource};
use plimsoll_toml::Fault;

/// The file, and all that is wrong with it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{file}` can't be used: {}", Listed(.faults))]
pub struct FaultySettings {
    /// The file's name.
    pub file: String,
    /// Its text, which the faults' spans point into.
    #[source_code]
    pub text: NamedSource<String>,
    /// The faults, in the order of the file; at least one.
    #[related]
    pub faults: Vec<Fault>,
}

/// For where only one line is shown: the first fault in full.
struct Listed<'a>(&'a [Fault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no fault"),
            [only] => only.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
        }
    }
}
