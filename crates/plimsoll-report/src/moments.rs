//! What a check did, in the order it did it, and how that is said.

use jiff::Timestamp;
use plimsoll_record::Outcome;

use crate::{
    ControlRecord, ObjectRecord, RecordedCheck, WaitRecord,
    duration_text::{duration_text, since},
};

/// Something a check did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment<'r> {
    Created(&'r ObjectRecord),
    Waited(&'r WaitRecord),
    Decided(&'r ControlRecord),
}

impl Moment<'_> {
    /// When it began.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Created(object) => object.at,
            Self::Waited(wait) => wait.started,
            Self::Decided(control) => control.at,
        }
    }
}

/// What `check` did, in order.
pub(crate) fn moments(check: &RecordedCheck) -> Vec<Moment<'_>> {
    let mut moments: Vec<Moment<'_>> = check.objects.iter().map(Moment::Created).collect();
    moments.extend(check.waits.iter().map(Moment::Waited));
    moments.extend(check.controls.iter().map(Moment::Decided));
    // Sorting keeps this order where the clock does not tell two of them apart.
    moments.sort_by_key(Moment::at);
    moments
}

/// How a control came out, to be read on after its name.
pub(crate) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Right => "came out right",
        Outcome::Wrong => "came out wrong",
        Outcome::Undecided => "could not be decided",
        Outcome::NotRun => "was not run",
    }
}

/// What was waited for and how it ended; `safe` makes text from a cluster safe for the format.
pub(crate) fn wait_text(wait: &WaitRecord, safe: fn(&str) -> String) -> String {
    let on = safe(&wait.on);
    let seen = wait
        .seen
        .as_deref()
        .map(|seen| format!("; last seen: {}", safe(seen)))
        .unwrap_or_default();
    match wait.ended {
        Some((at, true)) => format!(
            "waited for {on}: met after {}",
            duration_text(since(wait.started, at))
        ),
        Some((at, false)) => {
            let took = duration_text(since(wait.started, at));
            let deadline = duration_text(wait.deadline);
            format!("waited for {on}: not met within {deadline}, given up after {took}{seen}")
        }
        None => format!("waited for {on}: cut off{seen}"),
    }
}
