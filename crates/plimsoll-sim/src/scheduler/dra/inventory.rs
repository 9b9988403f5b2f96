//! What drivers publish: pools of devices, and where they can be used.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::scheduler::Object;
use serde_json::Value;

use super::taint_rules::TaintRules;
use crate::scheduler::{amount::Amount, cluster::Node, labels::NodeSelector, taint::Taint};

/// Which device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scheduler) struct DeviceId {
    pub(in crate::scheduler) driver: String,
    pub(in crate::scheduler) pool: String,
    pub(in crate::scheduler) name: String,
}

/// Which pool: its driver and its name.
pub(in crate::scheduler) type PoolId = (String, String);

/// Amounts by counter, by counter set.
pub(super) type CounterSets = BTreeMap<String, BTreeMap<String, Amount>>;

/// A device that a driver publishes.
#[derive(Debug)]
pub(in crate::scheduler) struct Device {
    pub(in crate::scheduler) id: DeviceId,
    /// Never the same for two devices, nor for one that was published anew.
    pub(super) serial: u64,
    /// As it is published.
    pub(in crate::scheduler) published: Value,
    pub(super) taints: Vec<Taint>,
    /// What it takes from counters that it shares with others.
    pub(super) counters: CounterSets,
    /// Whether several claims may have a share each.
    pub(super) is_shared: bool,
    pub(super) reach: Reach,
}

impl Device {
    /// An attribute, by its name with domain; the driver is the domain of those without.
    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        let attributes = self.published["attributes"].as_object()?;
        attributes.get(name).or_else(|| {
            let (domain, own) = name.split_once('/')?;
            (domain == self.id.driver).then(|| attributes.get(own)).flatten()
        })
    }
}

/// From where a device can be used.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scheduler) enum Reach {
    /// From one node.
    Node(String),
    /// From all nodes.
    Everywhere,
    /// From the nodes that this selects; also as it was published.
    Selected(NodeSelector, Value),
    /// From nowhere: nothing that is known was said.
    Nowhere,
}

impl Reach {
    fn read(value: &Value) -> Self {
        if let Some(node) = value["nodeName"].as_str() {
            Self::Node(node.to_owned())
        } else if value["allNodes"] == true {
            Self::Everywhere
        } else if let Some(selector) = NodeSelector::read(&value["nodeSelector"]) {
            Self::Selected(selector, value["nodeSelector"].clone())
        } else {
            Self::Nowhere
        }
    }

    fn includes(&self, node: &Node) -> bool {
        match self {
            Self::Node(name) => *name == node.name,
            Self::Everywhere => true,
            Self::Selected(selector, _) => selector.selects(&node.name, node.labels()),
            Self::Nowhere => false,
        }
    }
}

/// The newest generation of a pool.
#[derive(Debug)]
pub(in crate::scheduler) struct Pool {
    pub(super) id: PoolId,
    /// Whether all the slices that it announces are there.
    pub(super) is_complete: bool,
    /// Whether no two of its devices have the same name, and the counters that they take from are there.
    pub(super) is_valid: bool,
    pub(super) devices: Vec<Arc<Device>>,
    pub(super) counters: CounterSets,
}

impl Pool {
    /// Those of its devices that can be used from that node.
    pub(super) fn reachable<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Arc<Device>> {
        self.devices.iter().filter(|device| device.reach.includes(node))
    }
}

/// A slice as far as it says which pool it belongs to; its devices are read when the pool is put together.
#[derive(Debug)]
struct Slice {
    pool: PoolId,
    generation: i64,
    announced: i64,
    object: Object,
}

/// All pools.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Inventory {
    slices: BTreeMap<String, Slice>,
    pools: BTreeMap<PoolId, Arc<Pool>>,
    /// Pools with devices for one node only, by node.
    on_node: BTreeMap<String, BTreeSet<PoolId>>,
    /// Pools with devices for more than one.
    elsewhere: BTreeSet<PoolId>,
    serial: u64,
    rules: TaintRules,
}

