//! What a Job does next.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use plimsoll_apiserver::Object;
use serde_json::Value;

use super::{
    super::{
        facts::{meta, pod},
        pods::ranking,
    },
    indexes::Indexes,
    member,
    policy::{self, Failure},
    tally::{Ended, Tally, completions, count, is_indexed, limit_by_index},
};

/// The first pause after a failure; each further one is twice as long.
const PAUSE: i64 = 10;
const LONGEST_PAUSE: i64 = 600;
/// How many pods one look creates or deletes at most.
const BURST: usize = 500;

/// The end of a Job, before it is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) ended: Ended,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Outcome {
    fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self {
            ended: Ended::Badly,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn complete(reason: &str, message: impl Into<String>) -> Self {
        Self {
            ended: Ended::Well,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn of_condition(condition: &Value, ended: Ended) -> Self {
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        Self {
            ended,
            reason: text("reason"),
            message: text("message"),
        }
    }

    /// The condition that announces it.
    pub(super) fn announced_as(&self) -> &'static str {
        match self.ended {
            Ended::Well => "SuccessCriteriaMet",
            Ended::Badly => "FailureTarget",
        }
    }

    /// The condition that makes it final.
    pub(super) fn final_as(&self) -> &'static str {
        match self.ended {
            Ended::Well => "Complete",
            Ended::Badly => "Failed",
        }
    }
}

/// How often pods failed since the last success, and when the last did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Setbacks {
    failures: i64,
    last: Option<Timestamp>,
}

impl Setbacks {
    /// With pods that have just ended.
    pub(super) fn with(mut self, job: &Value, tally: &Tally, pods: &[Object]) -> Self {
        let new = || pods.iter().filter(|pod| tally.is_new(job, pod));
        let success = new()
            .filter(|pod| member::succeeded(pod))
            .map(|pod| member::ended(pod))
            .max();
        if success.is_some() {
            self = Self::default();
        }
        for pod in new().filter(|pod| member::failed(job, pod) && !member::succeeded(pod)) {
            let ended = member::ended(pod);
            if success.is_none_or(|success| ended > success) {
                self.failures += 1;
                self.last = self.last.max(Some(ended));
            }
        }
        self
    }

    /// How long no pod is started yet.
    fn pause(&self, now: Timestamp) -> Option<Duration> {
        pause_after(self.failures, self.last?, now)
    }
}

fn pause_after(failures: i64, last: Timestamp, now: Timestamp) -> Option<Duration> {
    if failures == 0 {
        return None;
    }
    let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX).min(30);
    let pause = PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    let until = last.checked_add(SignedDuration::from_secs(pause)).ok()?;
    Duration::try_from(until.duration_since(now))
        .ok()
        .filter(|left| !left.is_zero())
}

pub(super) fn is_suspended(job: &Value) -> bool {
    job["spec"]["suspend"] == true
}

/// How the Job ends, judging by its pods, if it does; before any further pod is started.
pub(super) fn outcome(job: &Value, tally: &Tally, pods: &[Object], now: Timestamp) -> Option<Outcome> {
    if let Some(met) = tally.condition("SuccessCriteriaMet") {
        return Some(Outcome::of_condition(met, Ended::Well));
    }
    if let Some(target) = tally.condition("FailureTarget") {
        return Some(Outcome::of_condition(target, Ended::Badly));
    }
    let fatal = pods
        .iter()
        .filter(|pod| member::failed(job, pod))
        .find_map(|pod| match policy::of_failed(job, pod) {
            Failure::FailsJob(message) => Some(message),
            Failure::Counts | Failure::Ignored | Failure::FailsIndex => None,
        });
    if let Some(message) = fatal {
        return Some(Outcome::failed("PodFailurePolicy", message));
    }
    let limit = meta::number(&job["spec"]["backoffLimit"], 6);
    if tally.failures(job, pods) > limit || has_restarted_too_often(job, pods, limit) {
        return Some(Outcome::failed(
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        ));
    }
    if deadline(job, tally, now).is_some_and(|left| left.is_zero()) {
        return Some(Outcome::failed(
            "DeadlineExceeded",
            "Job was active longer than specified deadline",
        ));
    }
    if !is_indexed(job) {
        return None;
    }
    let completed = tally.completed_with(job, pods);
    let most = completions(job).unwrap_or_default();
    if let Some(failed) = tally.failed_indexes_with(job, pods) {
        if job["spec"]["maxFailedIndexes"]
            .as_i64()
            .is_some_and(|most| failed.len() > most)
        {
            return Some(Outcome::failed(
                "MaxFailedIndexesExceeded",
                "Job has exceeded the specified maximal number of failed indexes",
            ));
        }
        if failed.len() > 0 && failed.len() + completed.len() >= most {
            return Some(Outcome::failed("FailedIndexes", "Job has failed indexes"));
        }
    }
    policy::success_rule(job, &completed, most)
        .map(|rule| Outcome::complete("SuccessPolicy", format!("Matched rules at index {rule}")))
}

