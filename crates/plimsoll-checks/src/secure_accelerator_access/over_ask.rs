//! X8: more than is free is not given.

use std::time::Duration;

use plimsoll_platform::{Condition, WaitError, pods};

use super::ground::{Ground, gap};
use crate::{
    CheckError,
    probe_pod::{Ruling, chain},
};

/// Asks for one more than the node has left while one is held, and watches that nothing comes of it.
pub(super) async fn look(ground: &Ground<'_>, window: Duration) -> Result<Ruling, CheckError> {
    // One is held by the first pod: all that the node has is one too many, whatever others hold.
    let count = ground.total.max(1);
    let pod = ground.greedy("over-ask", count).await?;
    let pod = ground.roster.start(&pod).await?;
    let name = pod.name();
    let given = |why: &str| {
        Ruling::Wrong(format!(
            "pod `{name}` asked for all {count} accelerators of node `{}` while another pod holds one, and was not \
             refused: {why}",
            ground.node
        ))
    };
    let pending = pod
        .until(
            pods::pending_because("Unschedulable"),
            ground.context.patience.scheduling(),
        )
        .await;
    let ruling = match pending {
        Ok(_) => match pod.watched().hold(pods::bound().not(), window).await {
            Ok(_) => Ruling::Right(format!(
                "pod `{name}` asked for all {count} accelerators of node `{}` while another pod holds one, and stayed \
                 pending for {:.0} s",
                ground.node,
                window.as_secs_f64()
            )),
            Err(WaitError::Broken(why)) => given(&why),
            Err(error) => gap(&name, &error),
        },
        Err(WaitError::Never(why)) => given(&why),
        Err(error) => Ruling::Undecided(format!("nobody said why pod `{name}` waits: {}", chain(&error))),
    };
    // Before anything is released: what is free then is not for this pod.
    pod.remove(&ground.context.patience).await?;
    Ok(ruling)
}
