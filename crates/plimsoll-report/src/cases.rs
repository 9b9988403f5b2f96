//! A run as test cases: the one model behind `junit.xml` and `e2e.log`, so that they never disagree.
//!
//! The programme's validator reads both. To it an artifact counts only if nothing in it failed, and a
//! requirement that is claimed must have passed under its upstream name. Hence:
//!
//! | verdict | test case | the validator |
//! |---|---|---|
//! | passed | passed | accepts it |
//! | failed | failed | refuses the artifact (R31, R33) |
//! | inconclusive | error; in the log, which has no such word, failed | refuses it: a hole is not harmless |
//! | not-applicable | skipped | accepts it where the submission says N/A (R34) |
//! | skipped | none: it was not selected, as with `go test -run` | finds nothing to lean on (R30, R32) |
//!
//! Controls are nested cases, `TestGangScheduling/G1@native`. Those that only observe never decide and are no
//! cases. One that came out badly in a trial that did not decide (another adapter passed) is a skipped case
//! that says so: below a passed test nothing may look failed.

use std::{collections::BTreeMap, time::Duration};

use plimsoll_record::{Control, ControlKind, Outcome, Verdict};

use crate::{RecordedCheck, RecordedRun, duration_text::since, one_line::one_line};

/// One requirement under one name.
#[derive(Debug)]
pub(crate) struct Case<'r> {
    /// An upstream test's name, or the requirement's id.
    pub(crate) name: String,
    pub(crate) outcome: CaseOutcome,
    pub(crate) time: Duration,
    /// The one line that explains the outcome.
    pub(crate) message: String,
    pub(crate) check: &'r RecordedCheck,
    pub(crate) controls: Vec<ControlCase>,
}

/// One control of a requirement.
#[derive(Debug)]
pub(crate) struct ControlCase {
    pub(crate) name: String,
    pub(crate) outcome: CaseOutcome,
    /// Since the control before it came out: controls have no beginning of their own.
    pub(crate) time: Duration,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaseOutcome {
    Passed,
    Failed,
    /// It could not be carried out to the end.
    Error,
    Skipped,
    /// It came out badly in a trial that does not decide: skipped to whoever reads the artifact.
    Undeciding,
}

/// The cases of the requirements that were selected. One that has several upstream names is a case under
/// each, its controls below the first.
pub(crate) fn cases(run: &RecordedRun) -> Vec<Case<'_>> {
    run.checks.iter().flat_map(of_check).collect()
}

/// The requirements that were not selected and so are no cases.
pub(crate) fn not_selected(run: &RecordedRun) -> impl Iterator<Item = &RecordedCheck> {
    run.checks
        .iter()
        .filter(|check| check.verdict() == Verdict::Skipped)
}

fn of_check(check: &RecordedCheck) -> Vec<Case<'_>> {
    let outcome = match check.verdict() {
        Verdict::Passed => CaseOutcome::Passed,
        Verdict::Failed => CaseOutcome::Failed,
        Verdict::Inconclusive => CaseOutcome::Error,
        Verdict::NotApplicable => CaseOutcome::Skipped,
        Verdict::Skipped => return Vec::new(),
    };
    let mut names: Vec<String> = check
        .planned
        .upstream_tests
        .iter()
        .map(|name| test_name(name))
        .collect();
    if names.is_empty() {
        names.push(check.id.to_string());
    }
    let mut controls = Some(controls(check, &names[0]));
    names
        .into_iter()
        .map(|name| Case {
            name,
            outcome,
            time: check.duration().unwrap_or_default(),
            message: one_line(check.reason()),
            check,
            controls: controls.take().unwrap_or_default(),
        })
        .collect()
}

fn controls(check: &RecordedCheck, parent: &str) -> Vec<ControlCase> {
    let mut before = check.started;
    let mut repeats: BTreeMap<String, u32> = BTreeMap::new();
    let mut cases = Vec::new();
    for record in &check.controls {
        let control = &record.control;
        if control.kind == ControlKind::Observed {
            continue;
        }
        let plain = format!(
            "{parent}/{}@{}",
            test_name(&control.name),
            test_name(&control.trial)
        );
        let repeat = repeats.entry(plain.clone()).or_default();
        // As the Go tool does with a name that comes again.
        let name = if *repeat == 0 {
            plain
        } else {
            format!("{plain}#{repeat:02}")
        };
        *repeat += 1;
        let time = before.map_or(Duration::ZERO, |before| since(before, record.at));
        before = Some(record.at);
        let (outcome, message) = control_outcome(control, check.verdict());
        cases.push(ControlCase {
            name,
            outcome,
            time,
            message,
        });
    }
    cases
}

fn control_outcome(control: &Control, verdict: Verdict) -> (CaseOutcome, String) {
    let detail = one_line(&control.detail);
    let bad = match control.outcome {
        Outcome::Right => return (CaseOutcome::Passed, detail),
        Outcome::Wrong => CaseOutcome::Failed,
        Outcome::Undecided => CaseOutcome::Error,
        Outcome::NotRun => return (CaseOutcome::Undeciding, format!("not run: {detail}")),
    };
    match verdict {
        Verdict::Failed | Verdict::Inconclusive => (bad, detail),
        Verdict::Passed | Verdict::NotApplicable | Verdict::Skipped => {
            let word = if bad == CaseOutcome::Failed {
                "came out wrong"
            } else {
                "is undecided"
            };
            (
                CaseOutcome::Undeciding,
                format!("{word}, but this trial does not decide: {detail}"),
            )
        }
    }
}

/// A part of a test's name: no blanks, which would end it in a log, and no slash, which would nest.
fn test_name(text: &str) -> String {
    one_line(text).replace(' ', "_").replace('/', ":")
}
