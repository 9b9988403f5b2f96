//! `results.json`: the run for programs.
//!
//! The types here are the published format, apart from the ones used inside, so that no refactoring changes
//! what others parse. Fields are added, never renamed or removed. `schemas/results.v1.schema.json` is their
//! JSON Schema; a test compares.
//!
//! The name is also that of an artifact of the programme (the output of `go test -json`), which this file is
//! not: as evidence of a submission, cite `junit.xml` or `e2e.log`.

use std::io;

use plimsoll_program::Level;
use plimsoll_record::{ControlKind, Outcome, PlatformKind, Verdict};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use crate::{RecordedCheck, RecordedRun, ReportError, Reporter, evidence, exit_code, mark::mark};

/// The value of `schema`, and the schema's own id.
pub const RESULTS_SCHEMA: &str = "https://plimsoll.dev/schemas/results/v1";

/// Writes `results.json`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResultsJson;

impl Reporter for ResultsJson {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        serde_json::to_writer_pretty(&mut *out, &Results::of(run))?;
        out.write_all(b"\n")?;
        Ok(())
    }
}

/// The JSON Schema of [`Results`].
#[must_use]
pub fn results_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        // Readers want to know what they can rely on in what is written.
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Results>();
    schema.insert("$id".to_owned(), RESULTS_SCHEMA.into());
    schema.to_value()
}

/// The results of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Results {
    /// The format of this document.
    #[schemars(extend("const" = RESULTS_SCHEMA))]
    schema: &'static str,
    /// The run.
    run: Run,
    /// The platform it was made on.
    platform: Platform,
    /// How many requirements have which verdict, and what follows.
    summary: Summary,
    /// The requirements in the order of the plan, those not selected included.
    requirements: Vec<Requirement>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Run {
    /// The run's id; it is in the name of everything the run created.
    id: String,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    started: String,
    /// When it ended; null if it was killed.
    #[schemars(extend("format" = "date-time"))]
    finished: Option<String>,
    /// The programme version the levels are from.
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    programme: String,
    /// The version of Plimsoll.
    plimsoll: String,
    /// Whether it was stopped before all checks had their verdict.
    interrupted: bool,
    /// What cleanup could not remove from the platform.
    left_behind: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Platform {
    kind: Kind,
    /// `LAB` or `SIMULATED` on results that say nothing about a product; null on those of a cluster.
    mark: Option<&'static str>,
    /// The Kubernetes version, such as `v1.36.3`.
    kubernetes: String,
    /// The kubeconfig context, if there was one.
    context: Option<String>,
}

/// What kind of ground the run stood on.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Cluster,
    Lab,
    Simulated,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    passed: u32,
    failed: u32,
    not_applicable: u32,
    inconclusive: u32,
    skipped: u32,
    /// 0: all that decides passed; 1: something failed; 2: cannot tell.
    #[serde(rename = "exit_code")]
    #[schemars(range(max = 2))]
    exit_code: u8,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Requirement {
    id: String,
    /// Its title in Plimsoll's words.
    title: String,
    /// The number of its Kubernetes AI Requirement, if it has one.
    kar: Option<u32>,
    level: RequirementLevel,
    /// Its tests in the upstream suite.
    upstream_tests: Vec<String>,
    verdict: RequirementVerdict,
    /// The one line that explains the verdict.
    reason: String,
    /// What to do about it, if something can be said.
    advice: Option<String>,
    /// The adapter or allocation path that decided.
    adapter: Option<String>,
    /// How long the check took; null if it did not end.
    duration_ms: Option<u64>,
    /// The controls in the order they came out.
    controls: Vec<ControlResult>,
    /// Files with the evidence, relative to this one.
    evidence: Vec<String>,
}

/// How binding a requirement is in the programme version; `pillar`: part of the technical baseline, but not
/// of that version's checklist.
#[derive(Debug, Serialize, JsonSchema)]
enum RequirementLevel {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "pillar")]
    Pillar,
}

/// `not-applicable`: declared so with a reason; `inconclusive`: could not be decided; `skipped`: not selected.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum RequirementVerdict {
    Passed,
    Failed,
    NotApplicable,
    Inconclusive,
    Skipped,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ControlResult {
    /// What it was tried on: an adapter, an allocation path, a driver.
    trial: String,
    name: String,
    kind: ControlResultKind,
    outcome: ControlOutcome,
    /// What was seen.
    detail: String,
}

