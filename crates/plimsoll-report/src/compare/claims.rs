//! What a vendor claims, beside what a run shows.

use plimsoll_program::{checklist::Status, submission::Submission};
use plimsoll_record::Verdict;

use super::{Change, Comparison, Difference, title};
use crate::{RecordedCheck, RecordedRun};

impl Comparison {
    /// Compares the claims of a submission with a run: a claim that the run does not bear out is a regression, more than was
    /// claimed an improvement. `name` is what the submission is called.
    #[must_use]
    pub fn of_claims(name: &str, submission: &Submission, run: &RecordedRun) -> Self {
        let mut comparison = Self {
            before: format!("claims of {name}"),
            after: title(run),
            regressions: Vec::new(),
            improvements: Vec::new(),
            changes: Vec::new(),
            unasked: Vec::new(),
        };
        for (_, claim) in submission.claims() {
            let status = Status::from(claim.status.text.clone());
            match run.checks.iter().find(|check| check.id.as_str() == claim.id.text) {
                Some(check) => judge(&status, check, &mut comparison),
                None => {
                    if status == Status::Implemented {
                        comparison.unasked.push(claim.id.text.clone().into());
                    }
                    comparison.changes.push(Change {
                        fact: format!("requirement {}", claim.id.text),
                        before: Some(words(&status)),
                        after: None,
                    });
                }
            }
        }
        let found = &run.facts.platform.kubernetes;
        let claimed = submission.text("kubernetesVersion");
        if let Some(claimed) = claimed.filter(|claimed| !found.contains(claimed.trim_start_matches('v'))) {
            comparison.changes.push(Change {
                fact: "Kubernetes".to_owned(),
                before: Some(claimed.to_owned()),
                after: Some(found.clone()),
            });
        }
        comparison.in_order();
        comparison
    }
}

fn judge(status: &Status, check: &RecordedCheck, comparison: &mut Comparison) {
    let verdict = check.verdict();
    let difference = Difference {
        requirement: check.id.clone(),
        level: check.planned.level,
        control: None,
        before: words(status),
        after: verdict.to_string(),
        reason: check.reason().to_owned(),
        undecided: verdict != Verdict::Failed,
    };
    match (status, verdict) {
        (Status::Implemented, Verdict::Passed) | (Status::NotApplicable, Verdict::NotApplicable) => {}
        (Status::Implemented, Verdict::Skipped) => comparison.unasked.push(check.id.clone()),
        (Status::Implemented, Verdict::Failed | Verdict::Inconclusive | Verdict::NotApplicable) => {
            comparison.regressions.push(difference);
        }
        (Status::NotImplemented | Status::PartiallyImplemented | Status::NotApplicable, Verdict::Passed) => {
            comparison.improvements.push(difference);
        }
        (_, Verdict::Skipped) => {}
        (
            Status::NotImplemented
            | Status::PartiallyImplemented
            | Status::NotApplicable
            | Status::Blank
            | Status::Unknown(_),
            _,
        ) => comparison.changes.push(Change {
            fact: format!("requirement {}", check.id),
            before: Some(difference.before),
            after: Some(difference.after),
        }),
    }
}

fn words(status: &Status) -> String {
    match status {
        Status::Blank => "claimed nothing".to_owned(),
        Status::Implemented
        | Status::NotImplemented
        | Status::PartiallyImplemented
        | Status::NotApplicable
        | Status::Unknown(_) => format!("claimed {status}"),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_record::{CheckPlanned, Event, PlatformFacts, PlatformKind, RunStarted, What};

    use super::*;

    fn run(verdicts: &[(&'static str, Verdict)]) -> RecordedRun {
        let event = |seq: usize, id: Option<&'static str>, what: What| Event {
            seq: seq as u64,
            at: "2026-10-01T08:00:00Z".parse().unwrap(),
            requirement: id.map(plimsoll_program::RequirementId::new),
            what,
        };
        let mut events = vec![event(
            0,
            None,
            What::RunStarted(RunStarted {
                format: plimsoll_record::FORMAT.to_owned(),
                run: "r1".to_owned(),
                plimsoll: "0.1.0".to_owned(),
                programme: plimsoll_program::ProgrammeVersion::V1_36,
                platform: PlatformFacts {
                    kind: PlatformKind::Cluster,
                    kubernetes: "v1.36.3".to_owned(),
                    context: None,
                },
            }),
        )];
        for (id, verdict) in verdicts {
            events.push(event(
                events.len(),
                Some(id),
                What::CheckPlanned(CheckPlanned {
                    title: String::new(),
                    level: plimsoll_program::Level::Must,
                    kar: None,
                    upstream_tests: Vec::new(),
                    skipped: (*verdict == Verdict::Skipped).then(|| "not named by --only".to_owned()),
                }),
            ));
            if *verdict != Verdict::Skipped {
                events.push(event(
                    events.len(),
                    Some(id),
                    What::CheckFinished(plimsoll_record::CheckFinished {
                        verdict: *verdict,
                        reason: "because".to_owned(),
                        advice: None,
                        adapter: None,
                        duration_ms: 1,
                    }),
                ));
            }
        }
        RecordedRun::from_events(&events).unwrap()
    }

    fn claims(status: &str) -> Submission {
        let yaml = format!(
            "metadata:\n  kubernetesVersion: v1.36\nspec:\n  scheduling:\n    - id: gang_scheduling\n      status: \"{status}\"\n"
        );
        Submission::read(yaml.as_bytes()).unwrap()
    }

    #[test]
    fn a_claim_is_held_against_what_the_run_shows() {
        for (status, verdict, code, better) in [
            ("Implemented", Verdict::Passed, 0, 0),
            ("Implemented", Verdict::Failed, 1, 0),
            ("Implemented", Verdict::Inconclusive, 2, 0),
            ("Implemented", Verdict::NotApplicable, 2, 0),
            ("Implemented", Verdict::Skipped, 2, 0),
            ("Not Implemented", Verdict::Passed, 0, 1),
            ("N/A", Verdict::Passed, 0, 1),
            ("N/A", Verdict::NotApplicable, 0, 0),
            ("", Verdict::Failed, 0, 0),
        ] {
            let comparison =
                Comparison::of_claims("ours", &claims(status), &run(&[("gang_scheduling", verdict)]));
            let found = (comparison.exit_code(), comparison.improvements.len());
            assert_eq!(found, (code, better), "`{status}` and {verdict}");
            assert!(
                comparison
                    .changes
                    .iter()
                    .all(|change| change.fact != "Kubernetes")
            );
        }
    }

    #[test]
    fn a_run_that_did_not_ask_does_not_bear_a_claim_out() {
        let comparison = Comparison::of_claims("ours", &claims("Implemented"), &run(&[]));
        assert_eq!(comparison.changes[0].after, None);
        assert_eq!(comparison.exit_code(), 2);
    }
}
