//! Whether PodDisruptionBudgets let a pod be evicted.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Write,
    fields::{items, meta, text},
    refusal, selector,
};
use crate::{Clock, Reason, Status, resources};

/// How many pods a budget remembers as being disrupted, until its controller has seen them go.
const REMEMBERED: usize = 2000;

/// Judges an eviction by the budgets of the pod's namespace. What comes back is to be stored before the pod is deleted.
///
/// # Errors
/// `TooManyRequests` where a budget has no room, `InternalError` where several budgets are about the pod.
pub fn evict(budgets: &[Arc<Value>], pod: &Value, clock: &Clock) -> Result<Option<Write>, Status> {
    let going = !pod["metadata"]["deletionTimestamp"].is_null();
    if going || matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed" | "Pending") {
        return Ok(None);
    }
    let mut about = budgets.iter().filter(|budget| {
        meta(budget, "namespace") == meta(pod, "namespace")
            && selector::matches(&budget["spec"]["selector"], &pod["metadata"]["labels"])
    });
    let Some(budget) = about.next() else {
        return Ok(None);
    };
    if about.next().is_some() {
        return Err(Status::new(
            Reason::InternalError,
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ));
    }
    if !is_ready(pod) && spares_unready(budget) {
        return Ok(None);
    }
    has_room(budget)?;
    let mut status = budget["status"].clone();
    let left = count(&status, "disruptionsAllowed") - 1;
    status["disruptionsAllowed"] = json!(left);
    let now = Timestamp::from_second(clock.now().as_second()).unwrap_or_default();
    status["disruptedPods"][meta(pod, "name")] = json!(now.to_string());
    if left == 0 {
        close(&mut status, &now.to_string());
    }
    Ok(Some(Write {
        of: resources::POD_DISRUPTION_BUDGETS,
        namespace: Some(meta(budget, "namespace").to_owned()),
        name: meta(budget, "name").to_owned(),
        field: "status",
        value: status,
    }))
}

fn count(status: &Value, field: &str) -> i64 {
    status[field].as_i64().unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    items(&pod["status"], "conditions")
        .any(|condition| text(condition, "type") == "Ready" && text(condition, "status") == "True")
}

/// Whether a pod that isn't ready anyway may go without being counted.
fn spares_unready(budget: &Value) -> bool {
    let status = &budget["status"];
    let (healthy, desired) = (count(status, "currentHealthy"), count(status, "desiredHealthy"));
    text(&budget["spec"], "unhealthyPodEvictionPolicy") == "AlwaysAllow"
        || (healthy >= desired && desired > 0)
}

fn has_room(budget: &Value) -> Result<(), Status> {
    let (name, status) = (meta(budget, "name"), &budget["status"]);
    let generation = budget["metadata"]["generation"].as_i64().unwrap_or_default();
    if count(status, "observedGeneration") < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(&why, 10));
    }
    let forbidden = |why| Err(refusal::forbidden(&resources::POD_DISRUPTION_BUDGETS, name, why));
    let remembered = status["disruptedPods"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    if remembered > REMEMBERED {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    match count(status, "disruptionsAllowed") {
        ..0 => forbidden("pdb disruptions allowed is negative"),
        0 => Err(refused(&full(name, status), 0)),
        1.. => Ok(()),
    }
}

/// Why a budget has no room.
fn full(name: &str, status: &Value) -> String {
    let condition = items(status, "conditions").find(|condition| {
        text(condition, "type") == "DisruptionAllowed"
            && text(condition, "status") == "False"
            && !text(condition, "message").is_empty()
    });
    let told = condition.map(|condition| (text(condition, "reason"), text(condition, "message")));
    let (healthy, desired) = (count(status, "currentHealthy"), count(status, "desiredHealthy"));
    match told {
        Some(("SyncFailed", message)) => format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
        ),
        _ if healthy <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
        }
        Some((reason, message)) => {
            format!(
                "The disruption budget {name} does not allow evicting pods currently ({reason}): {message}"
            )
        }
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

fn refused(why: &str, retry_after: u32) -> Status {
    let mut status = Status::new(
        Reason::TooManyRequests,
        "Cannot evict pod as it would violate the pod's disruption budget.",
    );
    status.details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
    if retry_after > 0 {
        status.details["retryAfterSeconds"] = json!(retry_after);
    }
    status
}

/// Says that nothing may be disrupted any more.
fn close(status: &mut Value, now: &str) {
    let condition = json!({
        "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "lastTransitionTime": now,
    });
    match status["conditions"].as_array_mut() {
        Some(conditions) => {
            conditions.retain(|own| text(own, "type") != "DisruptionAllowed");
            conditions.push(condition);
        }
        None => status["conditions"] = json!([condition]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(name: &str, status: Value) -> Arc<Value> {
        Arc::new(json!({
            "metadata": {"namespace": "ns", "name": name, "generation": 1},
            "spec": {"selector": {"matchLabels": {"app": "a"}}},
            "status": status,
        }))
    }

    fn pod(phase: &str, ready: &str) -> Value {
        json!({
            "metadata": {"namespace": "ns", "name": "p", "labels": {"app": "a"}},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    fn clock() -> Clock {
        Clock::starting_at(Timestamp::UNIX_EPOCH)
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_with_room_has_one_less_afterwards() {
        let open = budget("b", json!({"observedGeneration": 1, "disruptionsAllowed": 1}));
        let write = evict(&[open], &pod("Running", "True"), &clock())
            .unwrap()
            .unwrap();
        assert_eq!(write.value["disruptionsAllowed"], 0);
        assert_eq!(write.value["disruptedPods"], json!({"p": "1970-01-01T00:00:00Z"}));
        assert_eq!(write.value["conditions"][0]["reason"], "InsufficientPods");
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_without_room_refuses_and_says_why() {
        for (status, why) in [
            (
                json!({"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2}),
                "The disruption budget b needs 2 healthy pods and has 2 currently",
            ),
            (
                json!({"disruptionsAllowed": 1}),
                "The disruption budget b is still being processed by the server.",
            ),
        ] {
            let status = evict(&[budget("b", status)], &pod("Running", "True"), &clock()).unwrap_err();
            assert_eq!(status.reason, Reason::TooManyRequests);
            assert_eq!(
                status.message,
                "Cannot evict pod as it would violate the pod's disruption budget."
            );
            assert_eq!(status.details["causes"][0]["message"], why);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_disrupts_nothing_needs_no_room() {
        let full = budget(
            "b",
            json!({"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2}),
        );
        for (pod, free) in [
            (pod("Succeeded", "False"), true),
            (pod("Pending", "False"), true),
            (pod("Running", "False"), true),
            (pod("Running", "True"), false),
        ] {
            assert_eq!(
                evict(std::slice::from_ref(&full), &pod, &clock()) == Ok(None),
                free,
                "{pod}"
            );
        }
        let two = evict(
            &[full.clone(), budget("c", json!({}))],
            &pod("Running", "True"),
            &clock(),
        );
        assert_eq!(two.unwrap_err().reason, Reason::InternalError);
    }
}
