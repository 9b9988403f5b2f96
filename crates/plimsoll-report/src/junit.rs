//! `junit.xml`, for CI systems and the programme's validator. See the module `cases` for what becomes what.

use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    RecordedRun, ReportError, Reporter,
    cases::{Case, CaseOutcome, ControlCase, cases, not_selected},
    duration_text::since,
    mark::mark,
    one_line::one_line,
};

/// Writes `junit.xml`: one test case per requirement, under the upstream test's name where there is one, and
/// one per control, nested by name.
///
/// Inconclusive is `<error>`: the test could not be carried out. The programme's validator takes that for a
/// failure, so it never accepts a requirement that was not decided; `<skipped>` would let a hole look
/// harmless. Requirements that were not selected are no test cases; a property of the suite lists them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Junit;

impl Reporter for Junit {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        let mut report = Report::new(format!("Plimsoll, AI conformance {}", run.facts.programme));
        if let Some(finished) = run.finished {
            report.set_time(since(run.started, finished));
        }
        report.add_test_suite(suite(run));
        report.serialize(out)?;
        Ok(())
    }
}

fn suite(run: &RecordedRun) -> TestSuite {
    let mark = mark(run.facts.platform.kind);
    let mut suite =
        TestSuite::new(mark.map_or_else(|| "plimsoll".into(), |mark| format!("plimsoll ({})", mark.word)));
    suite
        .extra
        .insert("timestamp".into(), run.started.to_string().into());
    if let Some(finished) = run.finished {
        suite.set_time(since(run.started, finished));
    }
    for (name, value) in properties(run) {
        suite.add_property((name, value.as_str()));
    }
    for case in cases(run) {
        suite.add_test_case(requirement(&case));
        suite.add_test_cases(case.controls.iter().map(|control| nested(&case, control)));
    }
    suite
}

fn properties(run: &RecordedRun) -> Vec<(&'static str, String)> {
    let facts = &run.facts;
    let mut properties = vec![
        ("plimsoll.version", one_line(&facts.plimsoll)),
        ("plimsoll.run", one_line(&facts.run)),
        ("plimsoll.programme", facts.programme.to_string()),
        ("plimsoll.kubernetes", one_line(&facts.platform.kubernetes)),
    ];
    if let Some(mark) = mark(facts.platform.kind) {
        properties.push(("plimsoll.mark", format!("{}: {}", mark.word, mark.meaning)));
    }
    let skipped: Vec<&str> = not_selected(run).map(|check| check.id.as_str()).collect();
    if !skipped.is_empty() {
        properties.push(("plimsoll.not-selected", skipped.join(",")));
    }
    properties
}

fn requirement(case: &Case<'_>) -> TestCase {
    let check = case.check;
    let mut description = format!("{}: {}", check.verdict(), case.message);
    if let Some(advice) = check.advice() {
        description.push_str("\nwhat to do: ");
        description.push_str(&one_line(advice));
    }
    let mut test = test_case(
        case.outcome,
        &case.name,
        check.id.as_str(),
        &case.message,
        &description,
    );
    test.set_time(case.time);
    test.add_property(("plimsoll.requirement", check.id.as_str()));
    test.add_property(("plimsoll.level", check.planned.level.to_string().as_str()));
    if let Some(adapter) = check.adapter() {
        test.add_property(("plimsoll.adapter", one_line(adapter).as_str()));
    }
    if case.outcome == CaseOutcome::Passed {
        test.set_system_out(&case.message);
    }
    test
}

fn nested(case: &Case<'_>, control: &ControlCase) -> TestCase {
    let message = &control.message;
    let mut test = test_case(
        control.outcome,
        &control.name,
        case.check.id.as_str(),
        message,
        message,
    );
    test.set_time(control.time);
    if control.outcome == CaseOutcome::Passed {
        test.set_system_out(message);
    }
    test
}

fn test_case(outcome: CaseOutcome, name: &str, id: &str, message: &str, description: &str) -> TestCase {
    let (mut status, kind) = match outcome {
        CaseOutcome::Passed => (TestCaseStatus::success(), "passed"),
        CaseOutcome::Failed => (TestCaseStatus::non_success(NonSuccessKind::Failure), "failed"),
        CaseOutcome::Error => (TestCaseStatus::non_success(NonSuccessKind::Error), "inconclusive"),
        CaseOutcome::Skipped => (TestCaseStatus::skipped(), "not-applicable"),
        CaseOutcome::Undeciding => (TestCaseStatus::skipped(), "does-not-decide"),
    };
    status
        .set_message(message)
        .set_type(kind)
        .set_description(description);
    let mut test = TestCase::new(name, status);
    test.set_classname(format!("plimsoll.{id}"));
    test
}
