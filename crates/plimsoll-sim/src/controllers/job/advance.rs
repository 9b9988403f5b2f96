//! One step of a Job.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use plimsoll_apiserver::{DeleteOptions, Object, Propagation, Reason, Status, resources};
use serde_json::Value;

use super::{
    super::{
        facts::{
            meta::{self, Key},
            pod,
        },
        pods::{adoption, control::namespace_is_going},
        work::Next,
    },
    COMPONENT, Jobs, creation, member,
    plan::{self, Moves, Outcome, Setbacks},
    tally::{self, Ended, Tally, count},
};

impl Jobs {
    pub(super) async fn advance(&mut self, key: &Key) -> Result<Next, Status> {
        let Some(job) = self.api.get(&resources::JOBS, key.space(), &key.name) else {
            return Ok(Next::Done);
        };
        if job["spec"]["managedBy"]
            .as_str()
            .is_some_and(|manager| manager != "kubernetes.io/job-controller")
        {
            return Ok(Next::Done);
        }
        if tally::is_finished(&job) {
            self.setbacks.remove(meta::uid(&job));
            return self.expire(key, &job).await;
        }
        let pods =
            adoption::claim_pods(&self.api, &job, &mut self.candidates, Some(member::FINALIZER)).await?;
        let now = self.api.clock().now();
        let mut tally = Tally::of(&job);
        tally.active = count(pods.iter().filter(|pod| pod::active(pod)).count());
        tally.ready = count(
            pods.iter()
                .filter(|pod| pod::active(pod) && pod::ready(pod))
                .count(),
        );
        tally.terminating = count(pods.iter().filter(|pod| member::terminating(pod)).count());
        if tally.started.is_none() && !plan::is_suspended(&job) {
            tally.started = Some(meta::stamp(now));
        }
        let setbacks = self
            .setbacks
            .get(meta::uid(&job))
            .copied()
            .unwrap_or_default()
            .with(&job, &tally, &pods);

        let failed_indexes = tally.failed_indexes_with(&job, &pods);
        let mut outcome = plan::outcome(&job, &tally, &pods, now);
        let mut again = plan::deadline(&job, &tally, now).filter(|left| !left.is_zero());
        let mut done = Ok(());
        if outcome.is_some() {
            done = self.stop(&job, &pods, &mut tally).await;
            if done.is_err() {
                outcome = None;
            }
        } else {
            if !meta::deleting(&job) {
                let moves = plan::moves(&job, &tally, &pods, setbacks, now);
                again = [again, moves.pause].into_iter().flatten().min();
                done = self.carry_out(&job, &pods, &moves, &mut tally).await;
            }
            outcome = plan::completed(&job, tally.successes(&job, &pods), tally.active);
            if outcome.is_none() && !meta::deleting(&job) {
                self.tell_of_suspension(&job, &mut tally, now).await;
            }
        }
        if failed_indexes.is_some() {
            tally.failed_indexes = failed_indexes;
        }
        self.count(key, &job, &pods, tally, outcome, setbacks).await?;
        done?;
        Ok(again.into())
    }

    /// Deletes the pods that still run, since the Job is over. They stay until they are counted.
    async fn stop(&self, job: &Object, pods: &[Object], tally: &mut Tally) -> Result<(), Status> {
        for pod in pods.iter().filter(|pod| pod::active(pod)) {
            self.delete(job, pod, tally).await?;
        }
        Ok(())
    }

    /// Starts and deletes pods. Those deleted here aren't counted: they did nothing wrong.
    async fn carry_out(
        &self,
        job: &Object,
        pods: &[Object],
        moves: &Moves,
        tally: &mut Tally,
    ) -> Result<(), Status> {
        for pod in &moves.delete {
            self.release(pod).await?;
            self.delete(job, pod, tally).await?;
        }
        let new: Vec<Value> = moves
            .create
            .iter()
            .map(|index| creation::pod(job, tally, pods, *index))
            .collect();
        let (created, outcome) = self.pods.create_gently(job, new).await;
        tally.active += count(created);
        match outcome {
            Err(refusal) if namespace_is_going(&refusal) => Ok(()),
            outcome => outcome,
        }
    }

    async fn delete(&self, job: &Object, pod: &Object, tally: &mut Tally) -> Result<(), Status> {
        self.pods.delete(job, pod).await?;
        tally.active -= 1;
        tally.terminating += 1;
        if pod::ready(pod) {
            tally.ready -= 1;
        }
        Ok(())
    }

    async fn tell_of_suspension(&self, job: &Object, tally: &mut Tally, now: Timestamp) {
        let stamp = meta::stamp(now);
        if plan::is_suspended(job) {
            if tally.set("Suspended", true, "JobSuspended", "Job suspended", &stamp) {
                self.api
                    .event(job, COMPONENT, "Normal", "Suspended", "Job suspended")
                    .await;
                if self.api.minor() >= 36 {
                    tally.started = None;
                }
            }
        } else if tally.set("Suspended", false, "JobResumed", "Job resumed", &stamp) {
            self.api
                .event(job, COMPONENT, "Normal", "Resumed", "Job resumed")
                .await;
            tally.started = Some(stamp);
        }
    }

