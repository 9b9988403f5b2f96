//! Verdicts and controls of two runs.

use std::collections::BTreeMap;

use plimsoll_record::{ControlKind, Outcome, Verdict};

use super::{Change, Comparison, Difference};
use crate::{ControlRecord, RecordedCheck, RecordedRun};

pub(super) fn compare(before: &RecordedRun, after: &RecordedRun, comparison: &mut Comparison) {
    for old in &before.checks {
        match after.check(&old.id) {
            Some(new) => check(old, new, comparison),
            None if old.verdict() == Verdict::Skipped => {}
            None => comparison.changes.push(Change {
                fact: format!("requirement {}", old.id),
                before: Some(old.verdict().to_string()),
                after: None,
            }),
        }
    }
    for new in &after.checks {
        if before.check(&new.id).is_none() && new.verdict() != Verdict::Skipped {
            comparison.changes.push(Change {
                fact: format!("requirement {}", new.id),
                before: None,
                after: Some(new.verdict().to_string()),
            });
        }
    }
}

fn check(old: &RecordedCheck, new: &RecordedCheck, comparison: &mut Comparison) {
    let mut changed = |what: &str, before: Option<String>, after: Option<String>| {
        if before != after {
            let fact = format!("{what} of {}", new.id);
            comparison.changes.push(Change { fact, before, after });
        }
    };
    changed(
        "level",
        Some(old.planned.level.to_string()),
        Some(new.planned.level.to_string()),
    );
    let (was, is) = (old.verdict(), new.verdict());
    if was == Verdict::Passed && is == Verdict::Passed {
        changed(
            "adapter",
            old.adapter().map(str::to_owned),
            new.adapter().map(str::to_owned),
        );
    }
    let difference = Difference {
        requirement: new.id.clone(),
        level: new.planned.level,
        control: None,
        before: was.to_string(),
        after: is.to_string(),
        reason: new.reason().to_owned(),
        undecided: is == Verdict::Inconclusive,
    };
    match direction(was, is) {
        Direction::Same => controls(old, new, comparison),
        Direction::Worse => comparison.regressions.push(difference),
        Direction::Better => comparison.improvements.push(difference),
        Direction::Other => {
            changed("verdict", Some(difference.before), Some(difference.after));
            if was == Verdict::Passed {
                comparison.unasked.push(new.id.clone());
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Same,
    Better,
    Worse,
    /// Neither can be said.
    Other,
}

/// Which way a verdict went. What was not selected says nothing; and what can't be decided any more is not better than
/// what failed.
fn direction(before: Verdict, after: Verdict) -> Direction {
    use Verdict::{Failed, Inconclusive, NotApplicable, Passed, Skipped};
    match (before, after) {
        _ if before == after => Direction::Same,
        (Skipped, _) | (_, Skipped) => Direction::Other,
        (_, Passed) => Direction::Better,
        (Passed, _) | (_, Failed) => Direction::Worse,
        (Failed | Inconclusive | NotApplicable, Inconclusive | NotApplicable) => Direction::Other,
    }
}

/// Controls of a requirement whose verdict stayed: the suite saw something go wrong, or right, that did not decide.
fn controls(old: &RecordedCheck, new: &RecordedCheck, comparison: &mut Comparison) {
    let (old, new_controls) = (worst(&old.controls), worst(&new.controls));
    for (place, after) in &new_controls {
        let Some(before) = old.get(place) else { continue };
        let (was, is) = (before.control.outcome, after.control.outcome);
        if was == is {
            continue;
        }
        let difference = Difference {
            requirement: new.id.clone(),
            level: new.planned.level,
            control: Some((place.1.to_owned(), place.0.to_owned())),
            before: word(was).to_owned(),
            after: word(is).to_owned(),
            reason: after.control.detail.clone(),
            undecided: is == Outcome::Undecided,
        };
        match (was, is) {
            // What was left out says nothing, unless it now shows a fault.
            (Outcome::NotRun, Outcome::Right | Outcome::Undecided) | (_, Outcome::NotRun) => {
                comparison.changes.push(Change {
                    fact: format!("{} on {} of {}", place.1, place.0, new.id),
                    before: Some(difference.before),
                    after: Some(difference.after),
                });
            }
            (_, Outcome::Right) => comparison.improvements.push(difference),
            (Outcome::Right, Outcome::Undecided) | (_, Outcome::Wrong) => {
                comparison.regressions.push(difference)
            }
            (Outcome::Wrong | Outcome::Undecided, Outcome::Undecided) => {}
        }
    }
    let trials = |controls: &BTreeMap<(&str, &str), &ControlRecord>| -> String {
        let mut trials: Vec<&str> = controls.keys().map(|(trial, _)| *trial).collect();
        trials.dedup();
        trials.join(", ")
    };
    let (before, after) = (trials(&old), trials(&new_controls));
    if before != after {
        let some = |text: String| (!text.is_empty()).then_some(text);
        comparison.changes.push(Change {
            fact: format!("trials of {}", new.id),
            before: some(before),
            after: some(after),
        });
    }
}

/// The controls that decide, by trial and name; of one that was repeated the worst.
fn worst(controls: &[ControlRecord]) -> BTreeMap<(&str, &str), &ControlRecord> {
    let mut worst: BTreeMap<(&str, &str), &ControlRecord> = BTreeMap::new();
    for record in controls
        .iter()
        .filter(|record| record.control.kind != ControlKind::Observed)
    {
        let control = &record.control;
        let known = worst.entry((&control.trial, &control.name)).or_insert(record);
        if rank(control.outcome) > rank(known.control.outcome) {
            *known = record;
        }
    }
    worst
}

fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::NotRun => 0,
        Outcome::Right => 1,
        Outcome::Undecided => 2,
        Outcome::Wrong => 3,
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Right => "right",
        Outcome::Wrong => "wrong",
        Outcome::Undecided => "undecided",
        Outcome::NotRun => "not-run",
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_record::Verdict::{Failed, Inconclusive, NotApplicable, Passed, Skipped};

    use super::*;

    #[test]
    fn only_what_is_proven_is_better_and_only_what_was_lost_is_worse() {
        for (before, after, expected) in [
            (Passed, Passed, Direction::Same),
            (Passed, Failed, Direction::Worse),
            (Passed, Inconclusive, Direction::Worse),
            (Passed, NotApplicable, Direction::Worse),
            (Passed, Skipped, Direction::Other),
            (Inconclusive, Failed, Direction::Worse),
            (NotApplicable, Failed, Direction::Worse),
            (Failed, Inconclusive, Direction::Other),
            (Failed, NotApplicable, Direction::Other),
            (NotApplicable, Inconclusive, Direction::Other),
            (Failed, Passed, Direction::Better),
            (Inconclusive, Passed, Direction::Better),
            (NotApplicable, Passed, Direction::Better),
            (Skipped, Failed, Direction::Other),
            (Skipped, Passed, Direction::Other),
        ] {
            assert_eq!(direction(before, after), expected, "{before} → {after}");
        }
    }
}