impl Inventory {
    /// A slice came or changed.
    pub(in crate::scheduler) fn set_slice(&mut self, object: &Object) {
        let spec = &object["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pool = (text(&spec["driver"]), text(&spec["pool"]["name"]));
        let name = text(&object["metadata"]["name"]);
        let slice = Slice {
            pool: pool.clone(),
            generation: spec["pool"]["generation"].as_i64().unwrap_or_default(),
            announced: spec["pool"]["resourceSliceCount"].as_i64().unwrap_or_default(),
            object: object.clone(),
        };
        let before = self.slices.insert(name, slice);
        if let Some(before) = before.filter(|before| before.pool != pool) {
            self.assemble(&before.pool);
        }
        self.assemble(&pool);
    }

    /// A slice went.
    pub(in crate::scheduler) fn remove_slice(&mut self, name: &str) {
        if let Some(slice) = self.slices.remove(name) {
            self.assemble(&slice.pool);
        }
    }

    /// The rules that taint devices came or changed.
    pub(in crate::scheduler) fn change_rules(&mut self, change: impl FnOnce(&mut TaintRules)) {
        change(&mut self.rules);
        let pools: Vec<PoolId> = self.pools.keys().cloned().collect();
        for pool in pools {
            self.assemble(&pool);
        }
    }

    /// All devices.
    #[cfg(test)]
    pub(super) fn devices(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.pools.values().flat_map(|pool| &pool.devices)
    }

    /// The pools with devices for that node, by driver and name.
    pub(super) fn pools_for(&self, node: &Node) -> Vec<Arc<Pool>> {
        let own = self.on_node.get(&node.name).into_iter().flatten();
        let ids: BTreeSet<&PoolId> = own.chain(&self.elsewhere).collect();
        ids.into_iter()
            .filter_map(|id| self.pools.get(id))
            .filter(|pool| pool.reachable(node).next().is_some())
            .cloned()
            .collect()
    }

    fn assemble(&mut self, id: &PoolId) {
        for pools in self.on_node.values_mut() {
            pools.remove(id);
        }
        self.elsewhere.remove(id);
        let of_pool = || self.slices.values().filter(|slice| slice.pool == *id);
        let Some(newest) = of_pool().map(|slice| slice.generation).max() else {
            self.pools.remove(id);
            return;
        };
        let current: Vec<&Slice> = of_pool().filter(|slice| slice.generation == newest).collect();
        let announced = current.first().map_or(0, |slice| slice.announced);
        let mut devices = Vec::new();
        let mut counters = CounterSets::new();
        for slice in &current {
            let spec = &slice.object["spec"];
            for device in spec["devices"].as_array().into_iter().flatten() {
                self.serial += 1;
                devices.push(Arc::new(read_device(id, spec, device, self.serial, &self.rules)));
            }
            counters.extend(counter_sets(&spec["sharedCounters"], "name"));
        }
        for device in &devices {
            match &device.reach {
                Reach::Node(node) => {
                    self.on_node.entry(node.clone()).or_default().insert(id.clone());
                }
                Reach::Everywhere | Reach::Selected(..) => {
                    self.elsewhere.insert(id.clone());
                }
                Reach::Nowhere => {}
            }
        }
        let is_counted = |device: &Arc<Device>| {
            device.counters.iter().all(|(set, needs)| {
                let there = counters.get(set);
                there.is_some_and(|there| needs.keys().all(|counter| there.contains_key(counter)))
            })
        };
        let names: BTreeSet<&str> = devices.iter().map(|device| device.id.name.as_str()).collect();
        let pool = Pool {
            id: id.clone(),
            is_complete: i64::try_from(current.len()) == Ok(announced),
            is_valid: names.len() == devices.len() && devices.iter().all(is_counted),
            devices,
            counters,
        };
        self.pools.insert(id.clone(), Arc::new(pool));
    }
}

fn read_device(pool: &PoolId, slice: &Value, device: &Value, serial: u64, rules: &TaintRules) -> Device {
    let id = DeviceId {
        driver: pool.0.clone(),
        pool: pool.1.clone(),
        name: device["name"].as_str().unwrap_or_default().to_owned(),
    };
    let of = if slice["perDeviceNodeSelection"] == true {
        device
    } else {
        slice
    };
    let mut taints: Vec<Taint> = device["taints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(Taint::read)
        .collect();
    taints.extend(rules.about(&id));
    Device {
        serial,
        taints,
        counters: counter_sets(&device["consumesCounters"], "counterSet"),
        is_shared: device["allowMultipleAllocations"] == true,
        reach: Reach::read(of),
        published: device.clone(),
        id,
    }
}

fn counter_sets(list: &Value, name: &str) -> CounterSets {
    let amounts = |set: &Value| {
        let counters = set["counters"].as_object().into_iter().flatten();
        counters
            .map(|(counter, amount)| {
                (
                    counter.clone(),
                    Amount::read(&amount["value"]).unwrap_or_default(),
                )
            })
            .collect()
    };
    list.as_array()
        .into_iter()
        .flatten()
        .map(|set| (set[name].as_str().unwrap_or_default().to_owned(), amounts(set)))
        .collect()
}