    /// Counts pods that are over, lets them go, and ends the Job if that is due.
    async fn count(
        &mut self,
        key: &Key,
        job: &Object,
        pods: &[Object],
        mut tally: Tally,
        outcome: Option<Outcome>,
        setbacks: Setbacks,
    ) -> Result<(), Status> {
        let stamp = meta::stamp(self.api.clock().now());
        let mut held: BTreeSet<String> = pods
            .iter()
            .filter(|pod| member::tracked(pod))
            .map(|pod| meta::uid(pod).to_owned())
            .collect();
        let kept = plan::kept_for_successors(job, &tally, pods);
        tally.settle(&held);
        let ended = outcome.as_ref().map(|outcome| outcome.ended);
        let to_go: Vec<Object> = tally.note(job, pods, ended, &kept).into_iter().cloned().collect();
        if let Some(outcome) = &outcome {
            tally.set(
                outcome.announced_as(),
                true,
                &outcome.reason,
                &outcome.message,
                &stamp,
            );
        }
        let written = self.write(key, job, &job["status"], &tally).await?;
        self.setbacks.insert(meta::uid(job).to_owned(), setbacks);

        let mut failure = None;
        for pod in &to_go {
            match self.release(pod).await {
                Ok(()) => {
                    held.remove(meta::uid(pod));
                }
                Err(refusal) => failure = Some(refusal),
            }
        }
        tally.settle(&held);
        let mut ended_as = None;
        if let Some(outcome) =
            outcome.filter(|_| tally.is_settled() && held.is_empty() && tally.terminating == 0)
        {
            tally.set(
                outcome.final_as(),
                true,
                &outcome.reason,
                &outcome.message,
                &stamp,
            );
            if outcome.ended == Ended::Well {
                tally.ended = Some(stamp);
            }
            ended_as = Some(outcome);
        }
        self.write(key, job, &written, &tally).await?;
        if let Some(outcome) = ended_as {
            self.tell_of_end(job, &tally, &outcome).await;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Writes the status where it differs from what it was, and says what it is.
    async fn write(&self, key: &Key, job: &Object, before: &Value, tally: &Tally) -> Result<Value, Status> {
        let status = tally.to_json();
        if status == *before {
            return Ok(status);
        }
        let Some(latest) = self.api.get(&resources::JOBS, key.space(), &key.name) else {
            return Ok(status);
        };
        if meta::uid(&latest) != meta::uid(job) {
            return Ok(status);
        }
        let mut next = (*latest).clone();
        next["status"] = status.clone();
        match self.api.update_status(next).await {
            Err(refusal) if refusal.reason != Reason::NotFound => Err(refusal),
            Ok(_) | Err(_) => Ok(status),
        }
    }

    async fn tell_of_end(&self, job: &Object, tally: &Tally, outcome: &Outcome) {
        match outcome.ended {
            Ended::Well => {
                if tally::completions(job).is_some_and(|wanted| tally.succeeded > wanted) {
                    let message = "Too many succeeded pods running after completion count reached";
                    self.api
                        .event(job, COMPONENT, "Warning", "TooManySucceededPods", message)
                        .await;
                }
                self.api
                    .event(job, COMPONENT, "Normal", "Completed", "Job completed")
                    .await;
            }
            Ended::Badly => {
                self.api
                    .event(job, COMPONENT, "Warning", &outcome.reason, &outcome.message)
                    .await;
            }
        }
    }

    /// Deletes a Job that is over for as long as it says.
    async fn expire(&self, key: &Key, job: &Object) -> Result<Next, Status> {
        let Some(seconds) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else {
            return Ok(Next::Done);
        };
        if meta::deleting(job) {
            return Ok(Next::Done);
        }
        let ended = meta::items(&job["status"]["conditions"])
            .iter()
            .filter(|condition| condition["type"] == "Complete" || condition["type"] == "Failed")
            .find_map(|condition| meta::time(&condition["lastTransitionTime"]));
        let due = ended.and_then(|ended| ended.checked_add(SignedDuration::from_secs(seconds)).ok());
        let left = due.and_then(|due| Duration::try_from(due.duration_since(self.api.clock().now())).ok());
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return Ok(Next::Again(left));
        }
        let options = DeleteOptions {
            uid: Some(meta::uid(job).to_owned()),
            propagation: Some(Propagation::Foreground),
            ..DeleteOptions::default()
        };
        match self
            .api
            .delete(&resources::JOBS, key.space(), &key.name, options)
            .await
        {
            Err(refusal) if refusal.reason != Reason::NotFound => Err(refusal),
            Ok(()) | Err(_) => Ok(Next::Done),
        }
    }
}
