//! X6: a device is given to a container, not to its pod. And X7's second half: the next holder has it.

use plimsoll_probe::protocol::DeviceNumber;

use super::{
    ground::{Ground, HOLDER},
    judge,
};
use crate::{
    CheckError,
    probe_pod::{Ruling, holdings},
};

const BEFORE: &str = "before";
const BESIDE: &str = "beside";
const SECOND: &str = "second";

/// Runs a pod of four containers of which one is given an accelerator. `numbers` are devices that may be
/// forged; they count against the others only where nobody else could reach them either.
pub(super) async fn look(
    ground: &Ground<'_>,
    numbers: &[DeviceNumber],
    open_to_all: bool,
) -> Result<(Ruling, Ruling), CheckError> {
    let look = || ground.look().forging(numbers.iter().copied());
    let pod = ground
        .bare("team")
        .init(ground.container(BEFORE, look()))
        .init(ground.container(BESIDE, look().staying()).sidecar());
    let pod = ground
        .grant(pod, ground.container(HOLDER, ground.look().staying()))
        .container(ground.container(SECOND, look().staying()));
    let sights = match ground.sights(&pod, &[HOLDER, BEFORE, BESIDE, SECOND]).await? {
        Ok(sights) => sights,
        Err(gap) => return Ok((gap.clone(), gap)),
    };
    let [holder, others @ ..] = sights.as_slice() else {
        let gap = Ruling::Undecided("not every container was heard".to_owned());
        return Ok((gap.clone(), gap));
    };
    let name = holder.pod.name();
    let whose = format!("container `{HOLDER}` of pod `{name}`");
    let owner = judge::own(&whose, &holder.found, ground.vendor, holder.promised.as_deref());
    if holdings(&holder.found, ground.vendor).is_empty() {
        return Ok((owner.clone(), owner));
    }
    let roles = [
        (BEFORE, "the init container"),
        (BESIDE, "the native sidecar"),
        (SECOND, "the second container"),
    ];
    let mut known: Vec<DeviceNumber> = numbers.to_vec();
    known.extend(
        holdings(&holder.found, ground.vendor)
            .iter()
            .map(|held| held.node().number),
    );
    let mut scope = Vec::new();
    for ((container, role), sight) in roles.into_iter().zip(others) {
        let whose =
            format!("{role} `{container}` of pod `{name}`, beside `{HOLDER}`, which was given a device,");
        scope.push(judge::clean(&whose, &sight.found, ground.vendor, &known));
        if !open_to_all {
            scope.push(judge::unreachable(
                &whose,
                &sight.found,
                numbers,
                "the other container's device",
            ));
        }
    }
    let scope = Ruling::all(scope).in_short(|| {
        format!(
            "init container, native sidecar and second container of pod `{name}` have nothing of what `{HOLDER}` \
             holds"
        )
    });
    Ok((scope, owner))
}
