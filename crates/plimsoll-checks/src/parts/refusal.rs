//! Watching that a pod is refused what others have, and that it gets it once they gave it back.

use std::time::Duration;

use plimsoll_platform::{Condition, WaitError, pods};

use super::{Ground, Pending};
use crate::probe_pod::{Ruling, chain, unmet};

/// Waits for the scheduler to refuse the pod, then watches for the window that it stays refused.
pub(crate) async fn hold(ground: &Ground<'_>, pending: &Pending, because: &str, window: Duration) -> Ruling {
    let (pod, unit) = (&pending.pod, &pending.unit);
    let name = pod.name();
    let given = |why: &str| Ruling::Wrong(format!("{because}, yet pod `{name}` was given {unit}: {why}"));
    let scheduling = ground.context.patience.scheduling();
    match pod
        .until(pods::pending_because("Unschedulable"), scheduling)
        .await
    {
        Ok(_) => {}
        Err(WaitError::Never(why)) => return given(&why),
        Err(error) => {
            return Ruling::Undecided(format!("nobody said why pod `{name}` waits: {}", chain(&error)));
        }
    }
    match pod.watched().hold(pods::bound().not(), window).await {
        Ok(_) => Ruling::Right(format!(
            "{because}: pod `{name}` stayed pending for {:.0} s",
            window.as_secs_f64()
        )),
        Err(WaitError::Broken(why)) => given(&why),
        Err(error) => Ruling::Undecided(format!("pod `{name}` could not be watched: {}", chain(&error))),
    }
}

/// Waits until a pod that was refused is bound, what it waited for having been given back.
pub(crate) async fn hand_over(ground: &Ground<'_>, pending: &Pending, given_back: &str) -> Ruling {
    let name = pending.pod.name();
    match pending
        .pod
        .until(pods::bound(), ground.context.patience.release())
        .await
    {
        Ok(_) => Ruling::Right(format!("pod `{name}` was bound once {given_back}")),
        Err(error) => unmet(
            &format!(
                "{given_back}, and pod `{name}`, which waits for {}, is not bound",
                pending.unit
            ),
            &error,
        ),
    }
}
