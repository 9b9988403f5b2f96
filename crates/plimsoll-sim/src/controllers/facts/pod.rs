//! The states of a pod.

use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

use super::{
    condition,
    meta::{self, items},
};

pub(crate) fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or("Pending")
}

/// Whether all its containers have ended, for good.
pub(crate) fn terminal(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it counts as a replica: neither over nor going.
pub(crate) fn active(pod: &Value) -> bool {
    !terminal(pod) && !meta::deleting(pod)
}

pub(crate) fn ready(pod: &Value) -> bool {
    condition::is_true(&pod["status"]["conditions"], "Ready")
}

/// The node that it is bound to.
pub(crate) fn node(pod: &Value) -> Option<&str> {
    pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty())
}

/// Since when it is ready.
pub(crate) fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = condition::find(&pod["status"]["conditions"], "Ready")?;
    (ready["status"] == "True").then(|| meta::time(&ready["lastTransitionTime"]))?
}

/// Whether it has been ready for that long.
pub(crate) fn available(pod: &Value, min_ready: Duration, now: Timestamp) -> bool {
    ready(pod) && available_in(pod, min_ready, now).is_none()
}

/// In what time a ready pod will be available; none where it is, or isn't ready.
pub(crate) fn available_in(pod: &Value, min_ready: Duration, now: Timestamp) -> Option<Duration> {
    if min_ready.is_zero() {
        return None;
    }
    let since = ready_since(pod)?;
    let due = since.checked_add(min_ready).ok()?;
    Duration::try_from(due.duration_since(now))
        .ok()
        .filter(|left| !left.is_zero())
}

/// `spec.minReadySeconds` of a pod's owner.
pub(crate) fn min_ready(owner: &Value) -> Duration {
    seconds(&owner["spec"]["minReadySeconds"])
}

/// A number of seconds.
pub(crate) fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or_default())
}

/// How often its containers were started again; the most of any.
pub(crate) fn restarts(pod: &Value) -> i64 {
    items(&pod["status"]["containerStatuses"])
        .iter()
        .map(|status| meta::number(&status["restartCount"], 0))
        .max()
        .unwrap_or_default()
}
