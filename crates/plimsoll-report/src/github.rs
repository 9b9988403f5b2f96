//! A run in the summary of a GitHub Actions step: `plimsoll report DIR --format github >> "$GITHUB_STEP_SUMMARY"`.

use std::io;

use plimsoll_record::{ControlKind, Outcome, Verdict};

use crate::{
    ExitCode, RecordedCheck, RecordedRun, ReportError, Reporter,
    conclusion::{conclusion, totals},
    duration_text::duration_text,
    exit_code,
    mark::mark,
    markdown_text::{code, inline},
};

/// Writes the summary.
#[derive(Clone, Copy, Debug, Default)]
pub struct GithubSummary;

impl Reporter for GithubSummary {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        let code_of_run = exit_code(run);
        let sign = match code_of_run {
            ExitCode::Passed => "✅",
            ExitCode::Failed => "❌",
            ExitCode::CannotTell => "❔",
        };
        writeln!(
            out,
            "## {sign} AI conformance {}: {}\n",
            run.facts.programme,
            conclusion(run, code_of_run)
        )?;
        if let Some(mark) = mark(run.facts.platform.kind) {
            writeln!(out, "> [!NOTE]\n> **{}**: {}.\n", mark.word, mark.meaning)?;
        }
        if run.was_interrupted() {
            writeln!(
                out,
                "> [!WARNING]\n> Interrupted: the run ended before all was decided.\n"
            )?;
        }
        let kubernetes = inline(&run.facts.platform.kubernetes);
        writeln!(
            out,
            "{} · Kubernetes {kubernetes} · run {}\n",
            totals(run),
            code(&run.facts.run)
        )?;
        writeln!(
            out,
            "| | requirement | level | time | why |\n|---|---|---|---|---|"
        )?;
        for check in run
            .checks
            .iter()
            .filter(|check| check.verdict() != Verdict::Skipped)
        {
            let time = check.duration().map(duration_text).unwrap_or_default();
            writeln!(
                out,
                "| {} {} | {} | {} | {time} | {} |",
                sign_of(check.verdict()),
                check.verdict(),
                code(check.id.as_str()),
                check.planned.level,
                inline(check.reason()),
            )?;
        }
        writeln!(out)?;
        for check in &run.checks {
            if matches!(check.verdict(), Verdict::Failed | Verdict::Inconclusive) {
                details(check, out)?;
            }
        }
        Ok(())
    }
}

fn sign_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "✅",
        Verdict::Failed => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::NotApplicable | Verdict::Skipped => "➖",
    }
}

/// What a check that did not pass saw, folded.
fn details(check: &RecordedCheck, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "<details><summary>{} {}</summary>\n",
        check.id,
        check.verdict()
    )?;
    writeln!(out, "{}\n", inline(check.reason()))?;
    if let Some(advice) = check.advice() {
        writeln!(out, "**What to do:** {}\n", inline(advice))?;
    }
    let bad = check
        .controls
        .iter()
        .map(|record| &record.control)
        .filter(|control| {
            control.kind != ControlKind::Observed
                && matches!(control.outcome, Outcome::Wrong | Outcome::Undecided)
        });
    for control in bad {
        let word = crate::moments::outcome_words(control.outcome);
        let trial = code(&control.trial);
        writeln!(
            out,
            "- **{}** {word} on {trial}: {}",
            inline(&control.name),
            inline(&control.detail)
        )?;
    }
    writeln!(out, "\n</details>\n")
}
