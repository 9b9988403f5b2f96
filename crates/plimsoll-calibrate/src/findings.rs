//! What the suite said of a platform.

use std::collections::BTreeMap;

use plimsoll_program::RequirementId;
use plimsoll_record::{Event, Outcome, Verdict, What};

/// What the suite said of one requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The requirement.
    pub requirement: RequirementId,
    /// The verdict.
    pub verdict: Verdict,
    /// The line that explains it.
    pub reason: String,
    /// The controls that came out wrong, by name.
    pub wrong: Vec<String>,
}

/// What the suite said of each requirement, or why it said nothing.
pub type Findings = Result<Vec<Finding>, String>;

/// Reads what was found off the events of a run.
pub(crate) fn of_events(events: &[Event]) -> Vec<Finding> {
    let mut wrong: BTreeMap<&RequirementId, Vec<String>> = BTreeMap::new();
    let mut findings = Vec::new();
    for event in events {
        let Some(requirement) = &event.requirement else {
            continue;
        };
        match &event.what {
            What::ControlDecided(control) if control.outcome == Outcome::Wrong => {
                wrong.entry(requirement).or_default().push(control.name.clone());
            }
            What::CheckFinished(finished) => findings.push(Finding {
                requirement: requirement.clone(),
                verdict: finished.verdict,
                reason: finished.reason.clone(),
                wrong: wrong.remove(requirement).unwrap_or_default(),
            }),
            What::RunStarted(_)
            | What::PlatformSurveyed { .. }
            | What::CheckPlanned(_)
            | What::CheckStarted
            | What::WaitStarted { .. }
            | What::WaitProgressed { .. }
            | What::WaitEnded { .. }
            | What::ObjectCreated { .. }
            | What::Observed { .. }
            | What::ControlDecided(_)
            | What::CleanupStarted
            | What::CleanupFinished { .. }
            | What::Interrupted
            | What::RunFinished => (),
        }
    }
    findings.sort_by(|a, b| a.requirement.cmp(&b.requirement));
    findings
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A finding; `wrong` are the controls that came out wrong, separated by blanks.
    pub(crate) fn finding(requirement: &str, verdict: Verdict, reason: &str, wrong: &str) -> Finding {
        Finding {
            requirement: requirement.to_owned().into(),
            verdict,
            reason: reason.to_owned(),
            wrong: wrong.split_whitespace().map(str::to_owned).collect(),
        }
    }
}
