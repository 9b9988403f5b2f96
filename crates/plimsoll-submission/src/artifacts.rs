//! The test artifacts of a submission: of what is claimed, nothing that failed, and the three formats agree.

use std::collections::BTreeSet;

use plimsoll_program::{
    RequirementId,
    artifact::{Artifact, ArtifactKind, TestOutcome},
};
use plimsoll_record::Verdict;
use plimsoll_report::{Junit, RecordedRun, ReportError, Reporter, TestLog};
use serde_json::json;

/// The artifacts of one run.
pub(crate) struct Artifacts {
    pub(crate) junit: Vec<u8>,
    pub(crate) log: Vec<u8>,
    pub(crate) go_events: Vec<u8>,
}

/// Writes the artifacts of a run with the requirements that are claimed by it. None: it shows none of them.
///
/// The others are not passed over in silence: the files name them as left out, and why. A file with a failed
/// test would be refused whole, and a run that proves a requirement is no worse for what it shows of another.
pub(crate) fn artifacts(
    run: &RecordedRun,
    claimed: &BTreeSet<RequirementId>,
) -> Result<Option<Artifacts>, ReportError> {
    let mut kept = run.clone();
    let mut shown = 0;
    for check in &mut kept.checks {
        let verdict = check.verdict();
        if verdict == Verdict::Passed && claimed.contains(&check.id) {
            shown += 1;
        } else if verdict != Verdict::Skipped {
            check.planned.skipped = Some(format!(
                "left out of the submission, {verdict}: {}",
                check.reason()
            ));
            check.finished = None;
            check.controls.clear();
        }
    }
    if shown == 0 {
        return Ok(None);
    }
    let text = |reporter: &dyn Reporter| {
        let mut text = Vec::new();
        reporter.write(&kept, &mut text).map(|()| text)
    };
    let (junit, log) = (text(&Junit)?, text(&TestLog)?);
    let go_events = go_events(&kept, &log);
    Ok(Some(Artifacts {
        junit,
        log,
        go_events,
    }))
}

/// The log as `go test -json` would tell it.
fn go_events(run: &RecordedRun, log: &[u8]) -> Vec<u8> {
    const PACKAGE: &str = "plimsoll";
    let time = run.finished.unwrap_or(run.started).to_string();
    let mut lines = Vec::new();
    let mut push = |event: serde_json::Value| {
        lines.extend_from_slice(event.to_string().as_bytes());
        lines.push(b'\n');
    };
    push(json!({"Time": time, "Action": "start", "Package": PACKAGE}));
    for line in String::from_utf8_lossy(log).lines() {
        push(json!({"Time": time, "Action": "output", "Package": PACKAGE, "Output": format!("{line}\n")}));
        if let Some(test) = line.strip_prefix("=== RUN   ") {
            push(json!({"Time": time, "Action": "run", "Package": PACKAGE, "Test": test}));
        } else if let Some((test, outcome)) = result(line) {
            let elapsed = line
                .rsplit_once('(')
                .and_then(|(_, rest)| rest.strip_suffix("s)")?.parse::<f64>().ok());
            push(json!({
                "Time": time, "Action": outcome, "Package": PACKAGE, "Test": test, "Elapsed": elapsed.unwrap_or(0.0),
            }));
        }
    }
    push(json!({"Time": time, "Action": "pass", "Package": PACKAGE}));
    lines
}

/// The result line that one line of a log is, as the validator reads it.
fn result(line: &str) -> Option<(String, &'static str)> {
    let artifact = Artifact::parse(&mut line.as_bytes(), ArtifactKind::Log).ok()?;
    let (test, outcome) = artifact.tests.into_iter().next()?;
    let action = match outcome {
        TestOutcome::Passed => "pass",
        TestOutcome::Failed => "fail",
        TestOutcome::Skipped => "skip",
    };
    Some((test, action))
}
