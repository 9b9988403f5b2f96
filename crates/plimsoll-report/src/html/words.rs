//! Words, signs and classes that the parts of the page share.

use std::fmt::Write as _;

use maud::{Markup, html};
use plimsoll_record::{ControlKind, Outcome, Verdict};

use crate::one_line::{is_unseen, one_line};

/// Text from a cluster on one line. Escaping is the template's.
pub(super) fn seen(text: &str) -> String {
    one_line(text)
}

/// The same for text of several lines: what can't be seen is spelt out.
pub(super) fn seen_lines(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || !is_unseen(character) {
            clean.push(character);
        } else {
            // Writing to a string does not fail.
            let _ = write!(clean, "{}", character.escape_unicode());
        }
    }
    clean
}

/// What colours a verdict; never the only sign of it.
pub(super) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "good",
        Verdict::Failed => "bad",
        Verdict::Inconclusive => "unsure",
        Verdict::NotApplicable | Verdict::Skipped => "none",
    }
}

/// A verdict as a tag.
pub(super) fn verdict_tag(verdict: Verdict) -> Markup {
    let sign = match verdict {
        Verdict::Passed => "✓",
        Verdict::Failed => "✕",
        Verdict::Inconclusive => "?",
        Verdict::NotApplicable | Verdict::Skipped => "–",
    };
    html! {
        span class={ "tag " (verdict_class(verdict)) } { span aria-hidden="true" { (sign) " " } (verdict) }
    }
}

/// What colours an outcome.
pub(super) fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Right => "good",
        Outcome::Wrong => "bad",
        Outcome::Undecided => "unsure",
        Outcome::NotRun => "none",
    }
}

/// An outcome in a cell.
pub(super) fn outcome_tag(outcome: Outcome) -> Markup {
    let (sign, word) = match outcome {
        Outcome::Right => ("✓", "right"),
        Outcome::Wrong => ("✕", "wrong"),
        Outcome::Undecided => ("?", "undecided"),
        Outcome::NotRun => ("–", "not run"),
    };
    html! {
        span class={ "outcome " (outcome_class(outcome)) } { span aria-hidden="true" { (sign) " " } (word) }
    }
}

/// Which way a control must come out.
pub(super) fn kind_words(kind: ControlKind) -> &'static str {
    match kind {
        ControlKind::Positive => "must work",
        ControlKind::Negative => "must be refused",
        ControlKind::Observed => "noted only",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelt_out_in_blocks() {
        assert_eq!(seen_lines("a\n\u{202e}b\u{1b}[0m"), "a\n\\u{202e}b\\u{1b}[0m");
    }
}
