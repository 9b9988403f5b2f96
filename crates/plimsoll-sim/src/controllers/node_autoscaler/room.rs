//! Whether pods would fit on nodes.

use std::collections::BTreeMap;

use plimsoll_apiserver::{Direct, resources};
use serde_json::Value;

use super::{
    super::facts::{meta, node_fit, quantity, taint},
    groups::GroupFacts,
};

/// What a pod asks of a node.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    spec: Value,
    resources: BTreeMap<String, i64>,
    devices: BTreeMap<String, i64>,
}

/// The amounts of all resources that a pod asks for, in thousandths.
pub(super) fn requests(spec: &Value) -> BTreeMap<String, i64> {
    let of = |container: &Value| -> BTreeMap<String, i64> {
        let asked = container["resources"]["requests"]
            .as_object()
            .into_iter()
            .flatten();
        asked
            .filter_map(|(name, amount)| Some((name.clone(), quantity::milli_of(amount)?)))
            .collect()
    };
    let mut sum = BTreeMap::new();
    let sidecars = meta::items(&spec["initContainers"])
        .iter()
        .filter(|own| own["restartPolicy"] == "Always");
    for container in meta::items(&spec["containers"]).iter().chain(sidecars) {
        for (name, amount) in of(container) {
            *sum.entry(name).or_insert(0) += amount;
        }
    }
    for container in meta::items(&spec["initContainers"]) {
        for (name, amount) in of(container) {
            let own = sum.entry(name).or_insert(0);
            *own = amount.max(*own);
        }
    }
    sum.insert("pods".to_owned(), 1000);
    sum
}

impl Demand {
    pub(super) fn of(api: &Direct, pod: &Value) -> Self {
        let mut devices = BTreeMap::new();
        for claim in meta::items(&pod["spec"]["resourceClaims"]) {
            let namespace = Some(meta::namespace(pod));
            let spec = if let Some(name) = claim["resourceClaimName"].as_str() {
                api.get(&resources::RESOURCE_CLAIMS, namespace, name)
                    .filter(|claim| claim["status"]["allocation"].is_null())
                    .map(|claim| claim["spec"].clone())
            } else {
                let name = claim["resourceClaimTemplateName"].as_str().unwrap_or_default();
                api.get(&resources::RESOURCE_CLAIM_TEMPLATES, namespace, name)
                    .map(|template| template["spec"]["spec"].clone())
            };
            let spec = spec.unwrap_or(Value::Null);
            for request in meta::items(&spec["devices"]["requests"]) {
                let exact = if request["exactly"].is_object() {
                    &request["exactly"]
                } else {
                    &request["firstAvailable"][0]
                };
                if let Some(class) = exact["deviceClassName"].as_str() {
                    *devices.entry(class.to_owned()).or_insert(0) += meta::number(&exact["count"], 1);
                }
            }
        }
        Self {
            resources: requests(&pod["spec"]),
            spec: pod["spec"].clone(),
            devices,
        }
    }

    fn tolerates(&self, node: &Value) -> bool {
        let tolerations = meta::items(&self.spec["tolerations"]);
        taint::of(node, &["NoSchedule", "NoExecute"]).all(|taint| {
            tolerations
                .iter()
                .any(|toleration| taint::tolerates(toleration, taint))
        })
    }

    /// Why it could never run on a node like that, if so.
    pub(super) fn misfit(&self, group: &GroupFacts) -> Option<String> {
        if !node_fit::allows(&self.spec, &group.template) {
            return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
        }
        if !self.tolerates(&group.template) {
            return Some("node(s) had untolerated taint(s)".to_owned());
        }
        Room::new(group).lacks(self)
    }
}

/// What is free on a node.
#[derive(Clone, Debug)]
pub(super) struct Room {
    free: BTreeMap<String, i64>,
    devices: BTreeMap<String, i64>,
}

impl Room {
    /// A new node of a group.
    pub(super) fn new(group: &GroupFacts) -> Self {
        let devices = group
            .devices
            .iter()
            .map(|(class, count)| (class.clone(), i64::from(*count)))
            .collect();
        Self {
            devices,
            ..Self::of_node(&group.template)
        }
    }

    /// A node without anything on it.
    pub(super) fn of_node(node: &Value) -> Self {
        let allocatable = node["status"]["allocatable"].as_object().into_iter().flatten();
        let free = allocatable
            .filter_map(|(name, amount)| Some((name.clone(), quantity::milli_of(amount)?)))
            .collect();
        Self {
            free,
            devices: BTreeMap::new(),
        }
    }

    /// What is missing for a pod, if anything.
    pub(super) fn lacks(&self, demand: &Demand) -> Option<String> {
        let lacking = demand.resources.iter().find(|(name, amount)| {
            **amount > 0 && self.free.get(*name).copied().unwrap_or_default() < **amount
        });
        if let Some((name, _)) = lacking {
            return Some(if name == "pods" {
                "Too many pods".to_owned()
            } else {
                format!("Insufficient {name}")
            });
        }
        let no_devices = demand
            .devices
            .iter()
            .any(|(class, count)| self.devices.get(class).copied().unwrap_or_default() < *count);
        no_devices.then(|| "cannot allocate all claims".to_owned())
    }

    /// Puts a pod on the node.
    pub(super) fn take(&mut self, demand: &Demand) {
        for (name, amount) in &demand.resources {
            *self.free.entry(name.clone()).or_default() -= amount;
        }
        for (class, count) in &demand.devices {
            *self.devices.entry(class.clone()).or_default() -= count;
        }
    }

    /// Puts what a running pod asked for on the node.
    pub(super) fn take_amounts(&mut self, amounts: &BTreeMap<String, i64>) {
        for (name, amount) in amounts {
            *self.free.entry(name.clone()).or_default() -= amount;
        }
    }
}

/// Whether a running pod could be on that node instead: its wishes, and the room.
pub(super) fn could_move(spec: &Value, amounts: &BTreeMap<String, i64>, node: &Value, room: &Room) -> bool {
    let demand = Demand {
        spec: spec.clone(),
        resources: amounts.clone(),
        devices: BTreeMap::new(),
    };
    node_fit::allows(spec, node) && demand.tolerates(node) && room.lacks(&demand).is_none()
}
