//! SARIF 2.1.0: what failed, and what could not be decided, for code scanning and other readers of findings.

use std::io;

use plimsoll_program::Level;
use plimsoll_record::Verdict;
use serde_json::{Value, json};

use crate::{RecordedCheck, RecordedRun, ReportError, Reporter, evidence, mark::mark, one_line::one_line};

/// Writes the SARIF log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sarif;

impl Reporter for Sarif {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        serde_json::to_writer_pretty(&mut *out, &log(run))?;
        out.write_all(b"\n")?;
        Ok(())
    }
}

fn log(run: &RecordedRun) -> Value {
    let rules: Vec<Value> = run
        .checks
        .iter()
        .map(|check| json!({"id": check.id, "shortDescription": {"text": one_line(&check.planned.title)}}))
        .collect();
    let results: Vec<Value> = run
        .checks
        .iter()
        .enumerate()
        .filter_map(|(index, check)| result(run, index, check))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "plimsoll",
                "version": run.facts.plimsoll,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "automationDetails": {"id": format!("plimsoll/{}", run.facts.run)},
            "invocations": [{
                "executionSuccessful": !run.was_interrupted(),
                "startTimeUtc": run.started.to_string(),
            }],
            "properties": {"mark": mark(run.facts.platform.kind).map(|mark| mark.word)},
            "results": results,
        }],
    })
}

/// The result of a check that found a fault or no answer; the others are no results.
fn result(run: &RecordedRun, index: usize, check: &RecordedCheck) -> Option<Value> {
    let level = match (check.verdict(), check.planned.level) {
        (Verdict::Failed, Level::Must) => "error",
        (Verdict::Failed, Level::Should | Level::Pillar) | (Verdict::Inconclusive, Level::Must) => "warning",
        (Verdict::Inconclusive, Level::Should | Level::Pillar) => "note",
        (Verdict::Passed | Verdict::NotApplicable | Verdict::Skipped, _) => return None,
    };
    let mark = mark(run.facts.platform.kind)
        .map(|mark| format!("{}: ", mark.word))
        .unwrap_or_default();
    let advice = check
        .advice()
        .map(|advice| format!(" What to do: {}", one_line(advice)))
        .unwrap_or_default();
    let text = format!(
        "{mark}{} {}: {}.{advice}",
        check.id,
        check.verdict(),
        one_line(check.reason())
    );
    Some(json!({
        "ruleId": check.id,
        "ruleIndex": index,
        "level": level,
        "message": {"text": text},
        // Readers want a place: that of the evidence.
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": evidence::path(check)},
            "region": {"startLine": 1},
        }}],
    }))
}
