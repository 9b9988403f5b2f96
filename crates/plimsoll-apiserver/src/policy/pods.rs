//! What pods ask for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{items, text};
use crate::Quantity;

/// Amounts by resource.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// Which side of a container's resources.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Requests,
    Limits,
}

impl Side {
    fn field(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }
}

/// The lists of a pod's containers: init containers first, then the others, ephemeral ones last.
pub(super) const LISTS: &[&str] = &["initContainers", "containers", "ephemeralContainers"];

/// All containers of a pod, init containers first, ephemeral ones last.
pub(super) fn all_containers(spec: &Value) -> impl Iterator<Item = &Value> {
    LISTS.iter().flat_map(|list| items(spec, list))
}

/// A map of amounts; what can't be read is left out.
pub(super) fn amounts(of: &Value) -> Amounts {
    of.as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, amount)| Some((name.clone(), Quantity::read(amount)?)))
        .collect()
}

/// One side of a container's resources.
pub(super) fn of_container(container: &Value, side: Side) -> Amounts {
    amounts(&container["resources"][side.field()])
}

/// What a pod asks for as a whole: its containers run together, after its init containers one by one, beside those of
/// them that go on running; its own resources and its runtime's overhead on top.
pub(super) fn of_pod(spec: &Value, side: Side) -> Amounts {
    let mut total = Amounts::new();
    for container in items(spec, "containers") {
        add(&mut total, &of_container(container, side));
    }
    let (mut beside, mut most) = (Amounts::new(), Amounts::new());
    for container in items(spec, "initContainers") {
        let own = of_container(container, side);
        let mut now = beside.clone();
        add(&mut now, &own);
        if text(container, "restartPolicy") == "Always" {
            add(&mut total, &own);
            beside = now.clone();
        }
        raise(&mut most, &now);
    }
    raise(&mut total, &most);
    for (name, amount) in amounts(&spec["resources"][side.field()]) {
        if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
            total.insert(name, amount);
        }
    }
    for (name, amount) in amounts(&spec["overhead"]) {
        match total.get_mut(&name) {
            Some(own) => *own = *own + amount,
            None if side == Side::Requests => {
                total.insert(name, amount);
            }
            None => {}
        }
    }
    total
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let own = to.entry(name.clone()).or_default();
        *own = *own + *amount;
    }
}

fn raise(to: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        match to.get_mut(name) {
            Some(own) if *own >= *amount => {}
            _ => {
                to.insert(name.clone(), *amount);
            }
        }
    }
}

/// Whether it is promised neither processors nor memory.
pub(super) fn is_best_effort(spec: &Value) -> bool {
    let names = |of: &Value| {
        ["requests", "limits"].into_iter().any(|side| {
            amounts(&of["resources"][side])
                .iter()
                .any(|(name, amount)| matches!(name.as_str(), "cpu" | "memory") && !amount.is_zero())
        })
    };
    !names(spec)
        && !["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| items(spec, list))
            .any(names)
}

/// The pod template of a workload: its metadata and its spec.
pub(super) fn template<'a>(resource: &str, object: &'a Value) -> Option<&'a Value> {
    let template = match resource {
        "podtemplates" => object.get("template"),
        "replicationcontrollers" | "replicasets" | "deployments" | "statefulsets" | "daemonsets" | "jobs" => {
            object.pointer("/spec/template")
        }
        "cronjobs" => object.pointer("/spec/jobTemplate/spec/template"),
        _ => None,
    };
    template.filter(|template| template.is_object())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn init_containers_run_one_by_one_and_sidecars_beside_the_others() {
        let container = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let sidecar = |cpu: &str| json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}});
        for (spec, total) in [
            (json!({"containers": [container("1"), container("2")]}), "3"),
            (
                json!({"containers": [container("1")], "initContainers": [container("5"), container("4")]}),
                "5",
            ),
            (
                json!({"containers": [container("1")], "initContainers": [sidecar("2"), container("4")]}),
                "6",
            ),
            (
                json!({"containers": [container("1")], "initContainers": [container("4"), sidecar("2")]}),
                "4",
            ),
            (
                json!({"containers": [container("1")], "overhead": {"cpu": "250m"}}),
                "1250m",
            ),
            (
                json!({"containers": [container("1")], "resources": {"requests": {"cpu": "7"}}}),
                "7",
            ),
        ] {
            assert_eq!(of_pod(&spec, Side::Requests)["cpu"].to_string(), total, "{spec}");
        }
    }

    #[test]
    fn overhead_adds_to_limits_only_where_there_are_some() {
        let spec = json!({
            "containers": [{"resources": {"limits": {"memory": "1Gi"}}}],
            "overhead": {"cpu": "1", "memory": "1Mi"},
        });
        let limits = of_pod(&spec, Side::Limits);
        assert_eq!(limits["memory"].to_string(), "1025Mi");
        assert!(!limits.contains_key("cpu"));
    }
}
