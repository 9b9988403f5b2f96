//! A run in one sentence.

use plimsoll_program::Level;
use plimsoll_record::Verdict;

use crate::{
    ExitCode, RecordedRun,
    duration_text::{duration_text, since},
    exit_code::deciding,
};

/// How many requirements have which verdict, and how long it took.
pub(crate) fn totals(run: &RecordedRun) -> String {
    let order = [
        Verdict::Passed,
        Verdict::Failed,
        Verdict::Inconclusive,
        Verdict::NotApplicable,
        Verdict::Skipped,
    ];
    let mut parts: Vec<String> = order
        .into_iter()
        .filter_map(|verdict| {
            let count = run
                .checks
                .iter()
                .filter(|check| check.verdict() == verdict)
                .count();
            (count > 0).then(|| format!("{count} {verdict}"))
        })
        .collect();
    if parts.is_empty() {
        parts.push("no requirement".to_owned());
    }
    let took = run
        .finished
        .map(|finished| format!(" in {}", duration_text(since(run.started, finished))));
    let state = match (run.interrupted, run.finished) {
        (true, _) => ", interrupted",
        (false, None) => ", interrupted: the record has no end",
        (false, Some(_)) => "",
    };
    format!("{}{}{state}", parts.join(", "), took.unwrap_or_default())
}

/// The exit code in words, and how far it reaches.
pub(crate) fn conclusion(run: &RecordedRun, code: ExitCode) -> String {
    let deciding = deciding(run);
    let count = |verdict| deciding.iter().filter(|check| check.verdict() == verdict).count();
    let not_applicable = count(Verdict::NotApplicable);
    let applicable = deciding.len() - not_applicable;
    let plural = if applicable == 1 { "" } else { "s" };
    let all = if deciding.iter().any(|check| check.planned.level == Level::Must) {
        format!("{applicable} MUST{plural} of {}", run.facts.programme)
    } else {
        format!("{applicable} selected requirement{plural}")
    };
    let mut text = match code {
        ExitCode::Passed => format!("passed: {} of {all}", count(Verdict::Passed)),
        ExitCode::Failed => format!("failed: {} of {all}", count(Verdict::Failed)),
        ExitCode::CannotTell if applicable == 0 => "cannot tell: nothing was tried".to_owned(),
        ExitCode::CannotTell => format!(
            "cannot tell: {} of {all} not decided",
            count(Verdict::Inconclusive)
        ),
    };
    let musts = run
        .checks
        .iter()
        .filter(|check| check.planned.level == Level::Must);
    let open = musts.filter(|check| check.verdict() == Verdict::Skipped).count();
    if not_applicable > 0 {
        text.push_str(&format!(", {not_applicable} more not applicable"));
    }
    if open > 0 {
        text.push_str(&format!(
            ", no word on {open} MUST{} not selected",
            if open == 1 { "" } else { "s" }
        ));
    }
    text
}
