//! The kill matrix for people at a terminal.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use plimsoll_defects::Defect;
use plimsoll_record::Verdict;

use crate::{Calibration, Finding, Judged, Subject, judge::Outcome};

/// Whether to write colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// With escape sequences for a terminal.
    Always,
}

/// The kill matrix, at most so many columns wide.
#[must_use]
pub fn table(calibration: &Calibration, colour: Colour, width: Option<u16>) -> String {
    let writer = Writer { colour, width };
    let mut text = writer.heading(calibration);
    let defects = |judged: &&Judged| !matches!(judged.trial.subject, Subject::Sound);
    let broken: Vec<&Judged> = calibration.judged.iter().filter(defects).collect();
    let sound: Vec<&Judged> = calibration
        .judged
        .iter()
        .filter(|judged| !defects(judged))
        .collect();
    if !broken.is_empty() {
        text.push_str(&writer.broken(&broken));
    }
    if !sound.is_empty() {
        text.push_str(&writer.sound(&sound));
    }
    text.push_str(&left_out(&calibration.plan.left_out));
    text.push_str(&writer.conclusion(calibration));
    text
}

/// As many defects are not named one by one.
const MANY: usize = 12;

/// A line for each reason to leave defects out.
fn left_out(defects: &[(&'static Defect, String)]) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (defect, why) in defects {
        by_reason.entry(why).or_default().push(&defect.id);
    }
    by_reason
        .into_iter()
        .map(|(why, ids)| match ids.len() {
            // The other outputs name them.
            MANY.. => format!("left out: {} defects: {why}\n", ids.len()),
            _ => format!("left out: {}: {why}\n", ids.join(", ")),
        })
        .collect()
}

const PASSED: &str = "✓";
const FAILED: &str = "✗";
const INCONCLUSIVE: &str = "?";
const NOT_APPLICABLE: &str = "n/a";

struct Writer {
    colour: Colour,
    width: Option<u16>,
}

impl Writer {
    fn heading(&self, calibration: &Calibration) -> String {
        let (word, meaning) = if calibration.ground == "simulated" {
            (
                "SIMULATED",
                "the suite on trial on the simulated platform; says nothing about any product",
            )
        } else {
            (
                "LAB",
                "the suite on trial on Plimsoll's own lab; says nothing about any product",
            )
        };
        let word = self.paint(Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())), word);
        format!("{word}: {meaning}\n")
    }

    fn broken(&self, rows: &[&Judged]) -> String {
        let requirements = requirements(rows);
        let mut table = self.table(["defect", "outcome"], requirements.len(), "why");
        for judged in rows {
            let Some(judgement) = &judged.judgement else {
                continue;
            };
            let mut row = vec![
                Cell::new(name(&judged.trial.subject)),
                self.coloured(judgement.outcome.name(), outcome_colour(judgement.outcome)),
            ];
            row.extend(requirements.iter().map(|id| self.verdict(judged, id)));
            row.push(Cell::new(brief(&judgement.reason)));
            table.add_row(row);
        }
        format!("{}{table}\n", legend(&requirements))
    }

    fn sound(&self, rows: &[&Judged]) -> String {
        let requirements = requirements(rows);
        let first = ["sound platform", "alarm"];
        let mut table = self.table(first, requirements.len(), "otherwise than expected");
        for (judged, seeds) in alike(rows) {
            let alarm = if judged.alarms.is_empty() {
                self.coloured("none", Color::Green)
            } else {
                self.coloured("FALSE ALARM", Color::Red)
            };
            let name = &judged.trial.platform.name;
            let name = if seeds > 1 {
                format!("{name} × {seeds} seeds")
            } else {
                name.clone()
            };
            let mut row = vec![Cell::new(name), alarm];
            row.extend(requirements.iter().map(|id| self.verdict(judged, id)));
            let mut notes = judged.unexpected.clone();
            if notes.is_empty() {
                notes.clone_from(&judged.alarms);
            }
            row.push(Cell::new(brief(&notes.join("; "))));
            table.add_row(row);
        }
        format!("{}{table}\n", legend(&requirements))
    }

    fn conclusion(&self, calibration: &Calibration) -> String {
        let count = |wanted: Outcome| {
            let judgements = calibration
                .judged
                .iter()
                .filter_map(|judged| judged.judgement.as_ref());
            judgements.filter(|judgement| judgement.outcome == wanted).count()
        };
        let sound = calibration
            .judged
            .iter()
            .filter(|judged| matches!(judged.trial.subject, Subject::Sound));
        let (alarmed, quiet): (Vec<_>, Vec<_>) = sound.partition(|judged| !judged.alarms.is_empty());
        let mut parts = vec![format!("{} killed", count(Outcome::Killed))];
        for outcome in [Outcome::Masked, Outcome::Misattributed, Outcome::Survived] {
            if count(outcome) > 0 {
                parts.push(format!("{} {}", count(outcome), outcome.name()));
            }
        }
        parts.push(format!("{} sound runs without alarm", quiet.len()));
        if !alarmed.is_empty() {
            parts.push(format!("{} FALSE ALARMS", alarmed.len()));
        }
        let missing = calibration.plan.trials.len() - calibration.judged.len();
        if missing > 0 {
            parts.push(format!("{missing} runs not made"));
        }
        let style = Style::new().bold().fg_color(Some(if calibration.is_sound() {
            AnsiColor::Green.into()
        } else {
            AnsiColor::Red.into()
        }));
        format!(
            "{} in {:.1} s\n",
            self.paint(style, &parts.join(" · ")),
            calibration.wall.as_secs_f64()
        )
    }

    fn verdict(&self, judged: &Judged, requirement: &str) -> Cell {
        let found = |findings: &Vec<Finding>| {
            findings
                .iter()
                .find(|finding| finding.requirement.as_str() == requirement)
                .map(|finding| finding.verdict)
        };
        match judged.findings.as_ref().ok().and_then(found) {
            Some(Verdict::Passed) => self.coloured(PASSED, Color::Green),
            Some(Verdict::Failed) => self.coloured(FAILED, Color::Red),
            Some(Verdict::Inconclusive) => self.coloured(INCONCLUSIVE, Color::Yellow),
            Some(Verdict::NotApplicable) => Cell::new(NOT_APPLICABLE),
            Some(Verdict::Skipped) | None => Cell::new(""),
        }
    }

    /// A table with a column of its number for each requirement: their names would leave no room for the reasons.
    fn table(&self, first: [&str; 2], requirements: usize, last: &str) -> Table {
        let mut header: Vec<String> = first.map(str::to_owned).to_vec();
        header.extend((1..=requirements).map(|number| number.to_string()));
        header.push(last.to_owned());
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(header);
        if let Some(width) = self.width {
            table.set_width(width);
        }
        match self.colour {
            Colour::Always => table.enforce_styling(),
            Colour::Never => table.force_no_tty(),
        };
        table
    }

    fn coloured(&self, text: &str, colour: Color) -> Cell {
        let cell = Cell::new(text);
        match self.colour {
            Colour::Always => cell.fg(colour),
            Colour::Never => cell,
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.colour {
            Colour::Always => format!("{style}{text}{style:#}"),
            Colour::Never => text.to_owned(),
        }
    }
}

