//! The whole device first: while it is held, its parts must not be had; once it is given back, they must.

use std::time::Duration;

use plimsoll_platform::WaitError;
use plimsoll_probe::protocol::DeviceNumber;
use serde_json::json;

use super::{Ground, Held, Unit, hand_over, hold, size};
use crate::{
    CheckError,
    probe_pod::{Ruling, chain},
};

/// What holding the whole device taught.
pub(crate) struct Whole {
    /// Whether its part was kept back meanwhile, and handed over afterwards.
    pub(crate) ruling: Ruling,
    /// The part's pod, if it was ever bound.
    pub(crate) part: Option<Result<Held, WaitError>>,
    /// The numbers of the whole device's nodes: attack material.
    pub(crate) numbers: Vec<DeviceNumber>,
    /// Its size in bytes, where it tells one.
    pub(crate) size: Option<u64>,
    /// How long a refusal must hold, by how long its pod took to be bound.
    pub(crate) window: Duration,
    /// What its pod held.
    pub(crate) held: Held,
}

/// Holds the whole device that `part` is made of, asks for the part, gives the whole back. `None` where the whole device
/// is not offered, or can't be had: that is not for this check to judge.
pub(crate) async fn whole_first(ground: &Ground<'_>, part: &Unit) -> Result<Option<Whole>, CheckError> {
    let Some(whole) = ground.offer.whole_of(part).cloned() else {
        return Ok(None);
    };
    let pending = ground.start("whole", &whole, ground.look()).await?;
    let pod = pending.pod.clone();
    let held = match ground.hear(pending).await {
        Ok(held) => held,
        Err(error) => {
            ground
                .context
                .observe("Pod whole", json!({"not tried": chain(&error)}));
            pod.remove(&ground.context.patience).await?;
            return Ok(None);
        }
    };
    let numbers = held.numbers(&ground.offer);
    let size = held.sight(&ground.offer).own.and_then(size);
    let window = ground.context.patience.hold(held.bound_after);
    let look = ground.look().forging(numbers.iter().copied());
    let waiting = ground.start("part-0", part, look).await?;
    let because = format!(
        "{whole}, of which it is made, is held by pod `{}`",
        held.pod.name()
    );
    let refused = hold(ground, &waiting, &because, window).await;
    if refused.is_wrong() {
        waiting.pod.remove(&ground.context.patience).await?;
        pod.remove(&ground.context.patience).await?;
        return Ok(Some(Whole {
            ruling: refused,
            part: None,
            numbers,
            size,
            window,
            held,
        }));
    }
    pod.remove(&ground.context.patience).await?;
    let handed = hand_over(ground, &waiting, "the whole device was given back").await;
    let (ruling, part) = if handed.is_right() {
        (Ruling::all([refused, handed]), Some(ground.hear(waiting).await))
    } else {
        waiting.pod.remove(&ground.context.patience).await?;
        (Ruling::all([refused, handed]), None)
    };
    Ok(Some(Whole {
        ruling,
        part,
        numbers,
        size,
        window,
        held,
    }))
}
