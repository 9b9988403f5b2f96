//! From controls to a verdict: the one function that decides.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Control, ControlKind, Outcome};

/// What a run says of one requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every control came out right in this run.
    Passed,
    /// A control came out wrong.
    Failed,
    /// The requirement's condition does not arise here, as the platform's owner declared.
    NotApplicable,
    /// It could not be decided.
    Inconclusive,
    /// Not selected for this run.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotApplicable => "not-applicable",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        })
    }
}

/// How the verdicts of a check's trials combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Each trial must pass (every allocation path must be safe).
    Every,
    /// One trial that passes is enough (one gang scheduling solution).
    Any,
}

/// A verdict and the sentence that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one line.
    pub reason: String,
    /// The trial that decided: the adapter that passed, or the trial at fault.
    pub trial: Option<String>,
}

/// Decides from the controls of a run. `required` names the controls that every trial must bring home;
/// a trial that lacks one is inconclusive, and so is a check without any trial: want of data never passes.
/// Nor does a trial without a negative control that came out right: it would say the same of a platform that
/// lets everything happen.
#[must_use]
pub fn decide(rule: Rule, required: &[&str], controls: &[Control]) -> Decision {
    let mut trials: BTreeMap<&str, Vec<&Control>> = BTreeMap::new();
    for control in controls {
        trials.entry(&control.trial).or_default().push(control);
    }
    let decisions: Vec<Decision> = trials
        .into_iter()
        .map(|(trial, controls)| decide_trial(trial, required, &controls))
        .collect();
    let order = match rule {
        Rule::Every => [Verdict::Failed, Verdict::Inconclusive, Verdict::Passed],
        Rule::Any => [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive],
    };
    order
        .into_iter()
        .find_map(|verdict| decisions.iter().find(|decision| decision.verdict == verdict))
        .cloned()
        .unwrap_or_else(|| Decision {
            verdict: Verdict::Inconclusive,
            reason: "no control was run".to_owned(),
            trial: None,
        })
}

