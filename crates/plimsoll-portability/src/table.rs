//! Answers for people at a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Color, Style};

use crate::{
    answer::{Answer, Answers, Verdict},
    document::title,
    need::Fit,
    platform::Platform,
    read::Manifests,
};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With ANSI colours.
    Always,
}

/// The answers: each workload with its platforms below it, and under each what has to change or why it doesn't run.
#[must_use]
pub fn table(manifests: &Manifests, platforms: &[Platform], answers: &Answers, colour: Colour) -> String {
    let mut text = String::new();
    let width = platforms
        .iter()
        .map(|platform| platform.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut last = None;
    for answer in &answers.answers {
        if last != Some(answer.workload) {
            if last.is_some() {
                text.push('\n');
            }
            last = Some(answer.workload);
            let document = &manifests.documents[answers.workloads[answer.workload].main];
            let _ = writeln!(
                text,
                "{}  ({}:{})",
                title(manifests, answers, answer.workload),
                document.file,
                document.line
            );
        }
        platform(
            &mut text,
            &platforms[answer.platform],
            answers,
            answer,
            width,
            colour,
        );
    }
    let _ = writeln!(text, "\n{}", summary(platforms, answers));
    text
}

fn platform(
    text: &mut String,
    platform: &Platform,
    answers: &Answers,
    answer: &Answer,
    width: usize,
    colour: Colour,
) {
    let (word, shade) = match (answer.verdict, answer.certain) {
        (Verdict::Runs, _) => ("runs", AnsiColor::Green),
        (Verdict::RunsWithChanges, _) => ("runs with changes", AnsiColor::Cyan),
        (Verdict::DoesNotRun, true) => ("does not run", AnsiColor::Red),
        (Verdict::DoesNotRun, false) => ("cannot tell", AnsiColor::Yellow),
    };
    let style = match colour {
        Colour::Never => Style::new(),
        Colour::Always => Style::new().bold().fg_color(Some(Color::Ansi(shade))),
    };
    let mark = platform.mark.map_or(String::new(), |mark| format!("  [{mark}]"));
    let _ = writeln!(text, "  {:width$}  {style}{word}{style:#}{mark}", platform.name);
    let indent = " ".repeat(width + 4);
    for reason in &answer.reasons {
        let _ = writeln!(text, "{indent}- {reason}");
    }
    if answer.verdict == Verdict::RunsWithChanges {
        for change in answer.changes() {
            let _ = writeln!(text, "{indent}~ {}  ({})", change.what, change.place);
        }
    }
    let unproven: Vec<&str> = answers.needs[answer.workload]
        .iter()
        .zip(&answer.fits)
        .filter(|(need, fit)| matches!(fit, Fit::Surveyed(_)) && !need.kind.carriers().is_empty())
        .map(|(need, _)| need.kind.name())
        .collect();
    if answer.verdict != Verdict::DoesNotRun && !unproven.is_empty() {
        let mut kinds = unproven;
        kinds.sort_unstable();
        kinds.dedup();
        let _ = writeln!(
            text,
            "{indent}  seen by survey, not proven by a run: {}",
            kinds.join(", ")
        );
    }
}

/// How many of each answer, by platform.
fn summary(platforms: &[Platform], answers: &Answers) -> String {
    let mut lines = Vec::new();
    for (number, platform) in platforms.iter().enumerate() {
        let count = |verdict: Verdict, certain: Option<bool>| {
            answers
                .answers
                .iter()
                .filter(|answer| answer.platform == number && answer.verdict == verdict)
                .filter(|answer| certain.is_none_or(|certain| answer.certain == certain))
                .count()
        };
        lines.push(format!(
            "{}: {} run, {} with changes, {} do not, {} cannot be told",
            platform.name,
            count(Verdict::Runs, None),
            count(Verdict::RunsWithChanges, None),
            count(Verdict::DoesNotRun, Some(true)),
            count(Verdict::DoesNotRun, Some(false)),
        ));
    }
    lines.join("\n")
}
