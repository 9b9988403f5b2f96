//! Regular expressions as Go has them.

use regex::{Regex, RegexBuilder};

/// Compiles one; unlike Rust, Go takes `\0` for a character.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).octal(true).build()
}
