//! The kill matrix as a page to look at: one HTML file without anything from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use plimsoll_record::Verdict;

use crate::{
    Calibration, Judged, Subject,
    judge::Outcome,
    table::{alike, name, requirements},
};

const STYLE: &str = include_str!("page.css");

/// The page.
#[must_use]
pub fn page(calibration: &Calibration) -> String {
    let ground = if calibration.ground == "simulated" {
        "SIMULATED"
    } else {
        "LAB"
    };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                // Nothing is loaded and nothing runs, whatever a quoted text may contain.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Kill matrix · Plimsoll" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.mark { (ground) }
                    h1 { "Kill matrix" }
                    (lead(calibration))
                    (facts(calibration))
                    (tally(calibration))
                }
                main {
                    (defects(
                        "Defects",
                        "One at a time. Killed: the right requirement failed, for a reason that names the cause, and no other \
                         failed.",
                        &rows(calibration, |subject| matches!(subject, Subject::Defect(_))),
                    ))
                    (defects(
                        "Defects on a platform that takes its time",
                        "The same under latencies drawn by the seed.",
                        &rows(calibration, |subject| matches!(subject, Subject::UnderLatency(_))),
                    ))
                    (defects(
                        "Pairs of defects",
                        "Neither may hide the other. Masked: one was killed, and keeps the other's requirement from being \
                         decided.",
                        &rows(calibration, |subject| matches!(subject, Subject::Pair(..))),
                    ))
                    (sound(&rows(calibration, |subject| matches!(subject, Subject::Sound))))
                    (left_out(calibration))
                }
            }
        }
    };
    markup.into_string() + "\n"
}

fn rows(calibration: &Calibration, wanted: fn(&Subject) -> bool) -> Vec<&Judged> {
    calibration
        .judged
        .iter()
        .filter(|judged| wanted(&judged.trial.subject))
        .collect()
}

/// The verdict at a glance.
fn lead(calibration: &Calibration) -> Markup {
    let missing = calibration.plan.trials.len() - calibration.judged.len();
    html! {
        @if calibration.is_sound() {
            p.lead.good { "Every defect was killed, and nothing raised a false alarm." }
        } @else if calibration.judged.iter().any(Judged::is_fault) {
            p.lead.bad { "The suite has a hole, or raises an alarm where there is nothing." }
        } @else {
            p.lead.unsure { "Not finished: " (missing) " runs were not made, so nothing is proven." }
        }
    }
}

fn facts(calibration: &Calibration) -> Markup {
    html! {
        p.facts {
            "Does the suite notice a broken platform? Each row is a run of the whole suite on a platform that is broken on \
             purpose, or on one that is sound. Defects were seeded into the platform "
            b { (calibration.plan.platform) }
            "; seed " (calibration.plan.seed) "; " (calibration.judged.len()) " runs in "
            (format!("{:.1}", calibration.wall.as_secs_f64())) " s; Plimsoll " (env!("CARGO_PKG_VERSION"))
            ". None of this says anything about a product."
        }
    }
}

/// How many of what.
fn tally(calibration: &Calibration) -> Markup {
    let count = |outcome: Outcome| {
        let judgements = calibration
            .judged
            .iter()
            .filter_map(|judged| judged.judgement.as_ref());
        judgements
            .filter(|judgement| judgement.outcome == outcome)
            .count()
    };
    let sound = calibration
        .judged
        .iter()
        .filter(|judged| judged.judgement.is_none());
    let (alarmed, quiet): (Vec<_>, Vec<_>) = sound.partition(|judged| !judged.alarms.is_empty());
    let items = [
        ("good", count(Outcome::Killed), "killed"),
        ("bad", count(Outcome::Survived), "survived"),
        ("bad", count(Outcome::Misattributed), "misattributed"),
        ("unsure", count(Outcome::Masked), "masked"),
        ("good", quiet.len(), "sound, no alarm"),
        ("bad", alarmed.len(), "false alarms"),
    ];
    html! {
        ul.tally {
            @for (class, number, what) in items {
                li class=(if number == 0 { "none" } else { class }) { b { (number) } " " (what) }
            }
        }
    }
}

