//! `README.md` of a submission: what was run, what came out, what the vendor states.

use std::fmt::Write;

use plimsoll_program::checklist::Status;

use crate::{
    answer::{Answer, Source},
    product::Product,
    records::Records,
};

/// Between these lines an update writes again; around them, text is kept.
const BEGIN: &str = "<!-- plimsoll: what follows is written again by an update -->";
const END: &str = "<!-- plimsoll: end -->";

/// Writes the README, or renews the part of an existing one that was written here.
pub(crate) fn readme(
    product: Option<&Product>,
    records: &Records,
    answers: &[Answer],
    mark: Option<&str>,
    existing: Option<&str>,
) -> String {
    let part = format!("{BEGIN}\n\n{}\n{END}\n", body(product, records, answers, mark));
    match existing.and_then(|text| Some((text, text.find(BEGIN)?))) {
        Some((text, begin)) => {
            let end = text[begin..]
                .find(END)
                .map_or(text.len(), |end| begin + end + END.len());
            let rest = text[end..].strip_prefix('\n').unwrap_or(&text[end..]);
            format!("{}{part}{rest}", &text[..begin])
        }
        None => match existing.filter(|text| !text.trim().is_empty()) {
            Some(text) => format!("{}\n\n{part}", text.trim_end()),
            None => format!("# {}\n\n{part}", title(product)),
        },
    }
}

fn title(product: Option<&Product>) -> String {
    let field = |name: &str| {
        let fields = product.into_iter().flat_map(|product| &product.metadata);
        fields
            .filter(|(known, _)| *known == name)
            .find_map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    plain(format!("{} {}", field("platformName"), field("platformVersion")).trim())
}

fn body(product: Option<&Product>, records: &Records, answers: &[Answer], mark: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(mark) = mark {
        let _ = writeln!(text, "> **SAMPLE**: {mark}.\n");
    }
    runs(records, &mut text);
    let _ = writeln!(
        text,
        "## Requirements\n\n| requirement | level | status | by | evidence |\n|---|---|---|---|---|"
    );
    for answer in answers {
        let status = if answer.status == Status::Blank {
            "–"
        } else {
            answer.status.as_str()
        };
        let by = match &answer.source {
            Source::Runs => "run",
            Source::Vendor(_) => "vendor, see below",
            Source::Kept => "vendor",
            Source::Nobody => "",
        };
        let evidence: Vec<String> = answer.evidence.iter().map(|entry| shown(entry)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {status} | {by} | {} |",
            answer.id,
            answer.level,
            evidence.join("<br>")
        );
    }
    stated(answers, &mut text);
    layers(product, answers, &mut text);
    text
}

fn runs(records: &Records, text: &mut String) {
    if records.runs.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "## How it was verified\n\n| run | date | programme | Kubernetes | Plimsoll |\n|---|---|---|---|---|"
    );
    for run in &records.runs {
        let facts = &run.facts;
        let date = run.started.to_string();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            plain(&facts.run),
            date.split('T').next().unwrap_or(&date),
            facts.programme,
            plain(&facts.platform.kubernetes),
            plain(&facts.plimsoll),
        );
    }
    let _ = writeln!(
        text,
        "\nEach `evidence/<requirement>.md` says which experiments were made and what was seen. `junit.xml`, `e2e.log` and \
         `results.json` (as `go test -json` writes it) were written by Plimsoll and hold what is claimed; what a run showed of other requirements is named \
         in them as left out, with the reason.\n"
    );
}

/// Statuses that don't follow from the runs, with their reasons.
fn stated(answers: &[Answer], text: &mut String) {
    let stated: Vec<(&Answer, &str)> = answers
        .iter()
        .filter_map(|answer| match &answer.source {
            Source::Vendor(reason) => Some((answer, reason.as_str())),
            Source::Runs | Source::Kept | Source::Nobody => None,
        })
        .collect();
    if stated.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n## Stated by the vendor\n\nThese statuses do not follow from a run.\n"
    );
    let _ = writeln!(
        text,
        "| requirement | status | runs say | reason |\n|---|---|---|---|"
    );
    for (answer, reason) in stated {
        let said = answer
            .verdict
            .map_or_else(|| "nothing".to_owned(), |verdict| verdict.to_string());
        let _ = writeln!(
            text,
            "| {} | {} | {said} | {} |",
            answer.id,
            answer.status,
            plain(reason)
        );
    }
}

fn layers(product: Option<&Product>, answers: &[Answer], text: &mut String) {
    let Some(product) = product.filter(|product| !product.layers.is_empty()) else {
        return;
    };
    let _ = writeln!(
        text,
        "\n## Layers\n\n| layer | product | certificate | owns |\n|---|---|---|---|"
    );
    for layer in &product.layers {
        let owned = answers
            .iter()
            .filter(|answer| answer.owner.as_deref() == Some(layer.name.as_str()));
        let owned: Vec<&str> = owned.map(|answer| answer.id.as_str()).collect();
        let certificate = layer.certificate.as_deref().map(shown).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {certificate} | {} |",
            plain(&layer.name),
            plain(&layer.product),
            owned.join(", ")
        );
    }
}

/// Text that Markdown takes for nothing but text, in a table.
fn plain(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .fold(String::new(), |mut plain, c| {
            if matches!(
                c,
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&'
            ) {
                plain.push('\\');
            }
            if !c.is_control() {
                plain.push(c);
            }
            plain
        })
}

fn shown(entry: &str) -> String {
    let link = (entry.starts_with("https://") || entry.starts_with("http://"))
        && !entry.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '|'));
    if link { format!("<{entry}>") } else { plain(entry) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_by_hand_around_our_part_stays() {
        let records = Records::default();
        let first = readme(None, &records, &[], None, None);
        let edited = format!("Before.\n\n{}\nAfter.\n", first.trim_start());
        let second = readme(None, &records, &[], Some("made up"), Some(&edited));
        assert!(
            second.starts_with("Before.\n") && second.ends_with("\nAfter.\n"),
            "{second}"
        );
        assert!(
            second.contains("SAMPLE") && second.matches(BEGIN).count() == 1,
            "{second}"
        );
        let foreign = readme(None, &records, &[], None, Some("# Ours\n"));
        assert!(foreign.starts_with("# Ours\n\n<!--"), "{foreign}");
    }
}
