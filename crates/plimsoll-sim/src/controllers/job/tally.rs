//! What a Job has counted: its status, read and written.
//!
//! A pod that is over is counted exactly once, even where a write fails in between: first its uid is noted in the status,
//! then its finalizer goes, and only then does the note become a number. Of an indexed Job the set of completed indexes
//! is the count of successes itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::facts::{condition, meta},
    indexes::Indexes,
    member,
    policy::{self, Failure},
};

/// How many pods one look counts at most, so that the notes stay short.
const MOST_NOTES: usize = 500;

/// A Job's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) active: i64,
    pub(super) ready: i64,
    pub(super) terminating: i64,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    pub(super) noted_succeeded: Vec<String>,
    pub(super) noted_failed: Vec<String>,
    /// The completed indexes of an indexed Job.
    pub(super) completed: Option<Indexes>,
    /// The failed indexes of a Job that counts failures by index.
    pub(super) failed_indexes: Option<Indexes>,
    pub(super) started: Option<String>,
    pub(super) ended: Option<String>,
    pub(super) conditions: Vec<Value>,
}

/// How many completions a Job wants.
pub(super) fn completions(job: &Value) -> Option<i64> {
    job["spec"]["completions"].as_i64()
}

pub(super) fn is_indexed(job: &Value) -> bool {
    job["spec"]["completionMode"] == "Indexed"
}

/// How many failures of one index a Job allows, if it counts by index.
pub(super) fn limit_by_index(job: &Value) -> Option<i64> {
    job["spec"]["backoffLimitPerIndex"].as_i64()
}

impl Tally {
    pub(super) fn of(job: &Value) -> Self {
        let status = &job["status"];
        let number = |field: &str| meta::number(&status[field], 0);
        let uids = |field: &str| {
            meta::items(&status["uncountedTerminatedPods"][field])
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let indexes = |field: &str| {
            Indexes::parse(
                status[field].as_str().unwrap_or_default(),
                completions(job).unwrap_or_default(),
            )
        };
        Self {
            active: number("active"),
            ready: number("ready"),
            terminating: number("terminating"),
            succeeded: number("succeeded"),
            failed: number("failed"),
            noted_succeeded: uids("succeeded"),
            noted_failed: uids("failed"),
            completed: is_indexed(job).then(|| indexes("completedIndexes")),
            failed_indexes: limit_by_index(job).map(|_| indexes("failedIndexes")),
            started: status["startTime"].as_str().map(str::to_owned),
            ended: status["completionTime"].as_str().map(str::to_owned),
            conditions: meta::items(&status["conditions"]).to_vec(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut notes = json!({});
        for (field, uids) in [
            ("succeeded", &self.noted_succeeded),
            ("failed", &self.noted_failed),
        ] {
            if !uids.is_empty() {
                notes[field] = json!(uids);
            }
        }
        let mut status = meta::status([
            ("active", json!(self.active)),
            ("succeeded", json!(self.succeeded)),
            ("failed", json!(self.failed)),
            (
                "completedIndexes",
                json!(self.completed.as_ref().map(Indexes::to_string)),
            ),
            ("startTime", json!(self.started)),
            ("completionTime", json!(self.ended)),
            ("conditions", json!(self.conditions)),
        ]);
        if let Some(failed) = &self.failed_indexes {
            status["failedIndexes"] = json!(failed.to_string());
        }
        status["ready"] = json!(self.ready);
        status["terminating"] = json!(self.terminating);
        status["uncountedTerminatedPods"] = notes;
        status
    }

    pub(super) fn condition(&self, kind: &str) -> Option<&Value> {
        self.conditions
            .iter()
            .find(|own| own["type"] == kind && own["status"] == "True")
    }

    pub(super) fn set(
        &mut self,
        kind: &'static str,
        status: bool,
        reason: &str,
        message: &str,
        now: &str,
    ) -> bool {
        let status = if status { "True" } else { "False" };
        let next = json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastProbeTime": now, "lastTransitionTime": now,
        });
        match self.conditions.iter_mut().find(|own| own["type"] == kind) {
            Some(own) if own["status"] == status && own["reason"] == reason && own["message"] == message => {
                false
            }
            Some(own) => {
                *own = next;
                true
            }
            // A condition that never held is not worth a word.
            None if status == "False" => false,
            None => {
                self.conditions.push(next);
                true
            }
        }
    }

    /// Whether a pod that is over has not been counted yet.
    pub(super) fn is_new(&self, job: &Value, pod: &Value) -> bool {
        let uid = meta::uid(pod);
        member::tracked(pod)
            && !self
                .noted_succeeded
                .iter()
                .chain(&self.noted_failed)
                .any(|noted| noted == uid)
            && (!is_indexed(job)
                || member::index(pod).is_some_and(|index| index < completions(job).unwrap_or_default()))
    }

    /// Successes: those counted, those noted, and those that are new.
    pub(super) fn successes(&self, job: &Value, pods: &[impl AsRef<Value>]) -> i64 {
        if is_indexed(job) {
            return self.completed_with(job, pods).len();
        }
        let new = pods
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod| member::succeeded(pod) && self.is_new(job, pod))
            .count();
        self.succeeded + count(self.noted_succeeded.len()) + count(new)
    }