/// Whether the Job is complete when so many pods are left.
pub(super) fn completed(job: &Value, successes: i64, active: i64) -> Option<Outcome> {
    let enough = match completions(job) {
        None => successes > 0,
        Some(wanted) => successes >= wanted,
    };
    (enough && active == 0)
        .then(|| Outcome::complete("CompletionsReached", "Reached expected number of succeeded pods"))
}

fn has_restarted_too_often(job: &Value, pods: &[Object], limit: i64) -> bool {
    if job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let restarts: i64 = pods
        .iter()
        .filter(|pod| matches!(pod::phase(pod), "Running" | "Pending"))
        .flat_map(|pod| {
            ["initContainerStatuses", "containerStatuses"].map(|field| {
                meta::items(&pod["status"][field])
                    .iter()
                    .map(|status| meta::number(&status["restartCount"], 0))
                    .sum::<i64>()
            })
        })
        .sum();
    if limit == 0 {
        restarts > 0
    } else {
        restarts >= limit
    }
}

/// How long the Job may still run.
pub(super) fn deadline(job: &Value, tally: &Tally, now: Timestamp) -> Option<Duration> {
    if is_suspended(job) {
        return None;
    }
    let seconds = job["spec"]["activeDeadlineSeconds"].as_i64()?;
    let started: Timestamp = tally.started.as_deref()?.parse().ok()?;
    let due = started.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
}

/// What is done with pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moves {
    pub(super) delete: Vec<Object>,
    /// The indexes of pods to start; none in a Job without.
    pub(super) create: Vec<Option<i64>>,
    /// When to look again, since a pause isn't over.
    pub(super) pause: Option<Duration>,
}

/// Which pods are started and deleted.
pub(super) fn moves(
    job: &Value,
    tally: &Tally,
    pods: &[Object],
    setbacks: Setbacks,
    now: Timestamp,
) -> Moves {
    let active: Vec<Object> = pods.iter().filter(|pod| pod::active(pod)).cloned().collect();
    if is_suspended(job) {
        return Moves {
            delete: active,
            ..Moves::default()
        };
    }
    let parallelism = meta::number(&job["spec"]["parallelism"], 1);
    let successes = tally.successes(job, pods);
    let wanted = match completions(job) {
        None if successes > 0 => count(active.len()),
        None => parallelism,
        Some(completions) => (completions - successes).min(parallelism).max(0),
    };
    let surplus = usize::try_from(count(active.len()) - wanted).unwrap_or_default();
    let mut delete = to_delete(job, active.clone(), surplus, now);
    if !delete.is_empty() {
        delete.truncate(BURST);
        return Moves {
            delete,
            ..Moves::default()
        };
    }
    let leaving = if member::replaces_only_failed(job) {
        count(pods.iter().filter(|pod| member::terminating(pod)).count())
    } else {
        0
    };
    let missing = usize::try_from(wanted - leaving - count(active.len()))
        .unwrap_or_default()
        .min(BURST);
    if missing == 0 {
        return Moves::default();
    }
    if limit_by_index(job).is_none()
        && let Some(pause) = setbacks.pause(now)
    {
        return Moves {
            pause: Some(pause),
            ..Moves::default()
        };
    }
    if !is_indexed(job) {
        return Moves {
            create: vec![None; missing],
            ..Moves::default()
        };
    }
    let pending = pending_indexes(job, tally, pods, &active, missing);
    let mut moves = Moves::default();
    for index in pending {
        let pause = limit_by_index(job).and_then(|_| {
            let last = last_failed(job, tally, pods, index)?;
            let (failures, ignored) = member::failures_before(last);
            pause_after(failures + ignored + 1, member::ended(last), now)
        });
        match pause {
            None => moves.create.push(Some(index)),
            Some(pause) => moves.pause = Some(moves.pause.map_or(pause, |shortest| shortest.min(pause))),
        }
    }
    moves
}

