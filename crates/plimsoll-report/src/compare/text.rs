//! The comparison for people at a terminal.

use std::io;

use anstyle::{AnsiColor, Style};

use super::{Change, Comparison, Difference};
use crate::{Colour, one_line::one_line};

/// Writes a comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComparisonText {
    /// Whether to write colours.
    pub colour: Colour,
}

impl ComparisonText {
    /// Writes `comparison`: what got worse, what got better, what else is different, and what follows.
    ///
    /// # Errors
    /// When `out` can't be written to.
    pub fn write(&self, comparison: &Comparison, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "before  {}", one_line(&comparison.before))?;
        writeln!(out, "after   {}", one_line(&comparison.after))?;
        self.differences("worse", AnsiColor::Red, &comparison.regressions, out)?;
        self.differences("better", AnsiColor::Green, &comparison.improvements, out)?;
        self.changes(&comparison.changes, out)?;
        self.conclusion(comparison, out)
    }

    fn differences(
        &self,
        heading: &str,
        colour: AnsiColor,
        differences: &[Difference],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if differences.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n{}",
            self.paint(colour, &format!("{heading} ({})", differences.len()))
        )?;
        for difference in differences {
            let control = match &difference.control {
                Some((control, trial)) => format!(" {} on {}", one_line(control), one_line(trial)),
                None => String::new(),
            };
            writeln!(
                out,
                "  {} ({}){control}: {} → {}\n      {}",
                difference.requirement,
                difference.level,
                difference.before,
                self.paint(colour, &difference.after),
                one_line(&difference.reason),
            )?;
        }
        Ok(())
    }

    fn changes(&self, changes: &[Change], out: &mut dyn io::Write) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n{}",
            self.paint(AnsiColor::Yellow, &format!("changed ({})", changes.len()))
        )?;
        let width = changes
            .iter()
            .map(|change| one_line(&change.fact).chars().count())
            .max()
            .unwrap_or(0);
        for change in changes {
            let side = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), one_line);
            writeln!(
                out,
                "  {:width$}  {} → {}",
                one_line(&change.fact),
                side(&change.before),
                side(&change.after),
            )?;
        }
        Ok(())
    }

    fn conclusion(&self, comparison: &Comparison, out: &mut dyn io::Write) -> io::Result<()> {
        let (colour, text) = match comparison.exit_code() {
            0 => (AnsiColor::Green, "nothing got worse".to_owned()),
            1 => (
                AnsiColor::Red,
                format!("{} got worse", comparison.regressions.len()),
            ),
            _ => (
                AnsiColor::Yellow,
                "cannot tell: what was proven before is not proven any more".to_owned(),
            ),
        };
        writeln!(out, "\n{}", self.paint(colour, &text))?;
        if !comparison.unasked.is_empty() {
            let ids: Vec<&str> = comparison.unasked.iter().map(|id| id.as_str()).collect();
            writeln!(out, "not asked again, though it had passed: {}", ids.join(", "))?;
        }
        Ok(())
    }

    fn paint(&self, colour: AnsiColor, text: &str) -> String {
        match self.colour {
            Colour::Always => {
                let style = Style::new().bold().fg_color(Some(colour.into()));
                format!("{style}{text}{style:#}")
            }
            Colour::Never => text.to_owned(),
        }
    }
}
