//! Runs one check and draws its verdict.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use plimsoll_checks::{Check, Conclusion, Context};
use plimsoll_platform::chain;
use plimsoll_record::{CheckFinished, Decision, Verdict, What, decide};
use tokio::time::Instant;

use crate::observe::Voice;

/// Runs `check` to its end and says how it ended. Never fails: an error or a panic of the check is an
/// inconclusive verdict with the cause, unless a control had already come out wrong.
pub(crate) async fn execute(check: &'static dyn Check, context: Context, voice: Arc<Voice>) -> CheckFinished {
    let started = Instant::now();
    let run = plimsoll_platform::observed(voice.clone(), check.run(&context));
    let ended = AssertUnwindSafe(run).catch_unwind().await;
    let declaration = check.declaration();
    let decided = decide(declaration.rule, &declaration.required(), &voice.controls());
    let Decision {
        verdict,
        reason,
        trial,
    } = match ended {
        Ok(Ok(Conclusion::Controls)) => decided,
        Ok(Ok(Conclusion::Absent { reason })) => inconclusive(reason),
        Ok(Ok(Conclusion::NotApplicable { reason })) if voice.controls().is_empty() => Decision {
            verdict: Verdict::NotApplicable,
            reason,
            trial: None,
        },
        // What was tried speaks louder.
        Ok(Ok(Conclusion::NotApplicable { .. })) => decided,
        // A control that came out wrong stands, whatever stopped the check afterwards.
        Ok(Err(_)) | Err(_) if decided.verdict == Verdict::Failed => decided,
        Ok(Err(error)) => inconclusive(chain(&error)),
        Err(panic) => inconclusive(format!(
            "the check itself broke, please report it: {}",
            message(&*panic)
        )),
    };
    let advice = (verdict == Verdict::Failed).then(|| declaration.advice.to_owned());
    CheckFinished {
        verdict,
        reason,
        advice,
        adapter: trial,
        duration_ms: milliseconds(started),
    }
}

/// A check that was stopped or never got to run.
pub(crate) fn not_run(reason: impl Into<String>) -> What {
    What::CheckFinished(CheckFinished {
        verdict: Verdict::Inconclusive,
        reason: reason.into(),
        advice: None,
        adapter: None,
        duration_ms: 0,
    })
}

fn inconclusive(reason: String) -> Decision {
    Decision {
        verdict: Verdict::Inconclusive,
        reason,
        trial: None,
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