    /// Failures: those counted, those noted, and those that are new and count.
    pub(super) fn failures(&self, job: &Value, pods: &[impl AsRef<Value>]) -> i64 {
        let new = pods
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod| {
                member::failed(job, pod) && self.is_new(job, pod) && policy::of_failed(job, pod).counts()
            })
            .count();
        self.failed + count(self.noted_failed.len()) + count(new)
    }

    /// The completed indexes, with those of pods that have just succeeded.
    pub(super) fn completed_with(&self, job: &Value, pods: &[impl AsRef<Value>]) -> Indexes {
        let mut completed = self.completed.clone().unwrap_or_default();
        let most = completions(job).unwrap_or_default();
        for pod in pods.iter().map(AsRef::as_ref) {
            if member::succeeded(pod)
                && member::tracked(pod)
                && let Some(index) = member::index(pod).filter(|index| *index < most)
            {
                completed.insert(index);
            }
        }
        completed
    }

    /// The failed indexes, with those of pods that have just failed once too often.
    pub(super) fn failed_indexes_with(&self, job: &Value, pods: &[impl AsRef<Value>]) -> Option<Indexes> {
        let limit = limit_by_index(job)?;
        let mut failed = self.failed_indexes.clone().unwrap_or_default();
        let most = completions(job).unwrap_or_default();
        for pod in pods.iter().map(AsRef::as_ref) {
            if !member::failed(job, pod) || !member::tracked(pod) {
                continue;
            }
            let Some(index) = member::index(pod).filter(|index| *index < most) else {
                continue;
            };
            let fails = match policy::of_failed(job, pod) {
                Failure::FailsIndex => true,
                failure => failure.counts() && member::failures_before(pod).0 >= limit,
            };
            if fails {
                failed.insert(index);
            }
        }
        Some(failed)
    }

    /// Notes pods that are over, and says which of them may now go. `ended` is whether the Job itself is over, and then
    /// whether well: whatever still runs has failed with it.
    pub(super) fn note<'a, P: AsRef<Value>>(
        &mut self,
        job: &Value,
        pods: &'a [P],
        ended: Option<Ended>,
        kept: &BTreeSet<String>,
    ) -> Vec<&'a P> {
        let mut to_go = Vec::new();
        let mut sorted: Vec<&P> = pods.iter().collect();
        if is_indexed(job) {
            sorted.sort_by_key(|pod| member::index(pod.as_ref()));
        }
        let mut new_successes = 0;
        for pod in sorted {
            let value = pod.as_ref();
            if !member::tracked(value) {
                continue;
            }
            let (succeeded, failed) = (member::succeeded(value), member::failed(job, value));
            let may_go = meta::deleting(job)
                || ended.is_some()
                || succeeded
                || (failed && !kept.contains(meta::uid(value)));
            if !may_go {
                continue;
            }
            to_go.push(pod);
            let is_new = self.is_new(job, value);
            if succeeded {
                if is_indexed(job) {
                    let most = completions(job).unwrap_or_default();
                    if let Some(index) = member::index(value).filter(|index| *index < most)
                        && self.completed.get_or_insert_default().insert(index)
                    {
                        new_successes += 1;
                    }
                } else if is_new {
                    self.noted_succeeded.push(meta::uid(value).to_owned());
                }
            } else if (failed || ended == Some(Ended::Badly))
                && is_new
                && (!failed || policy::of_failed(job, value).counts())
            {
                self.noted_failed.push(meta::uid(value).to_owned());
            }
            if new_successes + self.noted_succeeded.len() + self.noted_failed.len() >= MOST_NOTES {
                break;
            }
        }
        if let Some(completed) = &self.completed {
            self.succeeded = completed.len();
        }
        to_go
    }

    /// Turns the notes of pods that are no longer held into numbers, and says whether there were any.
    pub(super) fn settle(&mut self, held: &BTreeSet<String>) -> bool {
        let (before_succeeded, before_failed) = (self.noted_succeeded.len(), self.noted_failed.len());
        self.noted_succeeded.retain(|uid| held.contains(uid));
        self.noted_failed.retain(|uid| held.contains(uid));
        let settled = |before: usize, after: usize| count(before - after);
        let (succeeded, failed) = (
            settled(before_succeeded, self.noted_succeeded.len()),
            settled(before_failed, self.noted_failed.len()),
        );
        self.succeeded += succeeded;
        self.failed += failed;
        succeeded + failed > 0
    }

    /// Whether all that is over has been counted.
    pub(super) fn is_settled(&self) -> bool {
        self.noted_succeeded.is_empty() && self.noted_failed.is_empty()
    }
}

/// How a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Complete.
    Well,
    /// Failed.
    Badly,
}

/// A number of things.
pub(super) fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

/// Whether a Job is over.
pub(super) fn is_finished(job: &Value) -> bool {
    condition::is_true(&job["status"]["conditions"], "Complete")
        || condition::is_true(&job["status"]["conditions"], "Failed")
}
