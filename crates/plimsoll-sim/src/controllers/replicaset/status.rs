//! What a ReplicaSet tells of its pods.

use jiff::Timestamp;
use plimsoll_apiserver::{Object, Status};
use serde_json::{Value, json};

use super::{
    super::facts::{
        condition::{self, Condition},
        meta, pod,
    },
    is_fully_labelled,
};

/// The status of a set with these pods, as they were before it created or deleted any.
pub(super) fn of(
    set: &Value,
    found: usize,
    active: &[Object],
    terminating: Option<usize>,
    failure: Option<&Status>,
    now: Timestamp,
) -> Value {
    let min_ready = pod::min_ready(set);
    let count = |wanted: &dyn Fn(&Value) -> bool| active.iter().filter(|pod| wanted(pod)).count();
    let mut conditions = meta::items(&set["status"]["conditions"]).to_vec();
    match failure {
        Some(failure) => {
            if condition::find(&set["status"]["conditions"], "ReplicaFailure").is_none() {
                let wanted = usize::try_from(meta::number(&set["spec"]["replicas"], 1)).unwrap_or_default();
                let reason = if found < wanted {
                    "FailedCreate"
                } else {
                    "FailedDelete"
                };
                let failed = Condition::new("ReplicaFailure", true, reason, failure.message.clone());
                condition::set(&mut conditions, &failed, now);
            }
        }
        None => condition::remove(&mut conditions, "ReplicaFailure"),
    }
    let mut status = meta::status([
        ("replicas", json!(found)),
        (
            "fullyLabeledReplicas",
            json!(count(&|pod| is_fully_labelled(pod, &set["spec"]["template"]))),
        ),
        ("readyReplicas", json!(count(&|pod| pod::ready(pod)))),
        (
            "availableReplicas",
            json!(count(&|pod| pod::available(pod, min_ready, now))),
        ),
        ("observedGeneration", set["metadata"]["generation"].clone()),
        ("conditions", Value::Array(conditions)),
    ]);
    if let Some(terminating) = terminating {
        status["terminatingReplicas"] = json!(terminating);
    }
    status
}
