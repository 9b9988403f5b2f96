//! The published JSON format, apart from the types used inside.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use super::super::{Finding, Severity, Verdict};

/// The id of the format's JSON Schema.
pub const VALIDATION_SCHEMA: &str = "https://plimsoll.dev/schemas/validation/v1";

/// What is said of one product directory.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Validation {
    /// The path, as it was given or found.
    path: String,
    /// Whether no finding is an error.
    valid: bool,
    /// Errors first, then warnings and notes.
    findings: Vec<Found>,
    /// Rules that were not decided, for want of a network or a list of members.
    undecided: Vec<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    /// The rule's number, such as `R07`.
    #[schemars(regex(pattern = "^[RPNQ][0-9]{2}$"))]
    rule: &'static str,
    severity: FoundSeverity,
    /// The metadata field, category, requirement or artifact; empty for the file as a whole.
    id: String,
    /// What is wrong.
    message: String,
    /// What to do about it.
    help: String,
    /// The file.
    file: String,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
}

/// `error`: makes the submission invalid; `warning`: the programme's validator prints it; `note`: advice.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum FoundSeverity {
    Error,
    Warning,
    Note,
}

/// The verdicts as the published objects.
#[must_use]
pub fn json(verdicts: &[Verdict]) -> Vec<Validation> {
    verdicts
        .iter()
        .map(|verdict| Validation {
            path: verdict.path.clone(),
            valid: verdict.valid(),
            findings: verdict.findings.iter().map(Found::of).collect(),
            undecided: verdict.undecided.clone(),
        })
        .collect()
}

impl Found {
    fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule,
            severity: match finding.severity {
                Severity::Error => FoundSeverity::Error,
                Severity::Warning => FoundSeverity::Warning,
                Severity::Note => FoundSeverity::Note,
            },
            id: finding.id.clone(),
            message: finding.message.clone(),
            help: finding.help.clone(),
            file: finding.file.clone(),
            line: finding.place.line.max(1),
            column: finding.place.column.max(1),
        }
    }
}

/// The JSON Schema of what [`json`] gives.
#[must_use]
pub fn validation_schema() -> serde_json::Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Vec<Validation>>();
    schema.insert("$id".to_owned(), VALIDATION_SCHEMA.into());
    schema.to_value()
}
