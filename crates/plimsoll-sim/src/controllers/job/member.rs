//! One pod, as its Job sees it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::facts::{condition, meta, pod};

/// Holds a pod until its Job has counted it.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// Says which completion a pod works on; an annotation and a label.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How many pods of the same index failed before this one.
pub(super) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// How many of them failed in ways that don't count.
pub(super) const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

pub(super) fn tracked(member: &Value) -> bool {
    meta::has_finalizer(member, FINALIZER)
}

pub(super) fn index(member: &Value) -> Option<i64> {
    meta::annotation(member, INDEX)?
        .parse()
        .ok()
        .filter(|index| *index >= 0)
}

pub(super) fn succeeded(member: &Value) -> bool {
    pod::phase(member) == "Succeeded"
}

/// Whether it failed. One that is being deleted has as good as failed, unless the Job replaces only those that are over.
pub(super) fn failed(job: &Value, member: &Value) -> bool {
    pod::phase(member) == "Failed"
        || (!replaces_only_failed(job) && meta::deleting(member) && !succeeded(member))
}

/// Whether a pod is replaced only once it is over.
pub(super) fn replaces_only_failed(job: &Value) -> bool {
    job["spec"]["podReplacementPolicy"] == "Failed"
}

/// Whether it is still at it, though it is to go.
pub(super) fn terminating(member: &Value) -> bool {
    meta::deleting(member) && !pod::terminal(member)
}

/// How many pods of its index failed before, counting or not.
pub(super) fn failures_before(member: &Value) -> (i64, i64) {
    let number = |annotation| {
        meta::annotation(member, annotation)
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or_default()
    };
    (number(FAILURES), number(IGNORED_FAILURES))
}

/// When it was over.
pub(super) fn ended(member: &Value) -> Timestamp {
    let statuses = meta::items(&member["status"]["containerStatuses"]);
    let ends: Option<Vec<Timestamp>> = statuses
        .iter()
        .map(|status| meta::time(&status["state"]["terminated"]["finishedAt"]))
        .collect();
    let by_containers = ends.and_then(|ends| ends.into_iter().max());
    let by_readiness = || {
        let ready = condition::find(&member["status"]["conditions"], "Ready")?;
        (ready["status"] == "False").then(|| meta::time(&ready["lastTransitionTime"]))?
    };
    let by_deletion = || {
        let grace = meta::number(&member["metadata"]["deletionGracePeriodSeconds"], 0);
        meta::time(&member["metadata"]["deletionTimestamp"])?
            .checked_sub(SignedDuration::from_secs(grace))
            .ok()
    };
    by_containers
        .or_else(by_readiness)
        .or_else(by_deletion)
        .unwrap_or_else(|| meta::created(member))
}
