//! The end of a run at a terminal: a table of verdicts, then for each that is not passed why and what to do.

use std::io;

use anstyle::{AnsiColor, Style};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED,
};
use plimsoll_record::Verdict;

use crate::{
    ExitCode, RecordedCheck, RecordedRun, ReportError, Reporter,
    conclusion::{conclusion, totals},
    duration_text::duration_text,
    evidence,
    exit_code::exit_code,
    mark::mark,
    one_line::one_line,
};

/// Whether to write colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// With escape sequences for a terminal.
    Always,
}

/// Writes the table of verdicts.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerdictTable {
    /// Whether to write colours.
    pub colour: Colour,
    /// How wide the terminal is, in columns; without it lines are not broken.
    pub width: Option<u16>,
}

impl Reporter for VerdictTable {
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError> {
        self.write_heading(run, out)?;
        writeln!(out, "{}", self.table(run))?;
        self.write_skipped(run, out)?;
        for check in &run.checks {
            if matches!(check.verdict(), Verdict::Failed | Verdict::Inconclusive) {
                self.write_explanation(check, out)?;
            }
        }
        self.write_conclusion(run, out)?;
        Ok(())
    }
}

impl VerdictTable {
    fn write_heading(&self, run: &RecordedRun, out: &mut dyn io::Write) -> io::Result<()> {
        if let Some(mark) = mark(run.facts.platform.kind) {
            let word = self.paint(
                Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())),
                mark.word,
            );
            writeln!(out, "{word}: {}", mark.meaning)?;
        }
        Ok(())
    }

    fn table(&self, run: &RecordedRun) -> Table {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = self.width {
            table.set_width(width);
        }
        match self.colour {
            Colour::Always => table.enforce_styling(),
            // Whatever this process's own terminal may be: the output is what was asked for.
            Colour::Never => table.force_no_tty(),
        };
        table.set_header(["requirement", "level", "verdict", "time", "why"].map(|name| {
            let cell = Cell::new(name);
            if self.colour == Colour::Always {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
        for check in run
            .checks
            .iter()
            .filter(|check| check.verdict() != Verdict::Skipped)
        {
            table.add_row(self.row(check));
        }
        table
    }

    /// One line per reason: a run of three requirements should not show twenty rows of others.
    fn write_skipped(&self, run: &RecordedRun, out: &mut dyn io::Write) -> io::Result<()> {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for check in run
            .checks
            .iter()
            .filter(|check| check.verdict() == Verdict::Skipped)
        {
            match reasons.iter_mut().find(|(reason, _)| *reason == check.reason()) {
                Some((_, ids)) => ids.push(check.id.as_str()),
                None => reasons.push((check.reason(), vec![check.id.as_str()])),
            }
        }
        let skipped = self.paint(style(Verdict::Skipped), "skipped");
        for (reason, ids) in reasons {
            writeln!(out, "{skipped} ({}): {}", one_line(reason), ids.join(", "))?;
        }
        Ok(())
    }

    fn row(&self, check: &RecordedCheck) -> Vec<Cell> {
        let verdict = Cell::new(check.verdict());
        let verdict = match self.colour {
            Colour::Always => verdict.fg(table_colour(check.verdict())),
            Colour::Never => verdict,
        };
        let time = check.duration().map(duration_text).unwrap_or_default();
        vec![
            Cell::new(&check.id),
            Cell::new(check.planned.level),
            verdict,
            Cell::new(time).set_alignment(CellAlignment::Right),
            Cell::new(one_line(check.reason())),
        ]
    }

    fn write_explanation(&self, check: &RecordedCheck, out: &mut dyn io::Write) -> io::Result<()> {
        let verdict = self.paint(style(check.verdict()), &check.verdict().to_string());
        writeln!(out, "\n{} {verdict} ({})", check.id, check.planned.level)?;
        writeln!(out, "  why         {}", one_line(check.reason()))?;
        let advice = match check.advice() {
            Some(advice) => one_line(advice),
            None => format!("`plimsoll explain {}` says what is proven and how", check.id),
        };
        writeln!(out, "  what to do  {advice}")?;
        if let Some(path) = evidence::path(check) {
            writeln!(out, "  evidence    {path}")?;
        }
        Ok(())
    }

    fn write_conclusion(&self, run: &RecordedRun, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "\n{}", totals(run))?;
        if !run.left_behind.is_empty() {
            let left: Vec<String> = run.left_behind.iter().map(|left| one_line(left)).collect();
            writeln!(
                out,
                "left behind on the platform: {} (`plimsoll cleanup` removes it)",
                left.join("; ")
            )?;
        }
        let code = exit_code(run);
        let style = match code {
            ExitCode::Passed => style(Verdict::Passed),
            ExitCode::Failed => style(Verdict::Failed),
            ExitCode::CannotTell => style(Verdict::Inconclusive),
        };
        writeln!(out, "{}", self.paint(style, &conclusion(run, code)))
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.colour {
            Colour::Always => format!("{style}{text}{style:#}"),
            Colour::Never => text.to_owned(),
        }
    }
}

pub(crate) fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Passed => AnsiColor::Green,
        Verdict::Failed => AnsiColor::Red,
        Verdict::Inconclusive => AnsiColor::Yellow,
        Verdict::NotApplicable | Verdict::Skipped => return Style::new().dimmed(),
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

fn table_colour(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Passed => Color::Green,
        Verdict::Failed => Color::Red,
        Verdict::Inconclusive => Color::Yellow,
        Verdict::NotApplicable | Verdict::Skipped => Color::DarkGrey,
    }
}
