//! Annotations of GitHub's workflows: one command a line.

use std::fmt::Write;

use super::super::{Severity, Verdict};

/// The verdicts as workflow commands.
#[must_use]
pub fn github(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for finding in verdicts.iter().flat_map(|verdict| &verdict.findings) {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let about = if finding.id.is_empty() {
            String::new()
        } else {
            format!(" {}", finding.id)
        };
        // Writing to a `String` can't fail.
        let _ = writeln!(
            text,
            "::{command} file={},line={},col={},title={}::{}",
            property(&finding.file),
            finding.place.line.max(1),
            finding.place.column.max(1),
            property(&format!("{}{about}", finding.rule)),
            data(&format!("{}. Fix: {}", finding.message, finding.help)),
        );
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
