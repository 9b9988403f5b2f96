//! Small inventories and claims for tests.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    Flaws,
    inventory::{Device, Inventory},
    request::{ClaimRequest, Class},
    search::{Chosens, Supply, allocate},
    selectors::{SelectorFailure, Selects},
    usage::Usage,
};
use crate::scheduler::cluster::Cluster;

pub(super) const DRIVER: &str = "gpu.example.com";

/// Expressions of a few words instead of CEL: `all`, `name=X`, `model=X`, and `fails`.
pub(super) struct Words;

impl Selects for Words {
    fn selects(&mut self, expression: &str, device: &Device) -> Result<bool, SelectorFailure> {
        match expression.split_once('=') {
            Some(("name", name)) => Ok(device.id.name == name),
            Some(("model", model)) => Ok(device.published["attributes"]["model"]["string"] == model),
            _ if expression == "all" => Ok(true),
            _ => Err(SelectorFailure::Run("no such key: x".to_owned())),
        }
    }
}

/// Everything that an allocation draws on; nodes are `n1` and `n2`.
pub(super) struct Bench {
    pub(super) inventory: Inventory,
    pub(super) usage: Usage,
    pub(super) classes: BTreeMap<String, Class>,
    pub(super) flaws: Flaws,
    cluster: Cluster,
}

impl Bench {
    pub(super) fn new() -> Self {
        let mut cluster = Cluster::default();
        for name in ["n1", "n2"] {
            let labels = json!({"zone": name, "kubernetes.io/hostname": name});
            cluster.set_node(&Arc::new(json!({"metadata": {"name": name, "labels": labels}})));
        }
        let class =
            json!({"metadata": {"name": "gpu"}, "spec": {"selectors": [{"cel": {"expression": "all"}}]}});
        Self {
            inventory: Inventory::default(),
            usage: Usage::default(),
            classes: BTreeMap::from([("gpu".to_owned(), Class::read(&Arc::new(class)))]),
            flaws: Flaws::default(),
            cluster,
        }
    }

    /// With one complete pool of these devices on `n1`.
    pub(super) fn with(devices: Value) -> Self {
        let mut bench = Self::new();
        bench.publish(json!({"nodeName": "n1", "devices": devices}));
        bench
    }

    /// Publishes a slice; what is not said of its pool is that of a complete one of its own.
    pub(super) fn publish(&mut self, mut spec: Value) {
        let count = self.inventory.devices().count();
        if spec["pool"].is_null() {
            spec["pool"] = json!({"name": "pool", "generation": 1, "resourceSliceCount": 1});
        }
        spec["driver"] = json!(DRIVER);
        let name = spec["pool"]["slice"]
            .as_str()
            .map_or(format!("slice-{count}"), str::to_owned);
        self.inventory
            .set_slice(&Arc::new(json!({"metadata": {"name": name}, "spec": spec})));
    }

    pub(super) fn allocate(
        &self,
        claims: &[&ClaimRequest],
        node: &str,
    ) -> Result<Option<Vec<Chosens>>, String> {
        let supply = Supply {
            inventory: &self.inventory,
            usage: &self.usage,
            classes: &self.classes,
            flaws: self.flaws,
        };
        allocate(
            &supply,
            &mut Words,
            claims,
            self.cluster.node(node).expect("a node of the bench"),
        )
    }

    /// The names of the devices that one claim gets on `n1`, joined; `-` where it gets none.
    pub(super) fn names(&self, spec: Value) -> String {
        self.names_on(spec, "n1")
    }

    pub(super) fn names_on(&self, spec: Value, node: &str) -> String {
        match self.allocate(&[&claim(spec)], node) {
            Ok(Some(chosen)) => chosen[0]
                .iter()
                .map(|one| one.device.id.name.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            Ok(None) => "-".to_owned(),
            Err(why) => why,
        }
    }
}

/// A claim with these requests.
pub(super) fn claim(devices: Value) -> ClaimRequest {
    ClaimRequest::read("ns/claim", &json!({"devices": devices}))
}

/// One request of class `gpu`, with further fields.
pub(super) fn request(name: &str, extra: Value) -> Value {
    let mut exactly = json!({"deviceClassName": "gpu"});
    for (key, value) in extra.as_object().into_iter().flatten() {
        exactly[key] = value.clone();
    }
    json!({"name": name, "exactly": exactly})
}

pub(super) fn select(expression: &str) -> Value {
    json!([{"cel": {"expression": expression}}])
}
