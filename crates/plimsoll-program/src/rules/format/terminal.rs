//! Verdicts for people: each finding with the line it is about.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::super::{Finding, Severity, Verdict, shown::harmless};

/// How much of a long line is shown.
const WINDOW: usize = 96;

/// How verdicts are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// With colours.
    pub colour: bool,
    /// Only errors and warnings.
    pub quiet: bool,
}

impl Terminal {
    fn paint(self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// The verdicts for a terminal, with a line that sums them up.
#[must_use]
pub fn terminal(verdicts: &[Verdict], how: Terminal) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        one(verdict, how, &mut text);
    }
    if verdicts.len() > 1 {
        let valid = verdicts.iter().filter(|verdict| verdict.valid()).count();
        let _ = writeln!(text, "{} of {} submissions are valid", valid, verdicts.len());
    }
    text
}

/// Names the rules that were not decided, so that silence does not look like a pass.
#[must_use]
pub fn undecided(verdicts: &[Verdict]) -> Option<String> {
    let rules: std::collections::BTreeSet<&str> = verdicts
        .iter()
        .flat_map(|verdict| verdict.undecided.iter().copied())
        .collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    (!rules.is_empty()).then(|| {
        format!(
            "not decided: {} (members need --members, links need --online)",
            rules.join(", ")
        )
    })
}

fn one(verdict: &Verdict, how: Terminal, text: &mut String) {
    let bold = Style::new().bold();
    let (word, colour) = if verdict.valid() {
        ("valid", AnsiColor::Green)
    } else {
        ("invalid", AnsiColor::Red)
    };
    let counts: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .into_iter()
    .map(|(severity, name)| (verdict.count(severity), name))
    .filter(|(count, _)| *count > 0)
    .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
    .collect();
    let counts = if counts.is_empty() {
        String::new()
    } else {
        format!(" ({})", counts.join(", "))
    };
    let word = how.paint(Style::new().bold().fg_color(Some(colour.into())), word);
    let _ = writeln!(
        text,
        "{}: {word}{counts}",
        how.paint(bold, &harmless(&verdict.path))
    );
    let lines: Vec<&str> = verdict.text.split('\n').collect();
    let mut notes = 0;
    for finding in &verdict.findings {
        match finding.severity {
            Severity::Error | Severity::Warning => graph(finding, &lines, how, text),
            Severity::Note if how.quiet => {}
            Severity::Note => {
                notes += 1;
                if notes == 1 && verdict.findings[0].severity != Severity::Note {
                    text.push('\n');
                }
                note(finding, how, text);
            }
        }
    }
    text.push('\n');
}

fn label(finding: &Finding, how: Terminal) -> String {
    let colour = match finding.severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    let label = format!("{}[{}]", finding.severity, finding.rule);
    let about = if finding.id.is_empty() {
        String::new()
    } else {
        format!(" {}", harmless(&finding.id))
    };
    format!(
        "{}{about}",
        how.paint(Style::new().bold().fg_color(Some(colour.into())), &label)
    )
}

fn position(finding: &Finding) -> String {
    format!(
        "{}:{}:{}",
        harmless(&finding.file),
        finding.place.line.max(1),
        finding.place.column.max(1)
    )
}

fn note(finding: &Finding, how: Terminal, text: &mut String) {
    let _ = writeln!(text, "  {}: {}", label(finding, how), finding.message);
    let _ = writeln!(
        text,
        "      {}",
        how.paint(Style::new().dimmed(), &position(finding))
    );
}

fn graph(finding: &Finding, lines: &[&str], how: Terminal, text: &mut String) {
    let dim = Style::new().dimmed();
    let _ = writeln!(text, "\n  {}: {}", label(finding, how), finding.message);
    let _ = writeln!(text, "    {} {}", how.paint(dim, "-->"), position(finding));
    let line = finding.place.line;
    let source = lines
        .get(line.wrapping_sub(1))
        .filter(|_| finding.file.ends_with("PRODUCT.yaml"));
    if let Some((shown, start, length)) = source.and_then(|source| window(source, finding)) {
        let number = line.to_string();
        let _ = writeln!(text, "    {number} {} {shown}", how.paint(dim, "│"));
        let pad = " ".repeat(number.len());
        let marks = " ".repeat(start) + &"^".repeat(length);
        let _ = writeln!(text, "    {pad} {} {marks}", how.paint(dim, "│"));
    }
    if !finding.help.is_empty() {
        let _ = writeln!(text, "    {} {}", how.paint(dim, "fix:"), finding.help);
    }
}

/// The part of a line around the place, where the mark begins in it, and how long it is.
fn window(source: &str, finding: &Finding) -> Option<(String, usize, usize)> {
    let source = source.trim_end_matches('\r');
    let characters: Vec<char> = source.chars().collect();
    let column = finding.place.column.saturating_sub(1);
    if characters.is_empty() || column > characters.len() {
        return None;
    }
    let from = if column > WINDOW - 24 { column - 24 } else { 0 };
    let to = (from + WINDOW).min(characters.len());
    let part = |from: usize, to: usize| harmless(&characters[from..to].iter().collect::<String>());
    let before = part(from, column);
    let rest = part(column, to);
    // A value may go on over lines; the mark ends with this one.
    let bytes: String = characters[column..].iter().collect();
    let length = bytes
        .get(..finding.place.length.min(bytes.len()))
        .map_or(1, |marked| marked.chars().count());
    let (left, right) = (
        if from > 0 { "…" } else { "" },
        if to < characters.len() { "…" } else { "" },
    );
    let start = left.chars().count() + before.chars().count();
    let length = length.clamp(1, rest.chars().count().max(1));
    Some((format!("{left}{before}{rest}{right}"), start, length))
}
