//! The DaemonSets that keep drivers and their labels: on every node with hardware, and complete.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Node, PodSpec, Taint},
};
use kube::{Api, ResourceExt, api::ListParams};

use super::fleet::Fleet;
use crate::{
    Context,
    probe_pod::{Ruling, chain},
};

/// Whether each of the vendor's DaemonSets that are there is rolled out, and reaches every node with hardware.
pub(super) async fn complete(context: &Context, fleet: &Fleet, nodes: &BTreeMap<String, Node>) -> Ruling {
    let Some(driver) = fleet.driver() else {
        return Ruling::Right("nothing is known that would keep it".to_owned());
    };
    let api: Api<DaemonSet> = Api::all(context.platform.client());
    let sets = match api.list(&ListParams::default()).await {
        Ok(list) => list.items,
        Err(error) => return Ruling::Undecided(format!("DaemonSets can't be listed: {}", chain(&error))),
    };
    let accelerated: Vec<&Node> = fleet
        .sites
        .iter()
        .filter_map(|site| nodes.get(&site.node))
        .collect();
    let rulings = sets
        .iter()
        .filter(|set| driver.keepers.matches(&set.name_any()))
        .map(|set| judge(set, &accelerated));
    let rulings: Vec<Ruling> = rulings.collect();
    if rulings.is_empty() {
        return Ruling::Right("no DaemonSet keeps it".to_owned());
    }
    Ruling::all(rulings)
}

fn judge(set: &DaemonSet, accelerated: &[&Node]) -> Ruling {
    let name = format!("{}/{}", set.namespace().unwrap_or_default(), set.name_any());
    let pod = set.spec.template.spec.as_ref();
    if let Some(pod) = pod {
        for node in accelerated {
            if let Some(taint) = not_tolerated(pod, node) {
                return Ruling::Wrong(format!(
                    "DaemonSet `{name}` does not tolerate the taint {}:{} of node `{}`, which has the hardware",
                    taint.key,
                    taint.effect,
                    node.name_any()
                ));
            }
        }
    }
    let Some(status) = &set.status else {
        return Ruling::Undecided(format!("nobody observed DaemonSet `{name}`"));
    };
    let wanted = status.desired_number_scheduled;
    let updated = status.updated_number_scheduled.unwrap_or_default();
    let is_current =
        set.metadata.generation.unwrap_or_default() <= status.observed_generation.unwrap_or_default();
    if is_current && status.number_ready >= wanted && updated >= wanted {
        return Ruling::Right(format!("DaemonSet `{name}` is ready on all {wanted} nodes"));
    }
    // One that is being rolled out is no fault.
    Ruling::Undecided(format!(
        "DaemonSet `{name}` is ready on {} of {wanted} nodes and up to date on {updated}",
        status.number_ready
    ))
}

/// A taint that keeps the pods off a node that they select.
fn not_tolerated<'a>(pod: &PodSpec, node: &'a Node) -> Option<&'a Taint> {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let selects = pod
        .node_selector
        .as_ref()
        .is_none_or(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)));
    if !selects {
        return None;
    }
    let taints = node.spec.as_ref()?.taints.as_ref()?;
    taints.iter().find(|taint| {
        // A cordoned node keeps what runs there already.
        taint.effect != "PreferNoSchedule"
            && !taint.key.starts_with("node.kubernetes.io/")
            && !pod.tolerations.iter().flatten().any(|toleration| {
                toleration.key.as_ref().is_none_or(|key| *key == taint.key)
                    && toleration
                        .effect
                        .as_ref()
                        .is_none_or(|effect| *effect == taint.effect)
                    && (toleration.operator.as_deref() == Some("Exists") || toleration.value == taint.value)
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(tolerations: Value, ready: i32, wanted: i32) -> DaemonSet {
        serde_json::from_value(json!({
            "metadata": {"name": "gpu-feature-discovery", "namespace": "gpu", "generation": 1},
            "spec": {"selector": {}, "template": {"spec": {"containers": [], "tolerations": tolerations}}},
            "status": {
                "currentNumberScheduled": wanted, "desiredNumberScheduled": wanted, "numberMisscheduled": 0,
                "numberReady": ready, "updatedNumberScheduled": wanted, "observedGeneration": 1,
            },
        }))
        .unwrap()
    }

    fn tainted() -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": "n"},
            "spec": {"taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_set_that_is_ready_everywhere_it_may_go_and_may_not_go_everywhere_is_wrong() {
        let ruling = judge(&set(json!([]), 1, 1), &[&tainted()]);
        assert!(
            ruling.is_wrong() && ruling.detail().contains("does not tolerate"),
            "{ruling:?}"
        );
        for tolerations in [
            json!([{"operator": "Exists"}]),
            json!([{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]),
            json!([{"key": "nvidia.com/gpu", "value": "present"}]),
        ] {
            assert!(judge(&set(tolerations, 1, 1), &[&tainted()]).is_right());
        }
    }

    #[test]
    fn a_set_that_is_being_rolled_out_proves_nothing() {
        assert!(matches!(judge(&set(json!([]), 1, 2), &[]), Ruling::Undecided(_)));
    }
}
