//! X11: a restarted container has what it had.

use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use plimsoll_platform::{Condition, Progress, Seen};
use plimsoll_probe::Transcript;

use super::{
    ground::{Ground, HOLDER, gap},
    judge,
};
use crate::{
    CheckError,
    probe_pod::{Restart, Ruling},
};

/// Runs a holder whose container fails once, and compares what it held before and after.
pub(super) async fn look(ground: &Ground<'_>) -> Result<Ruling, CheckError> {
    const MARK: &str = "mark";
    let look = ground.look().failing_first(format!("/{MARK}/failed")).staying();
    let container = ground.container(HOLDER, look).mount(MARK, format!("/{MARK}"));
    let pod = ground.grant(ground.bare("restarting").restart(Restart::Always), container);
    let pod = ground.roster.start(&pod).await?;
    let patience = &ground.context.patience;
    let name = pod.name();
    if let Err(error) = pod.started(patience).await {
        return Ok(gap(&name, &error));
    }
    if let Err(error) = pod
        .until(
            restarted().called("the container to restart"),
            patience.pod_start(),
        )
        .await
    {
        return Ok(gap(&name, &error));
    }
    let after = match pod.report(HOLDER, patience).await {
        Ok(after) => after,
        Err(error) => return Ok(gap(&name, &error)),
    };
    let previous = LogParams {
        container: Some(HOLDER.to_owned()),
        previous: true,
        ..LogParams::default()
    };
    let before = match pod.api().logs(&name, &previous).await {
        Ok(log) => Transcript::from_log(&log),
        Err(error) => {
            return Ok(Ruling::Undecided(format!(
                "the log of the first run can't be read: {error}"
            )));
        }
    };
    ground.observe(&name, "holder before its restart", &before, None);
    ground.observe(&name, "holder after its restart", &after, None);
    let whose = format!("container `{HOLDER}` of pod `{name}`");
    Ok(judge::same_again(&whose, &before, &after, ground.vendor))
}

/// The container runs for at least the second time.
fn restarted() -> impl Condition<Pod> {
    |seen: &Seen<Pod>| {
        let Some(pod) = seen.one() else {
            return Progress::Obstructed("the pod was deleted by somebody else".to_owned());
        };
        let statuses = pod
            .status
            .as_ref()
            .and_then(|status| status.container_statuses.as_ref());
        let again = statuses.into_iter().flatten().any(|container| {
            container.restart_count > 0
                && container
                    .state
                    .as_ref()
                    .is_some_and(|state| state.running.is_some())
        });
        if again {
            Progress::Met
        } else {
            Progress::NotYet("its container has not come back yet".to_owned())
        }
    }
}
