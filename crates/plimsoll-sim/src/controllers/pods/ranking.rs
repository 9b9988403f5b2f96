//! Which pod of a set goes first when there are too many.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::Timestamp;
use plimsoll_apiserver::Object;

use super::super::facts::{meta, pod};

/// What a pod is worth: the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    bound: bool,
    phase: u8,
    ready: bool,
    cost: i64,
}

fn worth(of: &serde_json::Value) -> Worth {
    Worth {
        bound: pod::node(of).is_some(),
        phase: match pod::phase(of) {
            "Pending" => 0,
            "Unknown" => 1,
            _ => 2,
        },
        ready: pod::ready(of),
        cost: meta::annotation(of, "controller.kubernetes.io/pod-deletion-cost")
            .and_then(|cost| cost.parse().ok())
            .unwrap_or_default(),
    }
}

/// Of two pods, the one that has been so for clearly less time first: ages are compared by magnitude, so that of a
/// burst of pods it is not always the youngest.
fn age(since: Option<Timestamp>, now: Timestamp) -> u32 {
    since.map_or(0, |since| {
        let seconds = now.duration_since(since).as_secs().max(0);
        64 - u64::try_from(seconds).unwrap_or_default().leading_zeros()
    })
}

/// Puts pods into the order in which they are deleted.
pub(crate) fn first_to_go(mut pods: Vec<Object>, now: Timestamp) -> Vec<Object> {
    let mut on_node: BTreeMap<String, usize> = BTreeMap::new();
    for pod in &pods {
        if let Some(node) = pod::node(pod) {
            *on_node.entry(node.to_owned()).or_default() += 1;
        }
    }
    let crowd = |of: &Object| {
        pod::node(of)
            .and_then(|node| on_node.get(node))
            .copied()
            .unwrap_or(0)
    };
    pods.sort_by(|a, b| {
        worth(a)
            .cmp(&worth(b))
            .then_with(|| crowd(b).cmp(&crowd(a)))
            .then_with(|| match (pod::ready(a), pod::ready(b)) {
                (true, true) => age(pod::ready_since(a), now).cmp(&age(pod::ready_since(b), now)),
                _ => Ordering::Equal,
            })
            .then_with(|| pod::restarts(b).cmp(&pod::restarts(a)))
            .then_with(|| age(Some(meta::created(a)), now).cmp(&age(Some(meta::created(b)), now)))
            .then_with(|| meta::uid(a).cmp(meta::uid(b)))
    });
    pods
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, phase: &str, ready: bool) -> Object {
        Arc::new(json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": node},
            "status": {"phase": phase, "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        }))
    }

    #[test]
    fn pods_that_do_the_least_go_first_then_those_of_a_crowded_node() {
        let pods = vec![
            pod("alone", "c", "Running", true),
            pod("crowded", "a", "Running", true),
            pod("crowding", "a", "Running", true),
            pod("starting", "b", "Running", false),
            pod("pending", "b", "Pending", false),
            pod("unbound", "", "Pending", false),
        ];
        let order = first_to_go(pods, "2026-01-01T01:00:00Z".parse().unwrap());
        let names: Vec<&str> = order.iter().map(|pod| meta::name(pod)).collect();
        assert_eq!(
            names,
            ["unbound", "pending", "starting", "crowded", "crowding", "alone"]
        );
    }
}
