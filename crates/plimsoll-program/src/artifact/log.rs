//! `e2e.log`: what `go test -v` prints.

use std::io::BufRead;

use super::{Artifact, ArtifactError, TestOutcome, lines};

/// White space to the validator's regular expression.
const WHITE: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];

pub(super) fn parse(input: &mut dyn BufRead) -> Result<Artifact, ArtifactError> {
    let mut artifact = Artifact::default();
    lines(input, |number, line| {
        if line.starts_with("panic: ") {
            artifact.panic.get_or_insert(number);
        }
        if line.starts_with("# SIMULATED: ") || line.starts_with("# LAB: ") {
            artifact
                .mark
                .get_or_insert_with(|| line.chars().skip(2).take(120).collect());
        }
        match result(line) {
            Some((test, outcome)) => artifact.record(test.to_owned(), outcome, Some(number)),
            None => Ok(()),
        }
    })?;
    Ok(artifact)
}

/// White space, `--- PASS: ` or the like, then the name up to white space.
fn result(line: &str) -> Option<(&str, TestOutcome)> {
    let rest = line.trim_start_matches(WHITE).strip_prefix("--- ")?;
    let (word, rest) = rest.split_once(": ")?;
    let outcome = match word {
        "PASS" => TestOutcome::Passed,
        "FAIL" => TestOutcome::Failed,
        "SKIP" => TestOutcome::Skipped,
        _ => return None,
    };
    let name = rest.split(WHITE).next()?;
    (!name.is_empty()).then_some((name, outcome))
}
