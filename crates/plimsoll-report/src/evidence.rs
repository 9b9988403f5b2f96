//! `evidence/<id>.md`: one requirement for a reviewer who has a few minutes and no cluster.

use std::io;

use plimsoll_program::RequirementId;
use plimsoll_record::{ControlKind, Outcome, Verdict};
use serde_json::Value;

use crate::{
    RecordedCheck, RecordedRun, ReportError, Reporter,
    duration_text::{duration_text, since},
    mark::mark,
    markdown_text::{block, code, inline},
    moments::{Moment, moments, outcome_words, wait_text},
    one_line::one_line,
};

/// Where the evidence of a check lies in a run's directory; none for one that was not selected.
pub(crate) fn path(check: &RecordedCheck) -> Option<String> {
    (check.verdict() != Verdict::Skipped).then(|| format!("evidence/{}.md", check.id))
}

/// Writes the evidence of one requirement.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The requirement.
    pub id: RequirementId,
}

impl Reporter for Evidence {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        let check = run
            .check(&self.id)
            .ok_or_else(|| ReportError::NoSuchRequirement { id: self.id.clone() })?;
        writeln!(out, "# {}: {}\n", check.id, check.verdict())?;
        write_mark(run, out)?;
        write_check(run, check, "##", out)?;
        writeln!(out, "## Platform and run\n")?;
        write_platform(run, out)?;
        Ok(())
    }
}

/// Writes a whole run: an overview, then the evidence of each requirement that was selected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Markdown;

impl Reporter for Markdown {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        writeln!(
            out,
            "# AI conformance {}: run {}\n",
            run.facts.programme,
            code(&run.facts.run)
        )?;
        write_mark(run, out)?;
        writeln!(
            out,
            "| requirement | level | verdict | time | why |\n|---|---|---|---|---|"
        )?;
        for check in &run.checks {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                check.id,
                check.planned.level,
                check.verdict(),
                check.duration().map(duration_text).unwrap_or_default(),
                inline(check.reason()),
            )?;
        }
        writeln!(out, "\n## Platform and run\n")?;
        write_platform(run, out)?;
        for check in run
            .checks
            .iter()
            .filter(|check| check.verdict() != Verdict::Skipped)
        {
            writeln!(out, "## {}: {}\n", check.id, check.verdict())?;
            write_check(run, check, "###", out)?;
        }
        Ok(())
    }
}

fn write_mark(run: &RecordedRun, out: &mut dyn io::Write) -> io::Result<()> {
    match mark(run.facts.platform.kind) {
        Some(mark) => writeln!(out, "> **{}**: {}.\n", mark.word, mark.meaning),
        None => Ok(()),
    }
}

fn write_check(
    run: &RecordedRun,
    check: &RecordedCheck,
    heading: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    write_verdict(run, check, out)?;
    writeln!(out, "{heading} Controls\n")?;
    write_controls(check, out)?;
    writeln!(out, "{heading} Timeline\n")?;
    write_timeline(check, out)?;
    writeln!(out, "{heading} Observations\n")?;
    write_observations(check, out)
}

fn write_verdict(run: &RecordedRun, check: &RecordedCheck, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "{}\n", inline(&check.planned.title))?;
    let mut rows = vec![
        ("verdict", format!("**{}**", check.verdict())),
        ("why", inline(check.reason())),
        (
            "level",
            format!("{} in {}", check.planned.level, run.facts.programme),
        ),
    ];
    let mut add = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    add("what to do", check.advice().map(inline));
    add("decided by", check.adapter().map(code));
    add("KAR", check.planned.kar.map(|kar| kar.to_string()));
    let tests: Vec<String> = check
        .planned
        .upstream_tests
        .iter()
        .map(|name| code(name))
        .collect();
    add("upstream test", (!tests.is_empty()).then(|| tests.join(", ")));
    add("began", check.started.map(|at| at.to_string()));
    add("took", check.duration().map(duration_text));
    write_rows(&rows, out)
}

fn write_rows(rows: &[(&str, String)], out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "| | |\n|---|---|")?;
    for (name, value) in rows {
        writeln!(out, "| {name} | {value} |")?;
    }
    writeln!(out)
}

