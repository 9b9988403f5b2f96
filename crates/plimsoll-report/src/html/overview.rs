//! The verdict at a glance, and the table of requirements.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use plimsoll_record::Verdict;

use super::words::{seen, verdict_class, verdict_tag};
use crate::{
    ExitCode, RecordedCheck, RecordedRun,
    conclusion::{conclusion, totals},
    duration_text::{duration_text, since},
    exit_code::exit_code,
    mark::mark,
};

/// The verdict of the run and what it is a verdict on.
pub(super) fn banner(run: &RecordedRun) -> Markup {
    let code = exit_code(run);
    let (class, word) = match code {
        ExitCode::Passed => ("good", "Passed"),
        ExitCode::Failed => ("bad", "Failed"),
        ExitCode::CannotTell => ("unsure", "Cannot tell"),
    };
    let sentence = conclusion(run, code);
    // The word stands in front, larger.
    let rest = sentence.split_once(": ").map_or("", |(_, rest)| rest);
    html! {
        div class={ "verdict " (class) } {
            p.word { (word) }
            p.rest { (rest) }
            p.totals { (totals(run)) }
        }
        @if run.was_interrupted() {
            p.notice {
                strong { "Interrupted. " }
                "The run ended " (duration_text(since(run.started, run.last)))
                " after it began, before all was decided; what is shown is what the record holds up to its last whole event."
            }
        }
        @if !run.left_behind.is_empty() {
            p.notice {
                strong { "Left behind on the platform: " }
                (run.left_behind.iter().map(|left| seen(left)).collect::<Vec<_>>().join("; "))
                ". " code { "plimsoll cleanup" } " removes it."
            }
        }
        (facts(run))
    }
}

fn facts(run: &RecordedRun) -> Markup {
    let facts = &run.facts;
    let kind = mark(facts.platform.kind).map_or("cluster", |mark| mark.word);
    html! {
        dl.facts {
            (fact("Platform", &kind))
            (fact("Kubernetes", &seen(&facts.platform.kubernetes)))
            @if let Some(context) = &facts.platform.context { (fact("Context", &seen(context))) }
            (fact("Run", &seen(&facts.run)))
            (fact("Began", &time(run.started)))
            @if let Some(finished) = run.finished {
                (fact("Took", &duration_text(since(run.started, finished))))
            }
            (fact("Plimsoll", &seen(&facts.plimsoll)))
        }
    }
}

/// A pair of a list of facts.
pub(super) fn fact(name: &str, value: &dyn maud::Render) -> Markup {
    html! { div { dt { (name) } dd { (value.render()) } } }
}

/// A moment, to the second, in universal time.
pub(super) fn time(at: jiff::Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

/// Search and filter; the script shows them.
pub(super) fn search() -> Markup {
    let choices = [
        ("", "every verdict"),
        ("passed", "passed"),
        ("failed", "failed"),
        ("inconclusive", "inconclusive"),
        ("not-applicable", "not applicable"),
        ("skipped", "skipped"),
    ];
    let levels = [
        ("", "every level"),
        ("MUST", "MUST"),
        ("SHOULD", "SHOULD"),
        ("pillar", "pillar"),
    ];
    html! {
        form.search role="search" hidden {
            label { span { "Search" } input #query type="search" placeholder="a word, a control, an object" autocomplete="off"; }
            label {
                span { "Verdict" }
                select #verdict { @for (value, name) in choices { option value=(value) { (name) } } }
            }
            label {
                span { "Level" }
                select #level { @for (value, name) in levels { option value=(value) { (name) } } }
            }
            button #unfold type="button" aria-pressed="false" { "Open all details" }
            output #found aria-live="polite" {}
        }
    }
}

/// All requirements, one a row.
pub(super) fn table(run: &RecordedRun) -> Markup {
    html! {
        div.scroll {
            table.overview {
                thead {
                    tr {
                        th scope="col" { "requirement" }
                        th scope="col" { "level" }
                        th scope="col" { "verdict" }
                        th.number scope="col" { "time" }
                        th scope="col" { "why" }
                    }
                }
                tbody { @for check in &run.checks { (row(check)) } }
            }
        }
    }
}

fn row(check: &RecordedCheck) -> Markup {
    let verdict = check.verdict();
    html! {
        tr class=(verdict_class(verdict)) data-id=(check.id) data-verdict=(verdict) data-level=(check.planned.level) {
            th scope="row" {
                @if verdict == Verdict::Skipped {
                    (check.id)
                } @else {
                    a href={ "#" (check.id) } { (check.id) }
                }
                small { (seen(&check.planned.title)) }
            }
            td { (check.planned.level) }
            td { (verdict_tag(verdict)) }
            td.number { (check.duration().map(duration_text).unwrap_or_default()) }
            td.why { (seen(check.reason())) }
        }
    }
}
