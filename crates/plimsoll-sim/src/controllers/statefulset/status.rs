//! What a StatefulSet tells of its pods.

use jiff::Timestamp;
use plimsoll_apiserver::Object;
use serde_json::{Value, json};

use super::{
    super::facts::{meta, pod},
    identity,
};

/// The status of a set with these pods.
pub(super) fn of(set: &Value, pods: &[Object], current: &Value, update: &Value, now: Timestamp) -> Value {
    let count = |wanted: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| wanted(pod)).count();
    let of_revision = |revision: &Value| {
        let name = meta::name(revision).to_owned();
        count(&|pod| !meta::deleting(pod) && meta::label(pod, identity::HASH) == Some(&name))
    };
    let min_ready = pod::min_ready(set);
    let running = |of: &Value| pod::phase(of) == "Running" && pod::ready(of);
    let (replicas, ready) = (pods.len(), count(&running));
    let updated = of_revision(update);
    let wanted = meta::number(&set["spec"]["replicas"], 1);
    let rolls = set["spec"]["updateStrategy"]["type"] != "OnDelete";
    let all = |number: usize| i64::try_from(number) == Ok(wanted) && number == replicas;
    let is_complete = rolls && all(updated) && all(ready);
    let current = if is_complete { update } else { current };
    let mut status = meta::status([
        ("replicas", json!(replicas)),
        ("readyReplicas", json!(ready)),
        ("currentReplicas", json!(of_revision(current))),
        ("updatedReplicas", json!(updated)),
        ("currentRevision", json!(meta::name(current))),
        ("updateRevision", json!(meta::name(update))),
        ("observedGeneration", set["metadata"]["generation"].clone()),
    ]);
    status["availableReplicas"] = json!(count(&|pod| running(pod) && pod::available(pod, min_ready, now)));
    status["collisionCount"] = json!(meta::number(&set["status"]["collisionCount"], 0));
    status
}
