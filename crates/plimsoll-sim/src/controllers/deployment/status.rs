//! What a Deployment tells of its rollout.

use std::time::Duration;

use jiff::Timestamp;
use plimsoll_apiserver::{Direct, Object, Status, resources};
use serde_json::{Value, json};

use super::{
    super::{
        facts::{
            condition::{self, Condition},
            meta::{self, Key, stamp},
        },
        status_of,
    },
    sizes::Limits,
};

/// What is told about.
pub(super) struct Told<'a> {
    pub(super) deployment: &'a Value,
    pub(super) sets: &'a [Object],
    pub(super) new: Option<&'a Value>,
    pub(super) with_terminating: bool,
}

/// Puts a condition into a Deployment's list: one whose status and reason are there already stays as it is.
fn put(conditions: &mut Vec<Value>, condition: &Condition, now: Timestamp) {
    let own = conditions.iter().find(|own| own["type"] == condition.kind);
    let same_status = own.filter(|own| own["status"] == condition.status);
    if same_status.is_some_and(|own| own["reason"] == condition.reason.as_str()) {
        return;
    }
    let since = same_status.map(|own| own["lastTransitionTime"].clone());
    renew(conditions, condition, since, now);
}

/// Puts a condition at the end of the list, whatever is there.
fn renew(conditions: &mut Vec<Value>, condition: &Condition, since: Option<Value>, now: Timestamp) {
    let mut next = condition.to_json(now);
    next["lastUpdateTime"] = json!(stamp(now));
    if let Some(since) = since {
        next["lastTransitionTime"] = since;
    }
    condition::remove(conditions, condition.kind);
    conditions.push(next);
}

/// The deadline for progress, if there is one.
fn deadline(deployment: &Value) -> Option<Duration> {
    let seconds = deployment["spec"]["progressDeadlineSeconds"].as_u64()?;
    (seconds != i32::MAX as u64).then(|| Duration::from_secs(seconds))
}

/// Whether all pods are of the present template and available.
pub(super) fn is_complete(deployment: &Value, status: &Value) -> bool {
    let replicas = meta::number(&deployment["spec"]["replicas"], 1);
    ["updatedReplicas", "replicas", "availableReplicas"]
        .iter()
        .all(|field| meta::number(&status[*field], 0) == replicas)
        && meta::number(&status["observedGeneration"], 0) >= meta::generation(deployment)
}

fn has_progressed(before: &Value, after: &Value) -> bool {
    let number = |status: &Value, field: &str| meta::number(&status[field], 0);
    let old = |status: &Value| number(status, "replicas") - number(status, "updatedReplicas");
    number(after, "updatedReplicas") > number(before, "updatedReplicas")
        || old(after) < old(before)
        || number(after, "readyReplicas") > number(before, "readyReplicas")
        || number(after, "availableReplicas") > number(before, "availableReplicas")
}

