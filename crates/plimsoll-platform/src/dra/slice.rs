//! ResourceSlices: the devices that drivers publish.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::Value;

use super::Attribute;

/// A slice of a pool of devices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slice {
    /// The object's name.
    pub name: String,
    /// Who publishes it.
    pub driver: String,
    /// The pool it is part of.
    pub pool: String,
    /// The pool's generation; slices of an older one are out of date.
    pub generation: i64,
    /// How many slices the pool consists of.
    pub pool_slices: i64,
    /// The node the devices are on; none for devices that several nodes can reach.
    pub node: Option<String>,
    /// The devices.
    pub devices: Vec<Device>,
    /// Counters that devices share, as `set/counter` with its total.
    pub shared_counters: BTreeMap<String, String>,
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Device {
    /// Its name within the pool.
    pub name: String,
    /// Its attributes by full name, such as `gpu.nvidia.com/uuid`: a name without a domain gets the driver's.
    pub attributes: Arc<BTreeMap<String, Attribute>>,
    /// Its capacities by full name, as quantities.
    pub capacity: Arc<BTreeMap<String, String>>,
    /// Why it should not be used.
    pub taints: Vec<Taint>,
    /// The node, where devices of one slice are on different ones.
    pub node: Option<String>,
    /// What it takes of shared counters, as `set/counter`.
    pub consumes: BTreeMap<String, String>,
    /// Whether several claims may have it at once.
    pub shareable: bool,
}

/// Why a device should not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taint {
    /// What it is about.
    pub key: String,
    /// Its value.
    pub value: Option<String>,
    /// What it forbids.
    pub effect: Effect,
}

/// What a device taint forbids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// New allocations.
    NoSchedule,
    /// Allocations, those that exist as well.
    NoExecute,
    /// Nothing, or something this version does not know.
    Other(String),
}

impl Slice {
    /// From an object of any version; `None` where what makes a slice is missing.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let spec = object.get("spec")?;
        let driver = text(spec.get("driver"))?;
        let pool = spec.get("pool")?;
        let devices = spec
            .get("devices")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut last = Arc::default();
        Some(Self {
            name: text(object.pointer("/metadata/name"))?,
            pool: text(pool.get("name"))?,
            generation: pool.get("generation").and_then(Value::as_i64).unwrap_or_default(),
            pool_slices: pool
                .get("resourceSliceCount")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            node: text(spec.get("nodeName")),
            devices: devices
                .iter()
                .filter_map(|device| Device::read(&driver, device))
                .map(|device| device.sharing(&mut last))
                .collect(),
            shared_counters: counters(spec.get("sharedCounters"), "name"),
            driver,
        })
    }
}

impl Device {
    fn read(driver: &str, device: &Value) -> Option<Self> {
        // v1beta1 has everything but the name one level down.
        let facts = device.get("basic").unwrap_or(device);
        let object = |field: &str| facts.get(field).and_then(Value::as_object).into_iter().flatten();
        Some(Self {
            name: text(device.get("name"))?,
            attributes: object("attributes")
                .filter_map(|(name, value)| Some((full_name(driver, name), Attribute::read(value)?)))
                .collect::<BTreeMap<_, _>>()
                .into(),
            capacity: object("capacity")
                .filter_map(|(name, value)| {
                    // v1beta1 once had the bare quantity.
                    let quantity = value.get("value").unwrap_or(value);
                    Some((full_name(driver, name), text(Some(quantity))?))
                })
                .collect::<BTreeMap<_, _>>()
                .into(),
            taints: facts
                .get("taints")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Taint::read)
                .collect(),
            node: text(facts.get("nodeName")),
            consumes: counters(facts.get("consumesCounters"), "counterSet"),
            shareable: facts
                .get("allowMultipleAllocations")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
        })
    }

    /// The same, with the `last` device's capacity where that is equal: mostly it is, and a big cluster has tens of
    /// thousands of devices.
    fn sharing(mut self, last: &mut Arc<BTreeMap<String, String>>) -> Self {
        if self.capacity == *last {
            self.capacity = Arc::clone(last);
        } else {
            *last = Arc::clone(&self.capacity);
        }
        self
    }

    /// An attribute by its name: full, or within the driver's domain.
    #[must_use]
    pub fn attribute(&self, driver: &str, name: &str) -> Option<&Attribute> {
        self.attributes.get(&full_name(driver, name))
    }

    /// Whether a taint keeps it from being allocated.
    #[must_use]
    pub fn is_tainted(&self) -> bool {
        self.taints
            .iter()
            .any(|taint| matches!(taint.effect, Effect::NoSchedule | Effect::NoExecute))
    }
}

impl Taint {
    fn read(taint: &Value) -> Option<Self> {
        Some(Self {
            key: text(taint.get("key"))?,
            value: text(taint.get("value")),
            effect: match taint.get("effect").and_then(Value::as_str).unwrap_or_default() {
                "NoSchedule" => Effect::NoSchedule,
                "NoExecute" => Effect::NoExecute,
                other => Effect::Other(other.to_owned()),
            },
        })
    }
}

fn full_name(driver: &str, name: &str) -> String {
    if name.contains('/') {
        name.to_owned()
    } else {
        format!("{driver}/{name}")
    }
}

/// Counter sets as `set/counter` → quantity.
fn counters(sets: Option<&Value>, name: &str) -> BTreeMap<String, String> {
    let sets = sets
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut flat = BTreeMap::new();
    for set in sets {
        let Some(set_name) = set.get(name).and_then(Value::as_str) else {
            continue;
        };
        for (counter, value) in set
            .get("counters")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if let Some(quantity) = text(value.get("value")) {
                flat.insert(format!("{set_name}/{counter}"), quantity);
            }
        }
    }
    flat
}

pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
