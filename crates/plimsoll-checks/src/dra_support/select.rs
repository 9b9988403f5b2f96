//! D4: a selector for one very device.

use kube::core::DynamicObject;
use plimsoll_platform::{Condition, pods};

use super::{
    bench::{Bench, Held},
    hardware::{excludes, pin},
};
use crate::{
    CheckError,
    probe_pod::{ClaimSource, LivePod, Ruling, unmet},
};

/// How often another device is tried when somebody else was quicker.
const ATTEMPTS: usize = 3;

/// The name of the claim, and of its first pod.
pub(super) const PINNED: &str = "pinned";

/// A claim that picks one device, and how.
pub(super) struct Chosen {
    pub(super) expression: String,
    pub(super) device: String,
    pub(super) pool: String,
    pub(super) claim: DynamicObject,
    pod: LivePod,
}

/// The same once its pod runs.
pub(super) struct Pinned {
    pub(super) chosen: Chosen,
    pub(super) held: Held,
}

/// No pod runs on a selected device.
pub(super) struct NotSelected {
    /// What that says of the selection.
    pub(super) ruling: Ruling,
    /// Whether the device is the one that worked for the first claim, and was allocated once more: then it was selected,
    /// and what fails is using it again.
    pub(super) is_used_again: bool,
}

/// Asks for a device that is not the one the scheduler chose by itself, and for a pod on it, which is bound at the end
/// unless the scheduler has something against it.
pub(super) async fn select(
    bench: &Bench<'_>,
    first: &Held,
) -> Result<Result<Chosen, NotSelected>, CheckError> {
    let mut taken = Vec::new();
    for _ in 0..ATTEMPTS {
        let Some((pool, device, expression)) = target(bench, first, &taken).await else {
            let ruling = Ruling::Undecided(nothing_to_select(bench, &taken));
            return Ok(Err(NotSelected {
                ruling,
                is_used_again: false,
            }));
        };
        let claim = bench
            .claim(PINNED, &bench.one(std::slice::from_ref(&expression)))
            .await?;
        let pod = bench
            .start(&bench.pod(PINNED, ClaimSource::Named(PINNED.to_owned())))
            .await?;
        if lost_the_race(bench, &pod, &pool, &device).await {
            taken.push((pool, device));
            super::remove(bench, &pod).await?;
            super::delete(bench, &claim).await?;
            continue;
        }
        return Ok(Ok(Chosen {
            expression,
            device,
            pool,
            claim,
            pod,
        }));
    }
    let why = "others take every device before it can be selected".to_owned();
    Ok(Err(NotSelected {
        ruling: Ruling::Undecided(why),
        is_used_again: false,
    }))
}

/// Waits until the pod runs on the device and has reported.
pub(super) async fn run(bench: &Bench<'_>, chosen: Chosen, first: &Held) -> Result<Pinned, NotSelected> {
    let Chosen {
        device, pool, pod, ..
    } = &chosen;
    match bench.hear(pod.clone()).await {
        Ok(held) => Ok(Pinned { chosen, held }),
        Err(error) => {
            let what =
                format!("the pod of a claim that selects device `{device}` of pool `{pool}` did not start");
            let mut used = first.claim.allocated.iter();
            Err(NotSelected {
                ruling: unmet(&what, &error),
                is_used_again: used.any(|its| its.pool == *pool && its.device == *device)
                    && bench.has_allocated(PINNED).await,
            })
        }
    }
}

/// Decides whether the selection was honoured.
pub(super) fn judge(bench: &Bench<'_>, pinned: &Pinned) -> Ruling {
    let Pinned { chosen, held } = pinned;
    let Chosen {
        device,
        pool,
        expression,
        ..
    } = chosen;
    let asked = held
        .claim
        .allocated
        .iter()
        .all(|got| got.device == *device && got.pool == *pool);
    if !asked {
        let got: Vec<String> = held
            .claim
            .allocated
            .iter()
            .map(|got| format!("`{}`", got.device))
            .collect();
        return Ruling::Wrong(format!(
            "a claim selected device `{device}` of pool `{pool}` by `{expression}` and was allocated {}",
            got.join(", ")
        ));
    }
    held.judge(bench)
}

/// A free device of the node other than the first one, with the expression that selects it. With only one
/// device there, that one.
async fn target(
    bench: &Bench<'_>,
    first: &Held,
    taken: &[(String, String)],
) -> Option<(String, String, String)> {
    let busy = bench.busy().await;
    let all = bench.devices();
    let first_device = first.claim.allocated.first();
    let is_first = |pool: &str, name: &str| first_device.is_some_and(|f| f.pool == pool && f.device == name);
    let may_both = |device| {
        first_device
            .and_then(|f| bench.device(f))
            .is_none_or(|f| !excludes(f, device))
    };
    let alone = bench.lease.total() < 2;
    bench.devices_on_node().into_iter().find_map(|(pool, device)| {
        let key = (pool.to_owned(), device.name.clone());
        let fits = if alone {
            is_first(pool, &device.name)
        } else {
            !is_first(pool, &device.name) && may_both(device) && !busy.contains(&key)
        };
        (fits && device.taints.is_empty() && bench.is_of_class(&key) && !taken.contains(&key))
            .then(|| pin(&bench.driver, device, &all))
            .flatten()
            .map(|expression| (key.0, key.1, expression))
    })
}

/// Whether the pod can't be scheduled because another claim has the device.
async fn lost_the_race(bench: &Bench<'_>, pod: &LivePod, pool: &str, device: &str) -> bool {
    let settled = pods::bound().or(pods::pending_because("Unschedulable"));
    let Ok(seen) = pod.until(settled, bench.context.patience.scheduling()).await else {
        return false;
    };
    let bound = seen.spec.is_some_and(|spec| spec.node_name.is_some());
    !bound && bench.busy().await.contains(&(pool.to_owned(), device.to_owned()))
}

fn nothing_to_select(bench: &Bench<'_>, taken: &[(String, String)]) -> String {
    if taken.is_empty() {
        format!(
            "no free device on node `{}` publishes an attribute that no other device has, so none can be selected",
            bench.node
        )
    } else {
        "others take every device before it can be selected".to_owned()
    }
}
