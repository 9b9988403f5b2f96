//! What a submission answers to one requirement.

use plimsoll_program::{Level, RequirementId, checklist::Status};
use plimsoll_record::Verdict;
use plimsoll_report::RecordedRun;

use crate::{
    product::{Product, Statement},
    records::Records,
};

/// The answer to a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The requirement.
    pub id: RequirementId,
    /// How binding it is.
    pub level: Level,
    /// What is claimed.
    pub status: Status,
    /// Where the claim comes from.
    pub source: Source,
    /// What the runs say; none if none looked.
    pub verdict: Option<Verdict>,
    /// Links and files.
    pub evidence: Vec<String>,
    /// Remarks.
    pub notes: String,
    /// The layer that owns it.
    pub owner: Option<String>,
}

/// Where a status comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It follows from the runs.
    Runs,
    /// The vendor states it, for this reason.
    Vendor(String),
    /// It stands in the submission that is updated, and no run says anything.
    Kept,
    /// Nobody says anything, or nothing that could be claimed.
    Nobody,
}

/// How notes begin that were written here, and that an update may therefore write again.
pub(crate) const OURS: &str = "Plimsoll: ";

/// Answers a requirement from the runs and from what the vendor states; evidence is added later.
pub(crate) fn answer(
    id: &RequirementId,
    level: Level,
    records: &Records,
    product: Option<&Product>,
) -> Answer {
    let none = Statement::default();
    let statement = product
        .and_then(|product| product.requirements.get(id.as_str()))
        .unwrap_or(&none);
    let verdict = records.verdict(id);
    let (status, source) = match (&statement.status, verdict) {
        (Some((status, reason)), _) => (status.clone(), Source::Vendor(reason.trim().to_owned())),
        (None, Some(Verdict::Passed)) => (Status::Implemented, Source::Runs),
        (None, Some(Verdict::Failed)) => (Status::NotImplemented, Source::Runs),
        (None, Some(Verdict::NotApplicable)) => (Status::NotApplicable, Source::Runs),
        (None, Some(Verdict::Inconclusive | Verdict::Skipped) | None) => (Status::Blank, Source::Nobody),
    };
    let mut answer = Answer {
        id: id.clone(),
        level,
        status,
        source,
        verdict,
        evidence: Vec::new(),
        notes: String::new(),
        owner: statement.owner.clone(),
    };
    answer.notes = notes(&answer, records, product, statement);
    answer
}

fn notes(answer: &Answer, records: &Records, product: Option<&Product>, statement: &Statement) -> String {
    let mut parts = Vec::new();
    if let Some(owner) = &answer.owner {
        let layer = product
            .into_iter()
            .flat_map(|product| &product.layers)
            .find(|layer| layer.name == *owner);
        let certificate = layer.and_then(|layer| layer.certificate.as_deref());
        let certificate = certificate
            .map(|link| format!(", certified: {link}"))
            .unwrap_or_default();
        let whose = layer.map_or_else(String::new, |layer| format!(" ({}{certificate})", layer.product));
        parts.push(format!("Owned by layer {owner}{whose}."));
    }
    if !statement.notes.trim().is_empty() {
        parts.push(statement.notes.trim().to_owned());
    }
    match &answer.source {
        Source::Vendor(reason) => {
            let said = answer.verdict.map_or_else(
                || "no run decided it".to_owned(),
                |verdict| format!("runs say: {verdict}"),
            );
            parts.push(format!("Status stated by the vendor ({said}): {reason}"));
        }
        Source::Runs => parts.extend(of_runs(answer, records)),
        Source::Kept | Source::Nobody => {}
    }
    parts.join(" ")
}

/// What each run says, in one sentence.
fn of_runs(answer: &Answer, records: &Records) -> Option<String> {
    let said: Vec<String> = records
        .checks(&answer.id)
        .into_iter()
        .filter(|(_, check)| check.verdict() != Verdict::Skipped)
        .map(|(run, check)| {
            let by = check
                .adapter()
                .map(|adapter| format!(" by {adapter}"))
                .unwrap_or_default();
            match check.verdict() {
                Verdict::Passed => format!("passed{by}{}", on(run, records)),
                verdict => format!("{verdict}{}: {}", on(run, records), check.reason()),
            }
        })
        .collect();
    (!said.is_empty()).then(|| format!("{OURS}{}.", said.join("; ").trim_end_matches('.')))
}

/// Which run, where there are several.
fn on(run: &RecordedRun, records: &Records) -> String {
    if records.runs.len() > 1 {
        format!(" in run {}", run.facts.run)
    } else {
        String::new()
    }
}
