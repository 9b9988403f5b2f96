//! Conditions: what they say, and how they change.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::meta::{items, stamp};

/// A condition as it ought to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Condition {
    pub(crate) fn new(
        kind: &'static str,
        status: bool,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            status: if status { "True" } else { "False" },
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// Nobody can tell.
    pub(crate) fn unknown(kind: &'static str, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: "Unknown",
            ..Self::new(kind, false, reason, message)
        }
    }

    /// A new one, as the API has it.
    pub(crate) fn to_json(&self, now: Timestamp) -> Value {
        let mut condition =
            json!({"type": self.kind, "status": self.status, "lastTransitionTime": stamp(now)});
        if !self.reason.is_empty() {
            condition["reason"] = json!(self.reason);
        }
        if !self.message.is_empty() {
            condition["message"] = json!(self.message);
        }
        condition
    }
}

/// The condition of that type in a status' list.
pub(crate) fn find<'a>(conditions: &'a Value, kind: &str) -> Option<&'a Value> {
    items(conditions)
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// Whether the condition of that type is `True`.
pub(crate) fn is_true(conditions: &Value, kind: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Puts a condition into a list, and says whether that changed it. The time of its transition stays while the status does.
pub(crate) fn set(conditions: &mut Vec<Value>, condition: &Condition, now: Timestamp) -> bool {
    let Some(own) = conditions.iter_mut().find(|own| own["type"] == condition.kind) else {
        conditions.push(condition.to_json(now));
        return true;
    };
    let mut next = condition.to_json(now);
    if own["status"] == condition.status {
        next["lastTransitionTime"] = own["lastTransitionTime"].clone();
    }
    for (field, value) in own.as_object().into_iter().flatten() {
        if !matches!(field.as_str(), "reason" | "message") && next.get(field).is_none() {
            next[field] = value.clone();
        }
    }
    if *own == next {
        return false;
    }
    *own = next;
    true
}

/// Takes a condition out of a list.
pub(crate) fn remove(conditions: &mut Vec<Value>, kind: &str) {
    conditions.retain(|condition| condition["type"] != kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_is_a_change_of_status_only() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let mut list = Vec::new();
        assert!(set(&mut list, &Condition::new("Ready", true, "A", "a"), first));
        assert!(!set(&mut list, &Condition::new("Ready", true, "A", "a"), later));
        assert!(set(&mut list, &Condition::new("Ready", true, "B", ""), later));
        assert_eq!(
            list,
            [json!({"type": "Ready", "status": "True", "reason": "B", "lastTransitionTime": stamp(first)})]
        );
        assert!(set(&mut list, &Condition::new("Ready", false, "B", ""), later));
        assert_eq!(list[0]["lastTransitionTime"], stamp(later));
    }
}
