//! The comparison for programs: `plimsoll compare --format json`.
//!
//! The types here are the published format, apart from the ones used inside. Fields are added, never renamed or removed.
//! `schemas/comparison.v1.schema.json` is their JSON Schema; a test compares.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use super::{Change, Comparison, Difference};

/// The value of `schema`, and the schema's own id.
pub const COMPARISON_SCHEMA: &str = "https://plimsoll.dev/schemas/comparison/v1";

/// The JSON Schema of [`ComparisonDocument`].
#[must_use]
pub fn comparison_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<ComparisonDocument>();
    schema.insert("$id".to_owned(), COMPARISON_SCHEMA.into());
    schema.to_value()
}

/// What is different between two runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ComparisonDocument {
    /// The format of this document.
    #[schemars(extend("const" = COMPARISON_SCHEMA))]
    schema: &'static str,
    /// What it was compared from, in words.
    before: String,
    /// What it was compared with, in words.
    after: String,
    /// 0: nothing got worse; 1: something fails that did not; 2: something that was proven is not proven any more.
    #[schemars(range(max = 2))]
    exit_code: u8,
    /// What got worse, the requirements that bind most first.
    regressions: Vec<DifferenceEntry>,
    /// What got better.
    improvements: Vec<DifferenceEntry>,
    /// Facts that are others, without being better or worse.
    changes: Vec<ChangeEntry>,
}

/// A verdict or a control that came out otherwise.
#[derive(Debug, Serialize, JsonSchema)]
struct DifferenceEntry {
    requirement: String,
    /// `MUST`, `SHOULD` or `pillar`, in the second run.
    level: String,
    /// The control, where the verdict as a whole stayed; else null.
    control: Option<String>,
    /// What the control was tried on.
    trial: Option<String>,
    /// The verdict, or the control's outcome, before.
    before: String,
    /// The same after.
    after: String,
    /// What the second run says about it.
    reason: String,
}

/// A fact that is another one.
#[derive(Debug, Serialize, JsonSchema)]
struct ChangeEntry {
    fact: String,
    /// How it was; null if it was not there.
    before: Option<String>,
    /// How it is; null if it is gone.
    after: Option<String>,
}

impl ComparisonDocument {
    /// The comparison as it is published.
    #[must_use]
    pub fn of(comparison: &Comparison) -> Self {
        Self {
            schema: COMPARISON_SCHEMA,
            before: comparison.before.clone(),
            after: comparison.after.clone(),
            exit_code: comparison.exit_code(),
            regressions: comparison.regressions.iter().map(DifferenceEntry::of).collect(),
            improvements: comparison.improvements.iter().map(DifferenceEntry::of).collect(),
            changes: comparison.changes.iter().map(ChangeEntry::of).collect(),
        }
    }
}

impl DifferenceEntry {
    fn of(difference: &Difference) -> Self {
        let (control, trial) = difference.control.clone().unzip();
        Self {
            requirement: difference.requirement.to_string(),
            level: difference.level.to_string(),
            control,
            trial,
            before: difference.before.clone(),
            after: difference.after.clone(),
            reason: difference.reason.clone(),
        }
    }
}

impl ChangeEntry {
    fn of(change: &Change) -> Self {
        Self {
            fact: change.fact.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        }
    }
}
