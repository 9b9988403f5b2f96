//! Which taints a node ought to have.

use serde_json::{Value, json};

use super::super::facts::{condition, meta};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// The taint of each condition in each state.
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    (
        "NetworkUnavailable",
        "True",
        "node.kubernetes.io/network-unavailable",
    ),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// What of a node its taints depend on.
pub(super) fn matter(node: &Value) -> (Vec<(Value, Value)>, &Value, &Value) {
    let conditions = meta::items(&node["status"]["conditions"]);
    (
        conditions
            .iter()
            .map(|own| (own["type"].clone(), own["status"].clone()))
            .collect(),
        &node["spec"]["taints"],
        &node["spec"]["unschedulable"],
    )
}

/// All taints of a node: those of others as they are, and ours as its conditions want them.
pub(super) fn wanted(node: &Value, evicts: bool, now: &str) -> Vec<Value> {
    let present = meta::items(&node["spec"]["taints"]);
    let is_ours = |taint: &Value| {
        let ours = |key: &str| taint["key"] == key;
        match taint["effect"].as_str() {
            Some("NoSchedule") => ours(UNSCHEDULABLE) || BY_CONDITION.iter().any(|(_, _, key)| ours(key)),
            Some("NoExecute") => ours(NOT_READY) || ours(UNREACHABLE),
            _ => false,
        }
    };
    let mut wanted: Vec<(&str, &str)> = BY_CONDITION
        .iter()
        .filter(|(kind, status, _)| {
            condition::find(&node["status"]["conditions"], kind).is_some_and(|own| own["status"] == *status)
        })
        .map(|(_, _, key)| (*key, "NoSchedule"))
        .collect();
    if node["spec"]["unschedulable"] == true {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    if evicts {
        let lost: Vec<(&str, &str)> = wanted
            .iter()
            .filter(|(key, _)| [NOT_READY, UNREACHABLE].contains(key))
            .map(|(key, _)| (*key, "NoExecute"))
            .collect();
        wanted.extend(lost);
    }
    let has =
        |taint: &Value, (key, effect): &(&str, &str)| taint["key"] == *key && taint["effect"] == *effect;
    let mut taints: Vec<Value> = present
        .iter()
        .filter(|taint| !is_ours(taint) || wanted.iter().any(|own| has(taint, own)))
        .cloned()
        .collect();
    for own in wanted {
        if !taints.iter().any(|taint| has(taint, &own)) {
            taints.push(json!({"key": own.0, "effect": own.1, "timeAdded": now}));
        }
    }
    taints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_follow_conditions_and_leave_others_alone() {
        let mut node = json!({"spec": {"taints": [
                {"key": "gpu", "effect": "NoSchedule"}, {"key": NOT_READY, "effect": "NoSchedule", "timeAdded": "t"}]},
            "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        let keys = |node: &Value, evicts| -> Vec<String> {
            wanted(node, evicts, "now")
                .iter()
                .map(|taint| {
                    format!(
                        "{}:{}",
                        taint["key"].as_str().unwrap(),
                        taint["effect"].as_str().unwrap()
                    )
                })
                .collect()
        };
        let lost = [
            "gpu:NoSchedule",
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute",
        ];
        assert_eq!(keys(&node, true), lost);
        assert_eq!(keys(&node, false), lost[..2]);
        node["status"]["conditions"][0]["status"] = json!("True");
        node["spec"]["unschedulable"] = json!(true);
        assert_eq!(
            keys(&node, true),
            ["gpu:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule"]
        );
    }
}
