//! SARIF 2.1.0, for code scanning.

use serde_json::{Value, json};

use super::super::{CATALOGUE, Finding, Severity, Verdict};

/// The verdicts as a SARIF log; `version` is the tool's.
#[must_use]
pub fn sarif(verdicts: &[Verdict], version: &str) -> Value {
    let rules: Vec<Value> = CATALOGUE
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "help": {"text": rule.fix},
            })
        })
        .collect();
    let results: Vec<Value> = verdicts
        .iter()
        .flat_map(|verdict| &verdict.findings)
        .map(result)
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "plimsoll",
                "version": version,
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let about = if finding.id.is_empty() {
        String::new()
    } else {
        format!("{}: ", finding.id)
    };
    json!({
        "ruleId": finding.rule,
        "ruleIndex": CATALOGUE.iter().position(|rule| rule.id == finding.rule),
        "level": level,
        "message": {"text": format!("{about}{}. Fix: {}", finding.message, finding.help)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.file)},
            "region": {"startLine": finding.place.line.max(1), "startColumn": finding.place.column.max(1)},
        }}],
    })
}

/// A path as a URI: what is neither letter, digit nor a few signs is escaped.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.bytes().fold(String::new(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
        uri
    })
}
