//! Starts Jobs by the clock.
//!
//! [`schedule`] reads five fields and finds the next time; the loop is here.

mod schedule;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Propagation, Reason, Status, resources};
use serde_json::{Value, json};

use self::schedule::Schedule;
use super::{
    facts::{
        condition,
        meta::{self, Key},
    },
    pods::{adoption, control::namespace_is_going},
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "cronjob-controller";
const TIMESTAMP: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// How many times may be missed before somebody is told.
const MANY: usize = 100;

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, CronJobs { api: api.clone() }).await;
}

struct CronJobs {
    api: Direct,
}

impl Reconcile for CronJobs {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::CRON_JOBS, resources::JOBS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        if *change.of() == resources::JOBS {
            if let Some(name) = meta::controller_named(object, "batch", "CronJob") {
                look_at(Key::new(meta::namespace(object), name));
            }
        } else if !matches!(change, Change::Deleted(..)) {
            look_at(Key::of(object));
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(cron) = self.api.get(&resources::CRON_JOBS, key.space(), &key.name) else {
            return Next::Done;
        };
        match self.look(key, &cron).await {
            Ok(next) => next,
            Err(refusal) if namespace_is_going(&refusal) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

/// How a Job ended.
fn ended(job: &Value) -> Option<&'static str> {
    let conditions = &job["status"]["conditions"];
    ["Complete", "Failed"]
        .into_iter()
        .find(|kind| condition::is_true(conditions, kind))
}

fn reference(job: &Value) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "name": meta::name(job), "namespace": meta::namespace(job),
        "uid": meta::uid(job), "resourceVersion": meta::text(job, "resourceVersion")})
}

impl CronJobs {
    async fn look(&self, key: &Key, cron: &Object) -> Result<Next, Status> {
        let jobs = adoption::controlled(&self.api, cron, &resources::JOBS);
        let mut status = cron["status"].clone();
        if !status.is_object() {
            status = json!({});
        }
        let mut active: Vec<Value> = meta::items(&status["active"]).to_vec();
        self.follow(cron, &jobs, &mut active, &mut status).await;
        self.forget_old(cron, &jobs, &mut active).await?;
        let next = if meta::deleting(cron) || cron["spec"]["suspend"] == true {
            Ok(Next::Done)
        } else {
            self.start(cron, &mut active, &mut status).await
        };
        if let Some(status) = status.as_object_mut() {
            meta::set_or_leave_out(status, "active", Value::Array(active));
        }
        if status != cron["status"] && !(status == json!({}) && cron["status"].is_null()) {
            status_of(&self.api, &resources::CRON_JOBS, key, |own| {
                if meta::uid(own) == meta::uid(cron) {
                    own["status"] = status.clone();
                }
            })
            .await?;
        }
        next
    }

    /// Takes Jobs that are over, or gone, out of the list of those at work.
    async fn follow(&self, cron: &Object, jobs: &[Object], active: &mut Vec<Value>, status: &mut Value) {
        for job in jobs {
            let listed = active.iter().position(|own| own["uid"] == meta::uid(job));
            match (ended(job), listed) {
                (Some(how), Some(at)) => {
                    active.remove(at);
                    let message = format!("Saw completed job: {}, condition: {how}", meta::name(job));
                    self.api
                        .event(cron, COMPONENT, "Normal", "SawCompletedJob", &message)
                        .await;
                    if how == "Complete" {
                        let done = meta::time(&job["status"]["completionTime"]);
                        let known = meta::time(&status["lastSuccessfulTime"]);
                        if done > known {
                            status["lastSuccessfulTime"] = job["status"]["completionTime"].clone();
                        }
                    }
                }
                (None, None) if !meta::deleting(job) => {
                    let message = format!(
                        "Saw a job that the controller did not create or forgot: {}",
                        meta::name(job)
                    );
                    self.api
                        .event(cron, COMPONENT, "Warning", "UnexpectedJob", &message)
                        .await;
                }
                (Some(_) | None, _) => {}
            }
        }
        let mut missing = Vec::new();
        active.retain(|own| {
            let there = jobs.iter().any(|job| own["uid"] == meta::uid(job));
            if !there {
                missing.push(own["name"].as_str().unwrap_or_default().to_owned());
            }
            there
        });
        for name in missing {
            let message = format!("Active job went missing: {name}");
            self.api
                .event(cron, COMPONENT, "Normal", "MissingJob", &message)
                .await;
        }
    }

