//! One requirement: what was proven, by which controls, and the observations behind it.

use maud::{Markup, html};
use plimsoll_record::ControlKind;

use super::{
    detail::Detail,
    observations::{Budget, cut, observations},
    overview::{fact, time},
    pictures::pictures,
    words::{kind_words, outcome_class, outcome_tag, seen, verdict_class, verdict_tag},
};
use crate::{
    ControlRecord, RecordedCheck, RecordedRun,
    duration_text::{duration_text, since},
    evidence,
    moments::{Moment, moments, outcome_words, wait_text},
};

/// The section of `check`.
pub(super) fn requirement(
    run: &RecordedRun,
    check: &RecordedCheck,
    detail: Detail,
    budget: &Budget,
) -> Markup {
    let verdict = check.verdict();
    let title = format!("{}-title", check.id);
    html! {
        section.requirement.(verdict_class(verdict)) #(check.id) data-id=(check.id) data-verdict=(verdict)
            data-level=(check.planned.level) aria-labelledby=(title)
        {
            h2 #(title) { (check.id) " " (verdict_tag(verdict)) }
            p.title { (seen(&check.planned.title)) }
            p.reason { (seen(check.reason())) }
            @if let Some(advice) = check.advice() {
                p.advice { strong { "What to do: " } (seen(advice)) }
            }
            (facts(run, check))
            (pictures(check, detail.pictures))
            (controls(check, detail.words))
            (timeline(check, detail.steps))
            (observations(check, budget))
        }
    }
}

fn facts(run: &RecordedRun, check: &RecordedCheck) -> Markup {
    let planned = &check.planned;
    let tests: Vec<String> = planned.upstream_tests.iter().map(|name| seen(name)).collect();
    html! {
        dl.facts {
            (fact("Level", &format!("{} in {}", planned.level, run.facts.programme)))
            @if let Some(kar) = planned.kar { (fact("KAR", &kar)) }
            @if let Some(adapter) = check.adapter() { (fact("Decided by", &seen(adapter))) }
            @if let Some(duration) = check.duration() { (fact("Took", &duration_text(duration))) }
            @if let Some(started) = check.started { (fact("Began", &time(started))) }
            @if !tests.is_empty() { (fact("Upstream test", &tests.join(", "))) }
            @if let Some(path) = evidence::path(check) {
                (fact("Page of evidence", &html! { a href=(path) { (path) } }))
            }
        }
    }
}

fn controls(check: &RecordedCheck, words: usize) -> Markup {
    if check.controls.is_empty() {
        return html! { p.empty { "No control was run." } };
    }
    html! {
        h3 { "Controls" }
        div.scroll {
            table.controls {
                thead {
                    tr {
                        th scope="col" { "control" }
                        th scope="col" { "on a sound platform" }
                        th scope="col" { "came out" }
                        th scope="col" { "trial" }
                        th scope="col" { "what was seen" }
                    }
                }
                tbody { @for record in &check.controls { (control(record, words)) } }
            }
        }
    }
}

fn control(record: &ControlRecord, words: usize) -> Markup {
    let control = &record.control;
    let seen_there = seen(&control.detail);
    let decides = control.kind != ControlKind::Observed;
    html! {
        tr class=[decides.then(|| outcome_class(control.outcome))] {
            th scope="row" { (seen(&control.name)) }
            td data-label="on a sound platform" { (kind_words(control.kind)) }
            td data-label="came out" { (outcome_tag(control.outcome)) }
            td.trial data-label="trial" { (seen(&control.trial)) }
            td.why data-label="what was seen" {
                (cut(&seen_there, words))
                @if seen_there.len() > words { "… (more in the page of evidence)" }
            }
        }
    }
}

fn timeline(check: &RecordedCheck, most: usize) -> Markup {
    let steps = moments(check);
    let Some(start) = check.started.or_else(|| steps.first().map(Moment::at)) else {
        return html! {};
    };
    if steps.is_empty() {
        return html! {};
    }
    html! {
        details.timeline {
            summary { "Timeline (" (steps.len()) ")" }
            ol {
                @for step in steps.iter().take(most) {
                    li { span.after { (duration_text(since(start, step.at()))) } " " (words(*step)) }
                }
            }
            @if steps.len() > most {
                p.cut { (steps.len() - most) " more steps are in the page of evidence." }
            }
        }
    }
}

fn words(step: Moment<'_>) -> Markup {
    match step {
        Moment::Created(object) => {
            html! { "created " (seen(&object.kind)) " " code { (seen(&object.place())) } }
        }
        Moment::Waited(wait) => html! { (wait_text(wait, seen)) },
        Moment::Decided(record) => {
            let control = &record.control;
            html! {
                span class=(outcome_class(control.outcome)) { (seen(&control.name)) " " (outcome_words(control.outcome)) }
                " (" (seen(&control.trial)) ")"
            }
        }
    }
}
