//! What can be wrong with a platform file.

use std::fmt;

use miette::{Diagnostic, NamedSource};
pub(crate) use plimsoll_toml::nearest;
pub use plimsoll_toml::{Fault as PlatformFault, FaultKind};

/// A file that describes no platform, with all that is wrong with it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{file}` describes no platform: {}", Listed(.faults))]
pub struct FaultyPlatform {
    /// The file's name.
    pub file: String,
    /// Its text, which the faults' spans point into.
    #[source_code]
    pub text: NamedSource<String>,
    /// The faults, in the order of the file; at least one.
    #[related]
    pub faults: Vec<PlatformFault>,
}

/// For where only one line is shown: the first fault in full.
struct Listed<'a>(&'a [PlatformFault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no fault"),
            [only] => only.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
        }
    }
}
