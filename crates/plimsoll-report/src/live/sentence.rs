//! Events in words.

use std::{collections::BTreeMap, time::Duration};

use plimsoll_record::{Control, ControlKind, Event, Outcome, PlatformFacts, RunStarted, What};

use crate::{duration_text::duration_text, mark::mark, one_line::one_line};

/// What the open waits are for, by their numbers.
pub(super) type OpenWaits = BTreeMap<u64, String>;

/// What happened, in one line without the requirement's name.
pub(super) fn sentence(event: &Event, waits: &OpenWaits) -> String {
    let named = |wait: &u64| waits.get(wait).map_or("what it waited for", String::as_str);
    let text = match &event.what {
        What::RunStarted(started) => run_started(started),
        What::PlatformSurveyed { .. } => "looked at the platform".to_owned(),
        What::CheckPlanned(planned) => match &planned.skipped {
            Some(reason) => format!("not selected: {reason}"),
            None => format!("planned ({}): {}", planned.level, planned.title),
        },
        What::CheckStarted => "started".to_owned(),
        What::WaitStarted { on, deadline_ms, .. } => {
            format!(
                "waits for {on} (at most {})",
                duration_text(Duration::from_millis(*deadline_ms))
            )
        }
        What::WaitProgressed { seen, .. } => format!("sees {seen}"),
        What::WaitEnded { wait, met: true } => format!("has got {}", named(wait)),
        What::WaitEnded { wait, met: false } => format!("waited in vain for {}", named(wait)),
        What::ObjectCreated {
            kind,
            namespace,
            name,
        } => match namespace {
            Some(namespace) => format!("created {kind} {namespace}/{name}"),
            None => format!("created {kind} {name}"),
        },
        What::Observed { source, .. } => format!("observed {source}"),
        What::ControlDecided(control) => control_decided(control),
        What::CheckFinished(finished) => {
            let took = duration_text(Duration::from_millis(finished.duration_ms));
            format!("{} in {took}: {}", finished.verdict, finished.reason)
        }
        What::CleanupStarted => "removing what the run created".to_owned(),
        What::CleanupFinished { left } if left.is_empty() => "nothing is left behind".to_owned(),
        What::CleanupFinished { left } => format!("left behind: {}", left.join("; ")),
        What::Interrupted => "interrupted".to_owned(),
        What::RunFinished => "finished".to_owned(),
    };
    one_line(&text)
}

fn run_started(started: &RunStarted) -> String {
    let RunStarted {
        run,
        plimsoll,
        programme,
        platform,
        format: _,
    } = started;
    let PlatformFacts {
        kind,
        kubernetes,
        context,
    } = platform;
    let context = context
        .as_ref()
        .map(|context| format!(" ({context})"))
        .unwrap_or_default();
    let mark = mark(*kind)
        .map(|mark| format!("; {}: {}", mark.word, mark.meaning))
        .unwrap_or_default();
    format!("plimsoll {plimsoll}, run {run}: Kubernetes {kubernetes}{context}, programme {programme}{mark}")
}

fn control_decided(control: &Control) -> String {
    let kind = match control.kind {
        ControlKind::Positive => "must work",
        ControlKind::Negative => "must be refused",
        ControlKind::Observed => "observed only",
    };
    let outcome = match control.outcome {
        Outcome::Right => "right",
        Outcome::Wrong => "WRONG",
        Outcome::Undecided => "undecided",
        Outcome::NotRun => "not run",
    };
    format!(
        "{} ({kind}, {}) {outcome}: {}",
        control.name, control.trial, control.detail
    )
}
