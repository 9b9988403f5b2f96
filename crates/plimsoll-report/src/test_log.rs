//! `e2e.log`, in the form of `go test -v`: what the programme's documents ask to be attached. See the module
//! `cases` for what becomes what.

use std::{io, time::Duration};

use crate::{
    RecordedRun, ReportError, Reporter,
    cases::{Case, CaseOutcome, cases, not_selected},
    duration_text::since,
    mark::mark,
    one_line::one_line,
};

/// Writes `e2e.log`.
///
/// Only lines of ours can be read as results: whatever comes from the cluster stands behind a prefix, on one
/// line. A log without any test ends in `FAIL`, for nothing was proven.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestLog;

impl Reporter for TestLog {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        header(run, out)?;
        let cases = cases(run);
        for case in &cases {
            write_case(case, out)?;
        }
        end(run, &cases, out)?;
        Ok(())
    }
}

fn header(run: &RecordedRun, out: &mut dyn io::Write) -> io::Result<()> {
    let facts = &run.facts;
    writeln!(
        out,
        "# written by plimsoll {}: run {}, {}, programme {}, Kubernetes {}",
        one_line(&facts.plimsoll),
        one_line(&facts.run),
        run.started,
        facts.programme,
        one_line(&facts.platform.kubernetes),
    )?;
    if let Some(mark) = mark(facts.platform.kind) {
        writeln!(out, "# {}: {}", mark.word, mark.meaning)?;
    }
    for check in not_selected(run) {
        writeln!(out, "# not selected: {} ({})", check.id, one_line(check.reason()))?;
    }
    Ok(())
}

fn write_case(case: &Case<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "=== RUN   {}", case.name)?;
    for control in &case.controls {
        writeln!(out, "=== RUN   {}", control.name)?;
    }
    let check = case.check;
    writeln!(
        out,
        "--- {}: {} ({:.2}s)",
        word(case.outcome),
        case.name,
        case.time.as_secs_f64()
    )?;
    writeln!(
        out,
        "    plimsoll: {} ({}): {}: {}",
        check.id,
        check.planned.level,
        check.verdict(),
        case.message
    )?;
    if let Some(advice) = check.advice() {
        writeln!(out, "    plimsoll: what to do: {}", one_line(advice))?;
    }
    for control in &case.controls {
        let seconds = control.time.as_secs_f64();
        writeln!(
            out,
            "    --- {}: {} ({seconds:.2}s)",
            word(control.outcome),
            control.name
        )?;
        let undecided = if control.outcome == CaseOutcome::Error {
            "inconclusive: "
        } else {
            ""
        };
        writeln!(out, "        plimsoll: {undecided}{}", control.message)?;
    }
    Ok(())
}

fn word(outcome: CaseOutcome) -> &'static str {
    match outcome {
        CaseOutcome::Passed => "PASS",
        CaseOutcome::Failed | CaseOutcome::Error => "FAIL",
        CaseOutcome::Skipped | CaseOutcome::Undeciding => "SKIP",
    }
}

fn end(run: &RecordedRun, cases: &[Case<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    let took = run
        .finished
        .map_or(Duration::ZERO, |finished| since(run.started, finished))
        .as_secs_f64();
    let bad = |case: &Case<'_>| matches!(case.outcome, CaseOutcome::Failed | CaseOutcome::Error);
    if cases.is_empty() {
        writeln!(out, "# no test was run")?;
    }
    if cases.is_empty() || cases.iter().any(bad) {
        writeln!(out, "FAIL\nFAIL\tplimsoll\t{took:.3}s")
    } else {
        writeln!(out, "PASS\nok  \tplimsoll\t{took:.3}s")
    }
}