fn write_controls(check: &RecordedCheck, out: &mut dyn io::Write) -> io::Result<()> {
    if check.controls.is_empty() {
        return writeln!(out, "No control was run.\n");
    }
    writeln!(
        out,
        "| control | on a sound platform | came out | trial | what was seen |\n|---|---|---|---|---|"
    )?;
    for record in &check.controls {
        let control = &record.control;
        let kind = match control.kind {
            ControlKind::Positive => "works",
            ControlKind::Negative => "is refused",
            ControlKind::Observed => "(observed only)",
        };
        let outcome = match (control.outcome, control.kind) {
            (Outcome::Right, _) => "right",
            (Outcome::NotRun, _) => "not run",
            // What is only observed decides nothing, so it does not ask for the eye.
            (Outcome::Wrong, ControlKind::Observed) => "wrong",
            (Outcome::Undecided, ControlKind::Observed) => "undecided",
            (Outcome::Wrong, ControlKind::Positive | ControlKind::Negative) => "**wrong**",
            (Outcome::Undecided, ControlKind::Positive | ControlKind::Negative) => "**undecided**",
        };
        let (name, trial) = (inline(&control.name), inline(&control.trial));
        writeln!(
            out,
            "| {name} | {kind} | {outcome} | {trial} | {} |",
            inline(&control.detail)
        )?;
    }
    writeln!(out)?;
    let outvoted = check
        .controls
        .iter()
        .map(|record| &record.control)
        .any(|control| {
            control.kind != ControlKind::Observed
                && matches!(control.outcome, Outcome::Wrong | Outcome::Undecided)
        });
    match check
        .adapter()
        .filter(|_| outvoted && check.verdict() == Verdict::Passed)
    {
        Some(trial) => {
            let trial = code(trial);
            writeln!(
                out,
                "The verdict rests on the trial {trial}; what came out otherwise in others does not decide.\n"
            )
        }
        None => Ok(()),
    }
}

fn write_timeline(check: &RecordedCheck, out: &mut dyn io::Write) -> io::Result<()> {
    let moments = moments(check);
    let Some(start) = check
        .started
        .or_else(|| moments.first().map(Moment::at))
        .filter(|_| !moments.is_empty())
    else {
        return writeln!(out, "Nothing was created or waited for.\n");
    };
    writeln!(out, "| after | what |\n|---|---|")?;
    for moment in moments {
        let after = duration_text(since(start, moment.at()));
        writeln!(out, "| {after} | {} |", moment_text(moment))?;
    }
    writeln!(out)
}

fn moment_text(moment: Moment<'_>) -> String {
    match moment {
        Moment::Created(object) => format!("created {} {}", inline(&object.kind), code(&object.place())),
        Moment::Waited(wait) => wait_text(wait, inline),
        Moment::Decided(record) => {
            let control = &record.control;
            let words = outcome_words(control.outcome);
            format!("{} {words} ({})", inline(&control.name), inline(&control.trial))
        }
    }
}

fn write_observations(check: &RecordedCheck, out: &mut dyn io::Write) -> io::Result<()> {
    if check.observations.is_empty() {
        return writeln!(out, "None.\n");
    }
    for observation in &check.observations {
        let after = check
            .started
            .map(|start| duration_text(since(start, observation.at)));
        let after = after.map(|after| format!("{after}: ")).unwrap_or_default();
        // `{:#}` of a JSON value is its indented form.
        let fact = block("json", &format!("{:#}", observation.fact));
        let source = html(&observation.source);
        writeln!(
            out,
            "<details><summary>{after}{source}</summary>\n\n{fact}\n</details>\n"
        )?;
    }
    Ok(())
}

/// Text between HTML tags, where Markdown's own escapes don't hold.
fn html(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn write_platform(run: &RecordedRun, out: &mut dyn io::Write) -> io::Result<()> {
    let facts = &run.facts;
    let kind = mark(facts.platform.kind).map_or("cluster", |mark| mark.word);
    let mut rows = vec![
        ("platform", kind.to_owned()),
        ("Kubernetes", inline(&facts.platform.kubernetes)),
        ("programme", facts.programme.to_string()),
        ("run", code(&facts.run)),
        ("began", run.started.to_string()),
        (
            "ended",
            run.finished
                .map_or_else(|| "never: it was interrupted".to_owned(), |at| at.to_string()),
        ),
        ("written by", format!("plimsoll {}", inline(&facts.plimsoll))),
    ];
    if let Some(context) = &facts.platform.context {
        rows.insert(1, ("context", code(context)));
    }
    if !run.left_behind.is_empty() {
        let left: Vec<String> = run.left_behind.iter().map(|left| inline(left)).collect();
        rows.push(("left behind", left.join("; ")));
    }
    write_rows(&rows, out)?;
    if let Some(found) = run
        .inventory
        .as_ref()
        .map(counts)
        .filter(|found| !found.is_empty())
    {
        writeln!(
            out,
            "The survey's counts: {}. `record.jsonl` holds it in full.\n",
            found.join(", ")
        )?;
    }
    Ok(())
}

/// How many things of each kind the survey lists.
fn counts(inventory: &Value) -> Vec<String> {
    let lists = inventory.as_object().into_iter().flatten();
    let mut counts: Vec<String> = lists
        .filter_map(|(name, value)| Some((inline(name).replace('_', " "), value.as_array()?.len())))
        .map(|(name, count)| format!("{name}: {count}"))
        .collect();
    counts.sort();
    counts
}
