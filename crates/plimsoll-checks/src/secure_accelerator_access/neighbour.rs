//! X5: two pods on one node, one accelerator each.

use plimsoll_probe::protocol::DeviceNumber;

use super::{
    ground::{Ground, HOLDER, Sight},
    judge,
};
use crate::{CheckError, probe_pod::Ruling};

/// Runs a second holder that tries to reach the first one's device. Answers with what it saw, too: its device
/// is attack material for later controls.
pub(super) async fn look(
    ground: &Ground<'_>,
    first: &Sight,
    numbers: &[DeviceNumber],
) -> Result<(Ruling, Option<Sight>), CheckError> {
    let pod = ground.holder(
        "neighbour",
        ground.look().forging(numbers.iter().copied()).staying(),
    );
    let second = match ground.sight(&pod, HOLDER).await? {
        Ok(second) => second,
        Err(gap) => return Ok((gap, None)),
    };
    let (one, two) = (
        format!("pod `{}`", first.pod.name()),
        format!("pod `{}`", second.pod.name()),
    );
    let promised = first.promised.as_deref().zip(second.promised.as_deref());
    let apart = judge::apart(
        (&one, &first.found),
        (&two, &second.found),
        ground.vendor,
        promised,
    );
    // Where they share a device, the second one reaches it by right.
    let ruling = if apart.is_right() {
        let forged = judge::unreachable(&two, &second.found, numbers, &format!("the device of {one}"));
        Ruling::all([apart, forged])
    } else {
        apart
    };
    Ok((ruling, Some(second)))
}
