//! What was answered, for people.

use std::{fmt::Write, path::Path};

use plimsoll_program::{
    checklist::Status,
    rules::{
        Severity,
        format::{Terminal, terminal},
    },
};

use crate::{Composed, Source};

/// One line a requirement, then what the rules say of the submission.
#[must_use]
pub fn summary(composed: &Composed, checklist: &Path) -> String {
    let mut text = String::new();
    if !composed.official {
        let _ = writeln!(
            text,
            "{} is not the official checklist to the byte",
            checklist.display()
        );
    }
    for answer in &composed.answers {
        let status = if answer.status == Status::Blank {
            "blank"
        } else {
            answer.status.as_str()
        };
        let why = match (&answer.source, answer.verdict) {
            (Source::Vendor(_), Some(verdict)) => format!("stated by the vendor, runs say {verdict}"),
            (Source::Vendor(_), None) => "stated by the vendor".to_owned(),
            (Source::Kept, _) => "kept".to_owned(),
            (Source::Runs | Source::Nobody, Some(verdict)) => verdict.to_string(),
            (Source::Runs | Source::Nobody, None) => "nobody says anything".to_owned(),
        };
        let _ = writeln!(
            text,
            "{:<28} {:<6} {status} ({why})",
            answer.id.as_str(),
            answer.level.to_string()
        );
    }
    let mut verdict = composed.verdict.clone();
    // What --members would decide is no news here.
    verdict
        .findings
        .retain(|finding| !(finding.rule == "R15" && finding.severity == Severity::Note));
    if !verdict.findings.is_empty() {
        text.push('\n');
        text.push_str(&terminal(&[verdict], Terminal::default()));
    }
    text
}