/// `positive`: must work; `negative`: must be refused; `observed`: recorded only, never decides.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ControlResultKind {
    Positive,
    Negative,
    Observed,
}

/// `right`: as on a sound platform; `wrong`: the platform is at fault; `undecided`: could not be told; `not-run`: left
/// out because it disturbs the platform and nobody allowed that.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ControlOutcome {
    Right,
    Wrong,
    Undecided,
    NotRun,
}

impl Results {
    /// The results of `run`.
    #[must_use]
    pub fn of(run: &RecordedRun) -> Self {
        Self {
            schema: RESULTS_SCHEMA,
            run: Run {
                id: run.facts.run.clone(),
                started: run.started.to_string(),
                finished: run.finished.map(|at| at.to_string()),
                programme: run.facts.programme.to_string(),
                plimsoll: run.facts.plimsoll.clone(),
                interrupted: run.was_interrupted(),
                left_behind: run.left_behind.clone(),
            },
            platform: Platform {
                kind: match run.facts.platform.kind {
                    PlatformKind::Cluster => Kind::Cluster,
                    PlatformKind::Lab => Kind::Lab,
                    PlatformKind::Simulated => Kind::Simulated,
                },
                mark: mark(run.facts.platform.kind).map(|mark| mark.word),
                kubernetes: run.facts.platform.kubernetes.clone(),
                context: run.facts.platform.context.clone(),
            },
            summary: Summary::of(run),
            requirements: run.checks.iter().map(Requirement::of).collect(),
        }
    }
}

impl Summary {
    fn of(run: &RecordedRun) -> Self {
        let mut summary = Self {
            exit_code: exit_code(run).code(),
            ..Self::default()
        };
        for check in &run.checks {
            *match check.verdict() {
                Verdict::Passed => &mut summary.passed,
                Verdict::Failed => &mut summary.failed,
                Verdict::NotApplicable => &mut summary.not_applicable,
                Verdict::Inconclusive => &mut summary.inconclusive,
                Verdict::Skipped => &mut summary.skipped,
            } += 1;
        }
        summary
    }
}

impl Requirement {
    fn of(check: &RecordedCheck) -> Self {
        Self {
            id: check.id.to_string(),
            title: check.planned.title.clone(),
            kar: check.planned.kar,
            level: match check.planned.level {
                Level::Must => RequirementLevel::Must,
                Level::Should => RequirementLevel::Should,
                Level::Pillar => RequirementLevel::Pillar,
            },
            upstream_tests: check.planned.upstream_tests.clone(),
            verdict: match check.verdict() {
                Verdict::Passed => RequirementVerdict::Passed,
                Verdict::Failed => RequirementVerdict::Failed,
                Verdict::NotApplicable => RequirementVerdict::NotApplicable,
                Verdict::Inconclusive => RequirementVerdict::Inconclusive,
                Verdict::Skipped => RequirementVerdict::Skipped,
            },
            reason: check.reason().to_owned(),
            advice: check.advice().map(str::to_owned),
            adapter: check.adapter().map(str::to_owned),
            duration_ms: check.finished.as_ref().map(|finished| finished.duration_ms),
            controls: check
                .controls
                .iter()
                .map(|record| ControlResult::of(&record.control))
                .collect(),
            evidence: evidence::path(check).into_iter().collect(),
        }
    }
}

impl ControlResult {
    fn of(control: &plimsoll_record::Control) -> Self {
        Self {
            trial: control.trial.clone(),
            name: control.name.clone(),
            kind: match control.kind {
                ControlKind::Positive => ControlResultKind::Positive,
                ControlKind::Negative => ControlResultKind::Negative,
                ControlKind::Observed => ControlResultKind::Observed,
            },
            outcome: match control.outcome {
                Outcome::Right => ControlOutcome::Right,
                Outcome::Wrong => ControlOutcome::Wrong,
                Outcome::Undecided => ControlOutcome::Undecided,
                Outcome::NotRun => ControlOutcome::NotRun,
            },
            detail: control.detail.clone(),
        }
    }
}
