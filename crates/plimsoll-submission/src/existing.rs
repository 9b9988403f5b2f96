//! What is kept of a submission that is updated: all that was written by hand.

use plimsoll_program::{checklist::Status, submission::Submission};

use crate::answer::{Answer, OURS, Source};

/// Completes the answers by what stands in the submission already.
///
/// Evidence that was not written here stays, before what is new. Notes stay unless they were written here. A status
/// stays where neither a run nor the vendor's file says anything.
pub(crate) fn keep(answers: &mut [Answer], existing: &Submission, prefix: &str) {
    for answer in answers {
        let claims = existing.claims().map(|(_, claim)| claim);
        let Some(claim) = claims.filter(|claim| claim.id.text == answer.id.as_str()).last() else {
            continue;
        };
        let by_hand = |entry: &str| !entry.is_empty() && !is_ours(entry, prefix);
        let mut evidence: Vec<String> = claim
            .evidence
            .iter()
            .map(|entry| entry.text.clone())
            .filter(|entry| by_hand(entry))
            .collect();
        for entry in std::mem::take(&mut answer.evidence) {
            if !evidence.contains(&entry) {
                evidence.push(entry);
            }
        }
        answer.evidence = evidence;
        let notes = claim.notes.text.trim();
        let written_here = notes.starts_with(OURS) || notes.contains("Status stated by the vendor (");
        if !notes.is_empty() && !written_here && !answer.notes.contains(notes) {
            answer.notes = match &answer.source {
                // The reason of an override has to stay visible.
                Source::Vendor(_) => format!("{notes} {}", answer.notes),
                Source::Runs | Source::Kept | Source::Nobody => claim.notes.text.clone(),
            };
        }
        let status = Status::from(claim.status.text.clone());
        if answer.source == Source::Nobody && answer.verdict.is_none() && status != Status::Blank {
            answer.status = status;
            answer.source = Source::Kept;
        }
    }
}

/// Whether an evidence entry was written here: an artifact or evidence page, at the top or in a run's folder.
fn is_ours(entry: &str, prefix: &str) -> bool {
    let Some(path) = entry
        .strip_prefix("file://")
        .and_then(|entry| entry.strip_prefix(prefix))
    else {
        return false;
    };
    is_written_here(path.split('#').next().unwrap_or_default())
}

/// Whether a file of a submission is an artifact or evidence page of a run, by its path.
pub(crate) fn is_written_here(path: &str) -> bool {
    let path = match path.strip_prefix("runs/").and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) => rest,
        None => path,
    };
    matches!(path, "junit.xml" | "results.json" | "e2e.log") || path.starts_with("evidence/")
}
