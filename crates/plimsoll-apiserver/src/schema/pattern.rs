//! Regular expressions as Go has them.

use regex::{Regex, RegexBuilder};

/// Compiles one; unlike Rust, Go takes `\0` for a character.
///
/// # Errors
/// What is wrong with it, as Go says it.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).octal(true).build().map_err(|error| {
        let text = error.to_string();
        let why = text.rsplit("error: ").next().unwrap_or_default().trim();
        let (what, of) = match why {
            "unclosed group" => ("missing closing )", pattern),
            "unopened group" => ("unexpected )", pattern),
            "unclosed character class" => (
                "missing closing ]",
                &pattern[pattern.rfind('[').unwrap_or_default()..],
            ),
            "repetition operator missing expression" => {
                let operator = pattern.find(['*', '+', '?']).unwrap_or_default();
                (
                    "missing argument to repetition operator",
                    pattern.get(operator..=operator).unwrap_or(pattern),
                )
            }
            other => (other, pattern),
        };
        format!("error parsing regexp: {what}: `{of}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_as_go_does() {
        for (pattern, told) in [
            ("(", "error parsing regexp: missing closing ): `(`"),
            ("a[", "error parsing regexp: missing closing ]: `[`"),
            (
                "*a",
                "error parsing regexp: missing argument to repetition operator: `*`",
            ),
        ] {
            assert_eq!(compile(pattern).unwrap_err(), told);
        }
        assert!(compile(r"^[^\0]+$").is_ok());
    }
}
