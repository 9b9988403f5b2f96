//! The kill matrix for programs.
//!
//! The types here are the published format, apart from the ones used inside. Fields are added, never renamed or removed.
//! `schemas/calibration.v1.schema.json` is their JSON Schema; a test compares.

use plimsoll_record::Verdict;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use crate::{Calibration, Findings, Judged, Subject, judge};

/// The value of `schema`, and the schema's own id.
pub const SCHEMA: &str = "https://plimsoll.dev/schemas/calibration/v1";

/// The JSON Schema of [`Document`].
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        // Readers want to know what they can rely on in what is written.
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Document>();
    schema.insert("$id".to_owned(), SCHEMA.into());
    schema.to_value()
}

/// A calibration.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Document {
    /// The format of this document.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// The version of Plimsoll whose suite was on trial.
    plimsoll: &'static str,
    /// Where the runs were made.
    ground: GroundName,
    /// `LAB` or `SIMULATED`: none of this says anything about a product.
    mark: &'static str,
    /// The platform that defects were seeded into.
    platform: String,
    /// What decided samples and everything that would be random.
    seed: u64,
    /// Whether every defect was killed and nothing alarmed.
    sound_suite: bool,
    /// Each defect alone.
    defects: Vec<DefectRow>,
    /// Sampled defects, each on a platform that takes its time.
    under_latency: Vec<DefectRow>,
    /// Sampled pairs of defects.
    pairs: Vec<PairRow>,
    /// The sound platforms.
    sound: Vec<SoundRow>,
    /// Defects that can't show on this ground or platform.
    left_out: Vec<LeftOut>,
    /// How long all of it took.
    wall_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum GroundName {
    Simulated,
    Lab,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DefectRow {
    /// The defect.
    id: String,
    /// What is broken, in one line.
    title: String,
    /// The requirement that must notice it.
    requirement: String,
    outcome: Outcome,
    /// The suite's own reason where it is killed, else what is amiss.
    reason: String,
    /// What the suite said; empty if the run did not end.
    verdicts: Vec<VerdictCell>,
    /// How long the run took on this machine.
    duration_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PairRow {
    /// The two defects.
    defects: [String; 2],
    outcome: Outcome,
    /// The suite's own reasons where both are killed, else what is amiss.
    reason: String,
    /// What the suite said; empty if the run did not end.
    verdicts: Vec<VerdictCell>,
    /// How long the run took on this machine.
    duration_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SoundRow {
    /// The platform.
    platform: String,
    /// What is particular about it.
    description: String,
    /// What decided everything that would be random.
    seed: u64,
    /// What failed: false alarms.
    alarms: Vec<String>,
    /// Where another verdict was given than should be, alarms included.
    unexpected: Vec<String>,
    /// What the suite said; empty if the run did not end.
    verdicts: Vec<VerdictCell>,
    /// How long the run took on this machine.
    duration_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct VerdictCell {
    requirement: String,
    verdict: VerdictName,
    reason: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LeftOut {
    /// The defect.
    id: String,
    /// Why it can't show.
    why: String,
}

/// `killed`: the right requirement failed for the right reason, and no other; `survived`: it did not fail;
/// `misattributed`: another requirement failed, or for another reason; `masked` (pairs only): one defect was killed, and
/// keeps the other's requirement from being decided.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Killed,
    Survived,
    Misattributed,
    Masked,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum VerdictName {
    Passed,
    Failed,
    NotApplicable,
    Inconclusive,
    Skipped,
}

impl Document {
    /// What a calibration found out.
    #[must_use]
    pub fn of(calibration: &Calibration) -> Self {
        let simulated = calibration.ground == "simulated";
        let mut document = Self {
            schema: SCHEMA,
            plimsoll: env!("CARGO_PKG_VERSION"),
            ground: if simulated {
                GroundName::Simulated
            } else {
                GroundName::Lab
            },
            mark: if simulated { "SIMULATED" } else { "LAB" },
            platform: calibration.plan.platform.clone(),
            seed: calibration.plan.seed,
            sound_suite: calibration.is_sound(),
            defects: Vec::new(),
            under_latency: Vec::new(),
            pairs: Vec::new(),
            sound: Vec::new(),
            left_out: calibration
                .plan
                .left_out
                .iter()
                .map(|(defect, why)| LeftOut {
                    id: defect.id.clone(),
                    why: why.clone(),
                })
                .collect(),
            wall_ms: milliseconds(calibration.wall),
        };
        for judged in &calibration.judged {
            document.add(judged);
        }
        document
    }

    fn add(&mut self, judged: &Judged) {
        let verdicts = cells(&judged.findings);
        let duration_ms = milliseconds(judged.wall);
        let (outcome, reason) = match &judged.judgement {
            Some(judgement) => (outcome(judgement.outcome), judgement.reason.clone()),
            None => (Outcome::Survived, String::new()),
        };
        match judged.trial.subject {
            Subject::Sound => self.sound.push(SoundRow {
                platform: judged.trial.platform.name.clone(),
                description: judged.trial.platform.description.clone(),
                seed: judged.trial.seed,
                alarms: judged.alarms.clone(),
                unexpected: judged.unexpected.clone(),
                verdicts,
                duration_ms,
            }),
            Subject::Pair(first, second) => self.pairs.push(PairRow {
                defects: [first.id.clone(), second.id.clone()],
                outcome,
                reason,
                verdicts,
                duration_ms,
            }),
            Subject::Defect(defect) | Subject::UnderLatency(defect) => {
                let row = DefectRow {
                    id: defect.id.clone(),
                    title: defect.title.clone(),
                    requirement: defect.requirement.to_string(),
                    outcome,
                    reason,
                    verdicts,
                    duration_ms,
                };
                if matches!(judged.trial.subject, Subject::Defect(_)) {
                    self.defects.push(row);
                } else {
                    self.under_latency.push(row);
                }
            }
        }
    }
}

fn cells(findings: &Findings) -> Vec<VerdictCell> {
    findings
        .iter()
        .flatten()
        .map(|finding| VerdictCell {
            requirement: finding.requirement.to_string(),
            verdict: match finding.verdict {
                Verdict::Passed => VerdictName::Passed,
                Verdict::Failed => VerdictName::Failed,
                Verdict::NotApplicable => VerdictName::NotApplicable,
                Verdict::Inconclusive => VerdictName::Inconclusive,
                Verdict::Skipped => VerdictName::Skipped,
            },
            reason: finding.reason.clone(),
        })
        .collect()
}

fn outcome(outcome: judge::Outcome) -> Outcome {
    match outcome {
        judge::Outcome::Killed => Outcome::Killed,
        judge::Outcome::Masked => Outcome::Masked,
        judge::Outcome::Misattributed => Outcome::Misattributed,
        judge::Outcome::Survived => Outcome::Survived,
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