fn defects(title: &str, about: &str, rows: &[&Judged]) -> Markup {
    let ids = requirements(rows);
    let lines = html! {
        @for (judged, judgement) in rows.iter().filter_map(|judged| Some((judged, judged.judgement.as_ref()?))) {
            @let defects = judged.trial.subject.defects();
            @let titles: Vec<&str> = defects.iter().map(|defect| defect.title.as_str()).collect();
            @let guilty: Vec<String> = defects.iter().map(|defect| defect.requirement.to_string()).collect();
            tr {
                th scope="row" { code { (name(&judged.trial.subject)) } small { (titles.join(" · ")) } }
                td data-of="outcome" {
                    span class={ "tag " (class(judgement.outcome)) } { (judgement.outcome.name()) }
                }
                (verdicts(judged, &ids, &guilty))
                td.why data-of="why" { (judgement.reason) }
            }
        }
    };
    section(title, about, ["defect", "outcome"], &ids, rows, &lines)
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Killed => "good",
        Outcome::Masked => "unsure",
        Outcome::Misattributed | Outcome::Survived => "bad",
    }
}

fn sound(rows: &[&Judged]) -> Markup {
    let ids = requirements(rows);
    let lines = html! {
        @for (judged, seeds) in alike(rows) {
            tr {
                th scope="row" {
                    code { (judged.trial.platform.name) }
                    @if seeds > 1 { " × " (seeds) " seeds" }
                    small { (judged.trial.platform.description) }
                }
                @if judged.alarms.is_empty() {
                    td data-of="alarm" { span.tag.good { "none" } }
                    (verdicts(judged, &ids, &[]))
                    td.why data-of="why" { (judged.unexpected.join("; ")) }
                } @else {
                    td data-of="alarm" { span.tag.bad { "false alarm" } }
                    (verdicts(judged, &ids, &[]))
                    td.why data-of="why" { (judged.alarms.join("; ")) }
                }
            }
        }
    };
    let about =
        "Nothing is broken here, however unusual the platform. An alarm is a requirement that failed.";
    section(
        "Sound platforms",
        about,
        ["platform", "alarm"],
        &ids,
        rows,
        &lines,
    )
}

fn left_out(calibration: &Calibration) -> Markup {
    html! {
        @if !calibration.plan.left_out.is_empty() {
            section {
                h2 { "Left out" }
                ul.left-out {
                    @for (defect, why) in &calibration.plan.left_out {
                        li { code { (defect.id) } " " (why) }
                    }
                }
            }
        }
    }
}

/// A table with its heading; nothing where there are no rows.
fn section(
    title: &str,
    about: &str,
    [row, outcome]: [&str; 2],
    ids: &[String],
    rows: &[&Judged],
    lines: &Markup,
) -> Markup {
    html! {
        @if !rows.is_empty() {
            section {
                h2 { (title) }
                p { (about) }
                p.signs aria-hidden="true" { "✓ passed · ✕ failed · ? inconclusive · – not applicable or not decided" }
                // A table that is wider than the page is scrolled, by keys as well.
                div.scroll tabindex="0" role="region" aria-label=(title) {
                    table {
                        thead {
                            tr {
                                th scope="col" { (row) }
                                th scope="col" { (outcome) }
                                @for id in ids { th.cell scope="col" { (id.replace('_', " ")) } }
                                th scope="col" { "why" }
                            }
                        }
                        tbody { (lines) }
                    }
                }
            }
        }
    }
}

/// One cell for each requirement; those that a defect breaks are framed.
fn verdicts(judged: &Judged, ids: &[String], guilty: &[String]) -> Markup {
    html! {
        @for id in ids {
            @let finding = judged
                .findings
                .iter()
                .flatten()
                .find(|finding| finding.requirement.as_str() == id);
            @let (class, sign) = finding.map_or(("none", "–"), |finding| sign(finding.verdict));
            td.cell.target[guilty.contains(id)] data-of=(id.replace('_', " "))
                title=[finding.map(|finding| finding.reason.as_str())] {
                span class=(class) {
                    (sign)
                    // Beside each other, only the signs have room; the words are for narrow pages and for who listens.
                    span.word {
                        " "
                        @match finding {
                            Some(finding) => { (finding.verdict) }
                            None => { "not decided" }
                        }
                    }
                }
            }
        }
    }
}

fn sign(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Passed => ("good", "✓"),
        Verdict::Failed => ("bad", "✕"),
        Verdict::Inconclusive => ("unsure", "?"),
        Verdict::NotApplicable | Verdict::Skipped => ("none", "–"),
    }
}
