//! What a DaemonSet tells of its pods.

use serde_json::{Value, json};

use super::{
    super::facts::{meta, pod},
    HASH,
    plan::{View, fits},
};

/// The status.
pub(super) fn of(view: &View<'_>) -> Value {
    let min_ready = pod::min_ready(view.set);
    let (mut desired, mut current, mut misscheduled, mut ready, mut updated, mut available) =
        (0, 0, 0, 0, 0, 0);
    for node in view.nodes {
        let first = view.by_node.get(meta::name(node)).and_then(|pods| pods.first());
        if !fits(view.set, node).0 {
            misscheduled += i64::from(first.is_some());
            continue;
        }
        desired += 1;
        let Some(pod) = first else { continue };
        current += 1;
        ready += i64::from(pod::ready(pod));
        available += i64::from(pod::available(pod, min_ready, view.now));
        updated += i64::from(meta::label(pod, HASH) == Some(view.hash));
    }
    let mut status = meta::status([
        ("observedGeneration", view.set["metadata"]["generation"].clone()),
        ("updatedNumberScheduled", json!(updated)),
        ("numberAvailable", json!(available)),
        ("numberUnavailable", json!(desired - available)),
        ("collisionCount", view.set["status"]["collisionCount"].clone()),
    ]);
    for (field, number) in [
        ("currentNumberScheduled", current),
        ("numberMisscheduled", misscheduled),
        ("desiredNumberScheduled", desired),
        ("numberReady", ready),
    ] {
        status[field] = json!(number);
    }
    status
}
