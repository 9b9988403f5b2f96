//! Observations as text, within what a page can hold.

use maud::{Markup, html};

use super::words::{seen, seen_lines};
use crate::{
    ObservationRecord, RecordedCheck,
    duration_text::{duration_text, since},
};

/// How many bytes of one fact a page may show; the most generous that keeps within the whole is taken.
const CAPS: [usize; 9] = [24_576, 12_288, 6144, 3072, 1536, 768, 384, 192, 96];

/// How much of each fact is shown, so that the page of a large run stays one that a browser opens at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    each: usize,
}

impl Budget {
    /// What each fact of `checks` gets, when all of them together get `whole` bytes.
    pub(super) fn of(checks: &[&RecordedCheck], whole: usize) -> Self {
        let sizes: Vec<usize> = checks
            .iter()
            .flat_map(|check| &check.observations)
            .map(|observation| text(observation).len())
            .collect();
        let fits = |cap: &usize| sizes.iter().map(|size| size.min(cap)).sum::<usize>() <= whole;
        Self {
            each: CAPS.into_iter().find(fits).unwrap_or(0),
        }
    }
}

/// What `check` saw, each fact folded.
pub(super) fn observations(check: &RecordedCheck, budget: &Budget) -> Markup {
    if check.observations.is_empty() {
        return html! {};
    }
    html! {
        details.observations {
            summary { "Observations (" (check.observations.len()) ")" }
            @for observation in &check.observations { (fact(check, observation, budget)) }
        }
    }
}

fn fact(check: &RecordedCheck, observation: &ObservationRecord, budget: &Budget) -> Markup {
    let whole = text(observation);
    let shown = cut(&whole, budget.each);
    let after = check
        .started
        .map(|start| duration_text(since(start, observation.at)));
    html! {
        details.fact {
            summary { @if let Some(after) = after { span.after { (after) } " " } (seen(&observation.source)) }
            pre tabindex="0" { (shown) }
            @if shown.len() < whole.len() {
                p.cut { (whole.len() - shown.len()) " more bytes of it are in " code { "record.jsonl" } "." }
            }
        }
    }
}

fn text(observation: &ObservationRecord) -> String {
    // `{:#}` of a JSON value is its indented form.
    seen_lines(&format!("{:#}", observation.fact))
}

/// At most so many bytes from the beginning, whole characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("aßc", 2), "a");
        assert_eq!(cut("aßc", 3), "aß");
        assert_eq!(cut("abc", 9), "abc");
    }
}