    async fn forget_old(
        &self,
        cron: &Object,
        jobs: &[Object],
        active: &mut Vec<Value>,
    ) -> Result<(), Status> {
        for (how, field, default) in [
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ] {
            let kept = usize::try_from(meta::number(&cron["spec"][field], default)).unwrap_or_default();
            let mut over: Vec<&Object> = jobs.iter().filter(|job| ended(job) == Some(how)).collect();
            over.sort_by_key(|job| {
                (
                    meta::time(&job["status"]["startTime"]),
                    meta::name(job).to_owned(),
                )
            });
            let surplus = over.len().saturating_sub(kept);
            for job in over.into_iter().take(surplus) {
                self.delete(cron, job, active).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, cron: &Object, job: &Object, active: &mut Vec<Value>) -> Result<(), Status> {
        let options = DeleteOptions {
            propagation: Some(Propagation::Background),
            ..DeleteOptions::default()
        };
        match self
            .api
            .delete(
                &resources::JOBS,
                Some(meta::namespace(job)),
                meta::name(job),
                options,
            )
            .await
        {
            Err(refusal) if refusal.reason != Reason::NotFound => {
                let message = format!("Deleted job: {refusal}");
                self.api
                    .event(cron, COMPONENT, "Warning", "FailedDelete", &message)
                    .await;
                return Err(refusal);
            }
            Ok(()) | Err(_) => {}
        }
        active.retain(|own| own["uid"] != meta::uid(job));
        let message = format!("Deleted job {}", meta::name(job));
        self.api
            .event(cron, COMPONENT, "Normal", "SuccessfulDelete", &message)
            .await;
        Ok(())
    }

    async fn warn(&self, cron: &Object, reason: &str, message: &str) {
        self.api.event(cron, COMPONENT, "Warning", reason, message).await;
    }

    /// Starts a Job if its time has come, and says when the next one's will.
    async fn start(
        &self,
        cron: &Object,
        active: &mut Vec<Value>,
        status: &mut Value,
    ) -> Result<Next, Status> {
        let zone = match cron["spec"]["timeZone"].as_str() {
            None => TimeZone::UTC,
            Some(name) => match TimeZone::get(name) {
                Ok(zone) => zone,
                Err(why) => {
                    self.warn(
                        cron,
                        "UnknownTimeZone",
                        &format!("invalid timeZone: {name:?}: {why}"),
                    )
                    .await;
                    return Ok(Next::Done);
                }
            },
        };
        let text = cron["spec"]["schedule"].as_str().unwrap_or_default();
        let schedule = match Schedule::parse(text) {
            Ok(schedule) => schedule,
            Err(why) => {
                let message = format!("unparseable schedule: {text:?} : {why}");
                self.warn(cron, "UnparseableSchedule", &message).await;
                return Ok(Next::Done);
            }
        };
        let now = self.api.clock().now();
        let again = |schedule: &Schedule| {
            let next = schedule.next(now, &zone);
            Next::from(next.and_then(|next| Duration::try_from(next.duration_since(now)).ok()))
        };
        let last = meta::time(&status["lastScheduleTime"]).unwrap_or_else(|| meta::created(cron));
        let deadline = cron["spec"]["startingDeadlineSeconds"].as_i64();
        let earliest = deadline
            .and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok())
            .map_or(last, |bound| bound.max(last));
        let (latest, missed) = schedule.latest(earliest, now, &zone);
        if missed > MANY {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.warn(cron, "TooManyMissedTimes", message).await;
        }
        let Some(time) = latest else {
            return Ok(again(&schedule));
        };
        let name = format!("{}-{}", meta::name(cron), time.as_second() / 60);
        if active.iter().any(|own| own["name"] == name.as_str())
            || meta::time(&status["lastScheduleTime"]) == Some(time)
        {
            return Ok(again(&schedule));
        }
        match cron["spec"]["concurrencyPolicy"].as_str() {
            Some("Forbid") if !active.is_empty() => {
                let message =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.api
                    .event(cron, COMPONENT, "Normal", "JobAlreadyActive", message)
                    .await;
                return Ok(again(&schedule));
            }
            Some("Replace") => {
                for own in active.clone() {
                    let job = own["name"].as_str().unwrap_or_default();
                    if let Some(job) = self.api.get(&resources::JOBS, Some(meta::namespace(cron)), job) {
                        self.delete(cron, &job, active).await?;
                    }
                }
            }
            Some(_) | None => {}
        }
        match self.api.create(job(cron, &name, time, &zone)).await {
            Ok(made) => {
                let message = format!("Created job {name}");
                self.api
                    .event(cron, COMPONENT, "Normal", "SuccessfulCreate", &message)
                    .await;
                active.push(reference(&made));
                status["lastScheduleTime"] = json!(meta::stamp(time));
            }
            Err(refusal) if refusal.reason == Reason::AlreadyExists => {}
            Err(refusal) if namespace_is_going(&refusal) => return Err(refusal),
            Err(refusal) => {
                self.warn(cron, "FailedCreate", &format!("Error creating job: {refusal}"))
                    .await;
                return Err(refusal);
            }
        }
        Ok(again(&schedule))
    }
}

/// The Job of a time.
fn job(cron: &Value, name: &str, time: Timestamp, zone: &TimeZone) -> Value {
    let template = &cron["spec"]["jobTemplate"];
    let mut metadata = json!({
        "name": name, "namespace": meta::namespace(cron), "ownerReferences": [meta::controlled_by(cron)],
        "annotations": template["metadata"]["annotations"],
    });
    if !metadata["annotations"].is_object() {
        metadata["annotations"] = json!({});
    }
    let local = time.to_zoned(zone.clone());
    let at = if *zone == TimeZone::UTC {
        meta::stamp(time)
    } else {
        local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    metadata["annotations"][TIMESTAMP] = json!(at);
    if template["metadata"]["labels"].is_object() {
        metadata["labels"] = template["metadata"]["labels"].clone();
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]})
}
