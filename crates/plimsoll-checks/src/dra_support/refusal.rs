//! D5: what can't be given is not given; and how a refusal is watched.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use plimsoll_platform::{Condition, WaitError, pods};

use super::{bench::Bench, hardware::impossible};
use crate::{
    CheckError,
    probe_pod::{ClaimSource, ClaimSpec, Count, LivePod, Ruling, chain, unmet},
};

/// How many devices a claim can be for at the most.
const MOST: usize = 32;

/// A pod whose claim must not be allocated.
pub(super) struct Refused {
    pub(super) pod: LivePod,
    pub(super) claim: String,
    /// Why, as people would say it.
    pub(super) because: String,
}

/// Asks for what no device meets, and for more devices than there are.
pub(super) async fn ask(bench: &Bench<'_>) -> Result<Vec<Refused>, CheckError> {
    let mut refused = Vec::new();
    if let Some(device) = bench.devices().first() {
        let expression = impossible(&bench.driver, device);
        let because = format!("no device meets `{expression}`");
        refused.push(refuse(bench, "impossible", &bench.one(&[expression]), because).await?);
    }
    let counts = [
        (bench.devices().len(), "there are"),
        (bench.devices_on_node().len(), "the node has"),
    ];
    if let Some((count, than)) = counts.into_iter().find(|(count, _)| *count < MOST) {
        let count = count + 1;
        let many = ClaimSpec::single(&bench.version, bench.request().count(Count::Exactly(count)));
        let because = format!("{count} devices are one more than {than}");
        refused.push(refuse(bench, "too-many", &many, because).await?);
    }
    Ok(refused)
}

/// Creates a claim and a pod for it that must stay pending.
pub(super) async fn refuse(
    bench: &Bench<'_>,
    name: &str,
    spec: &ClaimSpec,
    because: String,
) -> Result<Refused, CheckError> {
    bench.claim(name, spec).await?;
    let pod = bench
        .start(&bench.pod(name, ClaimSource::Named(name.to_owned())))
        .await?;
    Ok(Refused {
        pod,
        claim: name.to_owned(),
        because,
    })
}

/// Waits for the scheduler to refuse the pod, then watches for the window that it stays refused.
pub(super) async fn hold(bench: &Bench<'_>, refused: &Refused, window: Duration) -> Ruling {
    let Refused { pod, claim, because } = refused;
    let name = pod.name();
    let scheduling = bench.context.patience.scheduling();
    let said = match pod
        .until(pods::pending_because("Unschedulable"), scheduling)
        .await
    {
        Ok(seen) => scheduler_says(&seen),
        Err(WaitError::Never(why)) => return given(bench, claim, because, &why).await,
        Err(error) => {
            return unmet(
                &format!("the scheduler said nothing of pod `{name}`, though {because}"),
                &error,
            );
        }
    };
    match pod.watched().hold(pods::bound().not(), window).await {
        Ok(_) => {}
        Err(WaitError::Broken(why)) => return given(bench, claim, because, &why).await,
        Err(error) => {
            return Ruling::Undecided(format!("pod `{name}` could not be watched: {}", chain(&error)));
        }
    }
    match bench.read_claim(claim).await {
        Ok(read) if read.is_allocated => given(bench, claim, because, "it stayed pending").await,
        Ok(_) => Ruling::Right(format!(
            "{because}: pod `{name}` stayed pending for {:.0} s ({said})",
            window.as_secs_f64()
        )),
        Err(error) => Ruling::Undecided(chain(&error)),
    }
}

/// The claim was allocated after all: says what.
async fn given(bench: &Bench<'_>, claim: &str, because: &str, why: &str) -> Ruling {
    let devices = match bench.read_claim(claim).await {
        Ok(read) => read
            .allocated
            .iter()
            .map(|got| format!("`{}` of pool `{}`", got.device, got.pool))
            .collect(),
        Err(error) => vec![chain(&error)],
    };
    let devices = if devices.is_empty() {
        "nothing".to_owned()
    } else {
        devices.join(", ")
    };
    Ruling::Wrong(format!(
        "{because}, yet claim `{claim}` was allocated {devices} ({why})"
    ))
}

/// Why the scheduler does not bind the pod, in its own words.
pub(super) fn scheduler_says(pod: &Pod) -> String {
    pod.status
        .as_ref()
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled")
        .and_then(|condition| condition.message.as_deref())
        // What comes after the first sentence is about preemption.
        .and_then(|message| message.split(". ").next())
        .map_or_else(|| "the scheduler gives no reason".to_owned(), str::to_owned)
}
