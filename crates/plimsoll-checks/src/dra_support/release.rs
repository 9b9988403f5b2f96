//! D6 and D9: what is in use is not given away, and what is given back can be used again.

use plimsoll_platform::pods;

use super::{
    bench::{Bench, Held},
    claims::deallocated,
    hardware::pin,
    refusal::Refused,
    select::{PINNED, Pinned},
};
use crate::{
    CheckError,
    probe_pod::{ClaimSource, LivePod, Ruling, unmet},
};

/// Takes the pod of a template away and waits for the claim that was made for it to go, too.
pub(super) async fn end_of_template(bench: &Bench<'_>, first: &Held) -> Ruling {
    let (pod, claim) = (first.pod.name(), &first.claim.name);
    if let Err(error) = first.pod.remove(&bench.context.patience).await {
        return error.ruling(&format!("pod `{pod}` did not end"));
    }
    let gone = pods::gone(first.claim.uid.clone());
    match bench
        .watch_claim(claim)
        .until(gone, bench.context.patience.deletion())
        .await
    {
        Ok(_) => Ruling::Right(format!("claim `{claim}` went with the pod it was made for")),
        Err(error) => unmet(
            &format!("claim `{claim}` outlives pod `{pod}`, for which it was made"),
            &error,
        ),
    }
}

/// Ends the holder of the selected device: the claim that waited for it must get it now. Answers with what
/// that says of D6 and, of the first claim, of D9.
pub(super) async fn hand_over(bench: &Bench<'_>, pinned: &Pinned, waiting: &Refused) -> (Ruling, Ruling) {
    let patience = &bench.context.patience;
    let (holder, device) = (pinned.held.pod.name(), &pinned.chosen.device);
    let _undisturbed = bench.context.disruption.undisturbed().await;
    if let Err(error) = pinned.held.pod.remove(patience).await {
        let ruling = error.ruling(&format!(
            "pod `{holder}` did not end, so device `{device}` was not released"
        ));
        return (ruling.clone(), ruling);
    }
    let deallocated = match bench
        .watch_claim(PINNED)
        .until(deallocated(), patience.release())
        .await
    {
        Ok(_) => Ruling::Right(format!("claim `{PINNED}` was deallocated after its pod")),
        Err(error) => unmet(
            &format!("pod `{holder}` is gone and its claim was not released"),
            &error,
        ),
    };
    let pod = waiting.pod.clone();
    let name = pod.name();
    let taken_over = match pod.until(pods::bound(), patience.release()).await {
        Err(error) => unmet(
            &format!(
                "device `{device}` was released, but pod `{name}`, which waited for it, is still not bound"
            ),
            &error,
        ),
        Ok(_) => match bench.hear(pod).await {
            Ok(held) => held.judge(bench),
            Err(error) => unmet(
                &format!(
                    "device `{device}` was released, but pod `{name}`, the second to use it, did not start on it"
                ),
                &error,
            ),
        },
    };
    (taken_over, deallocated)
}

/// Runs another pod on the very device that worked for the first claim, once that gave it back. Right, too, where that
/// device can't be selected: it says nothing of its release then.
pub(super) async fn first_again(bench: &Bench<'_>, first: &Held) -> Result<Ruling, CheckError> {
    const AGAIN: &str = "again";
    let ended = end_of_template(bench, first).await;
    if !ended.is_right() {
        return Ok(ended);
    }
    let devices = bench.devices();
    let used = first.claim.allocated.first();
    let Some((used, expression)) =
        used.and_then(|used| Some((used, pin(&bench.driver, bench.device(used)?, &devices)?)))
    else {
        return Ok(ended);
    };
    bench.claim(AGAIN, &bench.one(&[expression])).await?;
    let pod = bench
        .start(&bench.pod(AGAIN, ClaimSource::Named(AGAIN.to_owned())))
        .await?;
    Ok(match bench.hear(pod).await {
        Ok(held) => held.judge(bench),
        Err(error) if bench.has_allocated(AGAIN).await => unmet(
            &format!(
                "device `{}` worked for pod `{}`, was given back and allocated again, but pod `{AGAIN}` did not start on it",
                used.device,
                first.pod.name()
            ),
            &error,
        ),
        Err(_) => ended,
    })
}

/// Runs a second pod on the claim that selects the device: unprepared and prepared again.
pub(super) async fn second_pass(bench: &Bench<'_>, pinned: &Pinned) -> Result<(Ruling, LivePod), CheckError> {
    let pod = bench
        .start(&bench.pod("second-pass", ClaimSource::Named(PINNED.to_owned())))
        .await?;
    let ruling = match bench.hear(pod.clone()).await {
        Ok(held) => held.judge(bench),
        Err(error) => unmet(
            &format!(
                "a second pod on claim `{PINNED}`, after device `{}` was released, did not start",
                pinned.chosen.device
            ),
            &error,
        ),
    };
    Ok((ruling, pod))
}
