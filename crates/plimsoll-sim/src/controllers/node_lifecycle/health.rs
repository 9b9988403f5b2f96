//! Whether a node is lost.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::facts::{
    condition,
    meta::{self, stamp},
};

/// What is known of a node's signs of life.
#[derive(Clone, Debug)]
pub(super) struct Signs {
    /// When the last one was seen.
    pub(super) last: Timestamp,
    heartbeat: String,
    renewed: String,
    /// How long its lease says that it lasts: where there are many nodes, longer than usual.
    lasting: Duration,
    /// Whether it was ready when it was last looked at.
    pub(super) was_ready: bool,
    /// Whether it has been told of.
    pub(super) registered: bool,
}

fn heartbeat(node: &Value) -> String {
    condition::find(&node["status"]["conditions"], "Ready")
        .and_then(|ready| ready["lastHeartbeatTime"].as_str())
        .unwrap_or_default()
        .to_owned()
}

impl Signs {
    pub(super) fn of_new(node: &Value, now: Timestamp) -> Self {
        Self {
            last: now,
            heartbeat: heartbeat(node),
            renewed: String::new(),
            lasting: Duration::ZERO,
            was_ready: condition::is_true(&node["status"]["conditions"], "Ready"),
            registered: false,
        }
    }

    /// The node's status was written.
    pub(super) fn posted(&mut self, node: &Value, now: Timestamp) {
        let heartbeat = heartbeat(node);
        if self.heartbeat != heartbeat {
            self.heartbeat = heartbeat;
            self.last = now;
        }
    }

    /// The node's lease was written.
    pub(super) fn renewed(&mut self, lease: &Value, now: Timestamp) {
        let lasting = lease["spec"]["leaseDurationSeconds"].as_u64();
        self.lasting = Duration::from_secs(lasting.unwrap_or_default());
        let renewed = lease["spec"]["renewTime"].as_str().unwrap_or_default();
        if self.renewed != renewed {
            renewed.clone_into(&mut self.renewed);
            self.last = now;
        }
    }

    /// How much longer it may be silent; none if it has been silent for too long.
    pub(super) fn silence_left(&self, grace: Duration, now: Timestamp) -> Option<Duration> {
        let due = self.last.checked_add(grace.max(self.lasting)).ok()?;
        Duration::try_from(due.duration_since(now))
            .ok()
            .filter(|left| !left.is_zero())
    }
}

/// Writes into a node's status that nobody knows how it is.
pub(super) fn mark_lost(node: &mut Value, now: Timestamp) {
    let mut conditions = meta::items(&node["status"]["conditions"]).to_vec();
    for kind in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
        match conditions.iter_mut().find(|own| own["type"] == kind) {
            Some(own) if own["status"] == "Unknown" => {}
            Some(own) => {
                own["status"] = json!("Unknown");
                own["reason"] = json!("NodeStatusUnknown");
                own["message"] = json!("Kubelet stopped posting node status.");
                own["lastTransitionTime"] = json!(stamp(now));
            }
            None => conditions.push(json!({
                "type": kind, "status": "Unknown", "reason": "NodeStatusNeverUpdated",
                "message": "Kubelet never posted node status.",
                "lastHeartbeatTime": node["metadata"]["creationTimestamp"], "lastTransitionTime": stamp(now),
            })),
        }
    }
    node["status"]["conditions"] = Value::Array(conditions);
}