fn outcome_colour(outcome: Outcome) -> Color {
    match outcome {
        Outcome::Killed => Color::Green,
        Outcome::Masked => Color::Yellow,
        Outcome::Misattributed | Outcome::Survived => Color::Red,
    }
}

/// What a run was to show, as people call it.
pub(crate) fn name(subject: &Subject) -> String {
    match subject {
        Subject::Sound => "sound".to_owned(),
        Subject::Defect(defect) => defect.id.clone(),
        Subject::UnderLatency(defect) => format!("{} (slow platform)", defect.id),
        Subject::Pair(first, second) => format!("{} + {}", first.id, second.id),
    }
}

/// Every requirement that some run tried, sorted.
pub(crate) fn requirements(rows: &[&Judged]) -> Vec<String> {
    let mut ids: Vec<String> = rows
        .iter()
        .flat_map(|judged| judged.findings.iter().flatten())
        .filter(|finding| finding.verdict != Verdict::Skipped)
        .map(|finding| finding.requirement.to_string())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Rows that only differ in their seed are one row, as long as they say the same.
pub(crate) fn alike<'a>(rows: &[&'a Judged]) -> Vec<(&'a Judged, usize)> {
    let says = |judged: &Judged| {
        let findings = judged.findings.iter().flatten();
        let verdicts: Vec<_> = findings
            .map(|finding| (finding.requirement.clone(), finding.verdict))
            .collect();
        (judged.trial.platform.name.clone(), verdicts, judged.alarms.len())
    };
    let mut groups: Vec<(&Judged, usize)> = Vec::new();
    for &judged in rows {
        match groups.iter_mut().find(|(first, _)| says(first) == says(judged)) {
            Some((_, count)) => *count += 1,
            None => groups.push((judged, 1)),
        }
    }
    groups
}

/// What the numbers over the columns and the marks in them mean.
fn legend(requirements: &[String]) -> String {
    const A_LINE: usize = 4;
    let numbered = requirements.iter().zip(1..);
    let columns: Vec<String> = numbered.map(|(id, number)| format!("{number} {id}")).collect();
    let lines: Vec<String> = columns.chunks(A_LINE).map(|line| line.join(" · ")).collect();
    format!(
        "{}\n{PASSED} passed · {FAILED} failed · {INCONCLUSIVE} inconclusive · {NOT_APPLICABLE} not applicable · empty: not run\n",
        lines.join("\n")
    )
}

fn brief(reason: &str) -> String {
    const MOST: usize = 160;
    if reason.chars().count() <= MOST {
        return reason.to_owned();
    }
    let cut: String = reason.chars().take(MOST).collect();
    format!("{}…", cut.trim_end())
}