fn decide_trial(trial: &str, required: &[&str], controls: &[&Control]) -> Decision {
    let decision = |verdict, reason| Decision {
        verdict,
        reason,
        trial: Some(trial.to_owned()),
    };
    let deciding = || {
        controls
            .iter()
            .filter(|control| control.kind != ControlKind::Observed)
    };
    // In the order of the specification, which puts what others build on first: the first fault is the cause.
    let rank = |control: &Control| {
        required
            .iter()
            .position(|name| *name == control.name)
            .unwrap_or(required.len())
    };
    if let Some(wrong) = deciding()
        .filter(|control| control.outcome == Outcome::Wrong)
        .min_by_key(|control| rank(control))
    {
        return decision(Verdict::Failed, format!("{}: {}", wrong.name, wrong.detail));
    }
    if let Some(open) = deciding()
        .filter(|control| control.outcome == Outcome::Undecided)
        .min_by_key(|control| rank(control))
    {
        return decision(Verdict::Inconclusive, format!("{}: {}", open.name, open.detail));
    }
    let missing: Vec<&str> = required
        .iter()
        .copied()
        .filter(|name| !deciding().any(|control| control.name == *name && control.outcome == Outcome::Right))
        .collect();
    if !missing.is_empty() {
        return decision(Verdict::Inconclusive, format!("not run: {}", missing.join(", ")));
    }
    if required.is_empty() {
        return decision(
            Verdict::Inconclusive,
            "no control is required, so nothing is proven".to_owned(),
        );
    }
    let (left_out, right): (Vec<&Control>, Vec<&Control>) = deciding()
        .copied()
        .partition(|control| control.outcome == Outcome::NotRun);
    if !right.iter().any(|control| control.kind == ControlKind::Negative) {
        return decision(
            Verdict::Inconclusive,
            "what should work does, but nothing that should be refused could be tried: no negative control was run"
                .to_owned(),
        );
    }
    let mut reason = format!("all {} controls came out right", right.len());
    if !left_out.is_empty() {
        let left_out: Vec<String> = left_out
            .iter()
            .map(|control| format!("{}: {}", control.name, control.detail))
            .collect();
        reason.push_str("; left open: ");
        reason.push_str(&left_out.join("; "));
    }
    decision(Verdict::Passed, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(trial: &str, name: &str, outcome: Outcome) -> Control {
        Control {
            trial: trial.to_owned(),
            name: name.to_owned(),
            kind: ControlKind::Negative,
            outcome,
            detail: format!("{name} {outcome:?}"),
        }
    }

    #[test]
    fn nothing_run_is_inconclusive_under_both_rules() {
        for rule in [Rule::Every, Rule::Any] {
            assert_eq!(decide(rule, &["A"], &[]).verdict, Verdict::Inconclusive);
        }
    }

    #[test]
    fn a_check_that_requires_nothing_never_passes() {
        let controls = [control("t", "A", Outcome::Right)];
        assert_eq!(decide(Rule::Every, &[], &controls).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn nothing_passes_without_a_negative_control_that_came_out_right() {
        let positive = Control {
            kind: ControlKind::Positive,
            ..control("t", "A", Outcome::Right)
        };
        let negative = |outcome| control("t", "B", outcome);
        let verdict = |controls: &[Control]| decide(Rule::Every, &["A"], controls).verdict;
        assert_eq!(verdict(std::slice::from_ref(&positive)), Verdict::Inconclusive);
        assert_eq!(
            verdict(&[positive.clone(), negative(Outcome::NotRun)]),
            Verdict::Inconclusive
        );
        assert_eq!(verdict(&[positive, negative(Outcome::Right)]), Verdict::Passed);
    }

    #[test]
    fn a_missing_control_is_inconclusive_and_named() {
        let decision = decide(Rule::Every, &["A", "B"], &[control("t", "A", Outcome::Right)]);
        assert_eq!(
            (decision.verdict, decision.reason.as_str()),
            (Verdict::Inconclusive, "not run: B")
        );
    }

    #[test]
    fn the_first_required_control_at_fault_is_the_reason() {
        let controls = [
            control("t", "B", Outcome::Wrong),
            control("t", "A", Outcome::Wrong),
        ];
        assert_eq!(decide(Rule::Every, &["A", "B"], &controls).reason, "A: A Wrong");
    }

    #[test]
    fn a_control_that_was_left_out_decides_nothing_and_the_verdict_says_what_stays_open() {
        let controls = [
            control("t", "A", Outcome::Right),
            control("t", "B", Outcome::NotRun),
        ];
        let decision = decide(Rule::Every, &["A"], &controls);
        assert_eq!(decision.verdict, Verdict::Passed);
        assert_eq!(
            decision.reason,
            "all 1 controls came out right; left open: B: B NotRun"
        );
        assert_eq!(
            decide(Rule::Every, &["A", "B"], &controls).verdict,
            Verdict::Inconclusive
        );
    }

    #[test]
    fn observed_controls_never_decide() {
        let mut seen = control("t", "B", Outcome::Wrong);
        seen.kind = ControlKind::Observed;
        assert_eq!(
            decide(
                Rule::Every,
                &["A"],
                &[control("t", "A", Outcome::Right), seen.clone()]
            )
            .verdict,
            Verdict::Passed
        );
        assert_eq!(
            decide(Rule::Every, &["B"], &[seen]).verdict,
            Verdict::Inconclusive
        );
    }

    #[test]
    fn every_fails_with_one_bad_trial_and_any_passes_with_one_good() {
        let controls = [
            control("good", "A", Outcome::Right),
            control("bad", "A", Outcome::Wrong),
        ];
        assert_eq!(decide(Rule::Every, &["A"], &controls).verdict, Verdict::Failed);
        let any = decide(Rule::Any, &["A"], &controls);
        assert_eq!(
            (any.verdict, any.trial.as_deref()),
            (Verdict::Passed, Some("good"))
        );
    }

    #[test]
    fn any_prefers_a_fault_over_not_knowing() {
        let controls = [
            control("x", "A", Outcome::Undecided),
            control("y", "A", Outcome::Wrong),
        ];
        assert_eq!(decide(Rule::Any, &["A"], &controls).verdict, Verdict::Failed);
    }
}
