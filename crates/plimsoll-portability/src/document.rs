//! Answers for programs.
//!
//! The types here are the published format, apart from the ones used inside. Fields are added, never renamed or removed.
//! `schemas/portability.v1.schema.json` is their JSON Schema; a test compares.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use crate::{
    answer::{Answer, Answers, Verdict},
    change::Change,
    need::{Fit, Need},
    platform::Platform,
    read::Manifests,
};

/// The schema's own id.
pub const SCHEMA: &str = "https://plimsoll.dev/schemas/portability/v1";

/// The JSON Schema of [`rows`].
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        // Readers want to know what they can rely on in what is written.
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Vec<Row<'static>>>();
    schema.insert("$id".to_owned(), SCHEMA.into());
    schema.to_value()
}

/// One workload on one platform.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Row<'a> {
    /// Kind and name, with the namespace where the manifest has one: `Job/train`, `Job/team/train`.
    workload: String,
    /// The manifest.
    file: &'a str,
    /// Where the manifest begins.
    line: u32,
    /// The record's directory or the context.
    platform: &'a str,
    /// `LAB` or `SIMULATED` for answers that say nothing about a product.
    mark: Option<&'static str>,
    answer: AnswerName,
    /// Whether the answer is known. False only beside `does-not-run`: a need nobody can tell about is never taken for met.
    certain: bool,
    /// What the workload needs, and how the platform meets it.
    needs: Vec<NeedRow<'a>>,
    /// The changes after which it runs; `--adapt` makes all of them.
    changes: Vec<ChangeRow<'a>>,
    /// Why it does not run; what nobody can tell begins with `cannot tell: `.
    reasons: &'a [String],
}

/// `runs`: every need is met; `runs-with-changes`: after the listed changes; `does-not-run`: a need is not met, or it
/// cannot be told (`certain` is false).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum AnswerName {
    Runs,
    RunsWithChanges,
    DoesNotRun,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NeedRow<'a> {
    /// The kind of need, such as `accelerator` or `gang`.
    kind: &'static str,
    /// What is needed, for people.
    what: &'a str,
    file: &'a str,
    line: u32,
    /// The path in the object.
    path: &'a str,
    /// The requirements whose controls prove that a platform meets it.
    requirements: Vec<CarrierRow>,
    state: State,
    /// Why.
    because: &'a str,
}

/// `proven`: by controls of a run; `surveyed`: by the platform's facts; `after-changes`; `unmet`; `cannot-tell`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum State {
    Proven,
    Surveyed,
    AfterChanges,
    Unmet,
    CannotTell,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CarrierRow {
    id: &'static str,
    controls: &'static [&'static str],
}

#[derive(Debug, Serialize, JsonSchema)]
struct ChangeRow<'a> {
    /// What is changed, for people.
    what: &'a str,
    file: &'a str,
    line: u32,
    /// The path in the object.
    path: &'a str,
}

/// All answers.
#[must_use]
pub fn rows<'a>(manifests: &'a Manifests, platforms: &'a [Platform], answers: &'a Answers) -> Vec<Row<'a>> {
    answers
        .answers
        .iter()
        .map(|answer| row(manifests, platforms, answers, answer))
        .collect()
}

/// Kind and name of a workload, with its namespace.
#[must_use]
pub fn title(manifests: &Manifests, answers: &Answers, workload: usize) -> String {
    let document = &manifests.documents[answers.workloads[workload].main];
    match document.namespace() {
        "" => document.title(),
        namespace => format!("{}/{namespace}/{}", document.kind(), document.name()),
    }
}

fn row<'a>(
    manifests: &'a Manifests,
    platforms: &'a [Platform],
    answers: &'a Answers,
    answer: &'a Answer,
) -> Row<'a> {
    let document = &manifests.documents[answers.workloads[answer.workload].main];
    let platform = &platforms[answer.platform];
    let changes = match answer.verdict {
        // Changes that don't help are none.
        Verdict::DoesNotRun => Vec::new(),
        Verdict::Runs | Verdict::RunsWithChanges => answer.changes().map(ChangeRow::of).collect(),
    };
    Row {
        workload: title(manifests, answers, answer.workload),
        file: &document.file,
        line: document.line,
        platform: &platform.name,
        mark: platform.mark,
        answer: match answer.verdict {
            Verdict::Runs => AnswerName::Runs,
            Verdict::RunsWithChanges => AnswerName::RunsWithChanges,
            Verdict::DoesNotRun => AnswerName::DoesNotRun,
        },
        certain: answer.certain,
        needs: answers.needs[answer.workload]
            .iter()
            .zip(&answer.fits)
            .map(|(need, fit)| NeedRow::of(need, fit))
            .collect(),
        changes,
        reasons: &answer.reasons,
    }
}

impl<'a> NeedRow<'a> {
    fn of(need: &'a Need, fit: &'a Fit) -> Self {
        Self {
            kind: need.kind.name(),
            what: &need.what,
            file: &need.place.file,
            line: need.place.line,
            path: &need.place.path,
            requirements: need
                .kind
                .carriers()
                .iter()
                .map(|(id, controls)| CarrierRow { id, controls })
                .collect(),
            state: match fit {
                Fit::Proven(_) => State::Proven,
                Fit::Surveyed(_) => State::Surveyed,
                Fit::Changed(..) => State::AfterChanges,
                Fit::Unmet(_) => State::Unmet,
                Fit::Unknown(_) => State::CannotTell,
            },
            because: fit.because(),
        }
    }
}

impl<'a> ChangeRow<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            what: &change.what,
            file: &change.place.file,
            line: change.place.line,
            path: &change.place.path,
        }
    }
}