/// The status, and when to look again whether a deadline has passed. `progress` is the name of the set that a rollout
/// is towards, if one is under way.
pub(super) fn of(told: &Told<'_>, progress: Option<&str>, now: Timestamp) -> (Value, Option<Duration>) {
    let Told {
        deployment,
        sets,
        new,
        ..
    } = told;
    let limits = Limits::of(deployment);
    let sum = |field: &str| {
        sets.iter()
            .map(|set| meta::number(&set["status"][field], 0))
            .sum::<i64>()
    };
    let wanted: i64 = sets
        .iter()
        .map(|set| meta::number(&set["spec"]["replicas"], 0))
        .sum();
    let available = sum("availableReplicas");
    let mut conditions = meta::items(&deployment["status"]["conditions"]).to_vec();
    let availability = if available >= limits.replicas - limits.unavailable {
        Condition::new(
            "Available",
            true,
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        Condition::new(
            "Available",
            false,
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    put(&mut conditions, &availability, now);
    let mut status = meta::status([
        ("replicas", json!(sum("replicas"))),
        (
            "updatedReplicas",
            new.map_or(Value::Null, |new| new["status"]["replicas"].clone()),
        ),
        ("readyReplicas", json!(sum("readyReplicas"))),
        ("availableReplicas", json!(available)),
        ("unavailableReplicas", json!((wanted - available).max(0))),
        ("observedGeneration", deployment["metadata"]["generation"].clone()),
        ("collisionCount", deployment["status"]["collisionCount"].clone()),
    ]);
    if status["replicas"] == 0
        && let Some(map) = status.as_object_mut()
    {
        map.remove("replicas");
    }
    if told.with_terminating {
        status["terminatingReplicas"] = json!(sum("terminatingReplicas"));
    }
    let check_in = progress.and_then(|set| judge(deployment, &status, set, &mut conditions, now));
    let failure = (*new)
        .into_iter()
        .chain(sets.iter().map(|set| &**set))
        .find_map(|set| condition::find(&set["status"]["conditions"], "ReplicaFailure"));
    match failure {
        Some(failure) => {
            let text = |field: &str| failure[field].as_str().unwrap_or_default();
            put(
                &mut conditions,
                &Condition::new(
                    "ReplicaFailure",
                    failure["status"] == "True",
                    text("reason"),
                    text("message"),
                ),
                now,
            );
        }
        None => condition::remove(&mut conditions, "ReplicaFailure"),
    }
    status["conditions"] = Value::Array(conditions);
    (status, check_in)
}

/// How the rollout towards a set gets on.
fn judge(
    deployment: &Value,
    status: &Value,
    set: &str,
    conditions: &mut Vec<Value>,
    now: Timestamp,
) -> Option<Duration> {
    let Some(deadline) = deadline(deployment) else {
        condition::remove(conditions, "Progressing");
        return None;
    };
    let current = conditions
        .iter()
        .find(|condition| condition["type"] == "Progressing")
        .cloned();
    let reason = current
        .as_ref()
        .and_then(|current| current["reason"].as_str())
        .unwrap_or_default();
    let number = |field: &str| meta::number(&status[field], 0);
    if number("replicas") == number("updatedReplicas") && reason == "NewReplicaSetAvailable" {
        return None;
    }
    let subject = if set.is_empty() {
        format!("Deployment {:?}", meta::name(deployment))
    } else {
        format!("ReplicaSet {set:?}")
    };
    let updated = current
        .as_ref()
        .and_then(|current| meta::time(&current["lastUpdateTime"]));
    let due = updated.and_then(|updated| updated.checked_add(deadline).ok());
    if is_complete(deployment, status) {
        let message = format!("{subject} has successfully progressed.");
        put(
            conditions,
            &Condition::new("Progressing", true, "NewReplicaSetAvailable", message),
            now,
        );
        return None;
    }
    if has_progressed(&deployment["status"], status) {
        let since = current
            .filter(|current| current["status"] == "True")
            .map(|current| current["lastTransitionTime"].clone());
        let message = format!("{subject} is progressing.");
        renew(
            conditions,
            &Condition::new("Progressing", true, "ReplicaSetUpdated", message),
            since,
            now,
        );
        return Some(deadline + Duration::from_secs(1));
    }
    if reason == "ProgressDeadlineExceeded" {
        return None;
    }
    let due = due?;
    if due < now {
        let message = format!("{subject} has timed out progressing.");
        put(
            conditions,
            &Condition::new("Progressing", false, "ProgressDeadlineExceeded", message),
            now,
        );
        return None;
    }
    let left = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    Some(left + Duration::from_secs(1))
}

async fn set(api: &Direct, key: &Key, deployment: &Object, condition: Condition) -> Result<(), Status> {
    if deadline(deployment).is_none() {
        return Ok(());
    }
    let now = api.clock().now();
    status_of(api, &resources::DEPLOYMENTS, key, |own| {
        let mut conditions = meta::items(&own["status"]["conditions"]).to_vec();
        put(&mut conditions, &condition, now);
        own["status"]["conditions"] = Value::Array(conditions);
    })
    .await?;
    Ok(())
}

/// Tells that a set was made for the present template.
pub(super) async fn created(
    api: &Direct,
    key: &Key,
    deployment: &Object,
    set_name: &str,
) -> Result<(), Status> {
    let message = format!("Created new replica set {set_name:?}");
    set(
        api,
        key,
        deployment,
        Condition::new("Progressing", true, "NewReplicaSetCreated", message),
    )
    .await
}

/// Tells that no set could be made.
pub(super) async fn not_created(
    api: &Direct,
    key: &Key,
    deployment: &Object,
    why: &str,
) -> Result<(), Status> {
    set(
        api,
        key,
        deployment,
        Condition::new("Progressing", false, "ReplicaSetCreateError", why),
    )
    .await
}

/// Tells, the first time, that there is a set of the present template.
pub(super) async fn found(api: &Direct, key: &Key, deployment: &Object, new: &Object) -> Result<(), Status> {
    if condition::find(&deployment["status"]["conditions"], "Progressing").is_some() {
        return Ok(());
    }
    let message = format!("Found new replica set {:?}", meta::name(new));
    set(
        api,
        key,
        deployment,
        Condition::new("Progressing", true, "FoundNewReplicaSet", message),
    )
    .await
}

/// Tells of a pause, and of its end.
pub(super) async fn pause(api: &Direct, key: &Key, deployment: &Object) -> Result<(), Status> {
    let current = condition::find(&deployment["status"]["conditions"], "Progressing");
    let reason = current
        .and_then(|current| current["reason"].as_str())
        .unwrap_or_default();
    if reason == "ProgressDeadlineExceeded" {
        return Ok(());
    }
    let (paused, told) = (deployment["spec"]["paused"] == true, reason == "DeploymentPaused");
    if paused && !told {
        let paused = Condition::unknown("Progressing", "DeploymentPaused", "Deployment is paused");
        set(api, key, deployment, paused).await
    } else if !paused && told {
        let resumed = Condition::unknown("Progressing", "DeploymentResumed", "Deployment is resumed");
        set(api, key, deployment, resumed).await
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn told(deployment: &Value, set: &Value, at: i64) -> (Value, Option<Duration>) {
        let told = Told {
            deployment,
            sets: &[Arc::new(set.clone())],
            new: Some(set),
            with_terminating: true,
        };
        of(&told, Some("web-1"), Timestamp::from_second(at).unwrap())
    }

    fn reason(status: &Value) -> &str {
        condition::find(&status["conditions"], "Progressing")
            .and_then(|own| own["reason"].as_str())
            .unwrap_or_default()
    }

    #[test]
    fn a_rollout_progresses_completes_or_times_out() {
        let mut deployment = json!({"metadata": {"name": "web", "generation": 1},
            "spec": {"replicas": 2, "progressDeadlineSeconds": 60}, "status": {"conditions": [
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated",
                 "lastUpdateTime": "1970-01-01T00:00:00Z", "lastTransitionTime": "1970-01-01T00:00:00Z"}]}});
        let mut set =
            json!({"metadata": {"name": "web-1"}, "spec": {"replicas": 2}, "status": {"replicas": 2}});
        let (status, check_in) = told(&deployment, &set, 10);
        assert_eq!(
            (reason(&status), check_in),
            ("ReplicaSetUpdated", Some(Duration::from_secs(61)))
        );
        assert_eq!(status["unavailableReplicas"], 2);
        deployment["status"] = status;
        let (status, check_in) = told(&deployment, &set, 30);
        assert_eq!(
            (reason(&status), check_in),
            ("ReplicaSetUpdated", Some(Duration::from_secs(41)))
        );
        let (status, _) = told(&deployment, &set, 71);
        assert_eq!(reason(&status), "ProgressDeadlineExceeded");
        set["status"] = json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2});
        let (status, check_in) = told(&deployment, &set, 72);
        assert_eq!((reason(&status), check_in), ("NewReplicaSetAvailable", None));
        let progressing = condition::find(&status["conditions"], "Progressing").unwrap();
        assert_eq!(
            progressing["message"],
            "ReplicaSet \"web-1\" has successfully progressed."
        );
        assert_eq!(progressing["lastTransitionTime"], "1970-01-01T00:00:00Z");
    }
}