/// The active pods to delete: those of an indexed Job that have no index of their own, and the least useful of the rest.
fn to_delete(job: &Value, active: Vec<Object>, surplus: usize, now: Timestamp) -> Vec<Object> {
    let mut delete = Vec::new();
    let mut rest = Vec::new();
    let ranked = ranking::first_to_go(active, now);
    if is_indexed(job) {
        let most = completions(job).unwrap_or_default();
        let mut taken = BTreeSet::new();
        // The most useful pod of an index stays.
        for pod in ranked.into_iter().rev() {
            match member::index(&pod) {
                Some(index) if index < most && taken.insert(index) => rest.push(pod),
                _ => delete.push(pod),
            }
        }
        rest.reverse();
    } else {
        rest = ranked;
    }
    let further = surplus.saturating_sub(delete.len());
    delete.extend(rest.into_iter().take(further));
    delete
}

fn pending_indexes(job: &Value, tally: &Tally, pods: &[Object], active: &[Object], most: usize) -> Vec<i64> {
    let completed = tally.completed_with(job, pods);
    let failed = tally.failed_indexes_with(job, pods).unwrap_or_default();
    let leaving = pods
        .iter()
        .filter(|pod| member::replaces_only_failed(job) && member::terminating(pod));
    let at_work: Indexes = active
        .iter()
        .chain(leaving)
        .filter_map(|pod| member::index(pod))
        .collect();
    (0..completions(job).unwrap_or_default())
        .filter(|index| !completed.contains(*index) && !failed.contains(*index) && !at_work.contains(*index))
        .take(most)
        .collect()
}

/// The pod that failed last at an index and is still held, because its successor needs to know how often that was.
fn last_failed<'a>(job: &Value, tally: &Tally, pods: &'a [Object], index: i64) -> Option<&'a Object> {
    pods.iter()
        .filter(|pod| member::failed(job, pod) && tally.is_new(job, pod) && member::index(pod) == Some(index))
        .max_by_key(|pod| {
            let (failures, ignored) = member::failures_before(pod);
            (failures + ignored, member::ended(pod))
        })
}

/// The failures that a pod at an index is told of: those of its predecessor and that one itself.
pub(super) fn failures_of_index(job: &Value, tally: &Tally, pods: &[Object], index: i64) -> (i64, i64) {
    last_failed(job, tally, pods, index).map_or((0, 0), |last| {
        let (failures, ignored) = member::failures_before(last);
        if policy::of_failed(job, last).counts() {
            (failures + 1, ignored)
        } else {
            (failures, ignored + 1)
        }
    })
}

/// The failed pods that must stay until a successor at their index knows of them.
pub(super) fn kept_for_successors(job: &Value, tally: &Tally, pods: &[Object]) -> BTreeSet<String> {
    if limit_by_index(job).is_none() {
        return BTreeSet::new();
    }
    let active: Indexes = pods
        .iter()
        .filter(|pod| pod::active(pod))
        .filter_map(|pod| member::index(pod))
        .collect();
    let completed = tally.completed_with(job, pods);
    let failed = tally.failed_indexes_with(job, pods).unwrap_or_default();
    let indexes: BTreeSet<i64> = pods
        .iter()
        .filter(|pod| member::failed(job, pod))
        .filter_map(|pod| member::index(pod))
        .collect();
    indexes
        .into_iter()
        .filter(|index| !active.contains(*index) && !completed.contains(*index) && !failed.contains(*index))
        .filter_map(|index| last_failed(job, tally, pods, index))
        .map(|pod| meta::uid(pod).to_owned())
        .collect()
}
