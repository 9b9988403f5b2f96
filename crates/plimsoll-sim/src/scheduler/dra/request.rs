//! What a claim asks for.

use std::collections::BTreeMap;

use crate::scheduler::Object;
use serde_json::Value;

use crate::scheduler::{labels::strings, taint::Toleration};

/// A claim's requests and what its devices must have in common.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct ClaimRequest {
    /// `namespace/name`, for messages.
    pub(in crate::scheduler) title: String,
    pub(in crate::scheduler) requests: Vec<Request>,
    pub(super) constraints: Vec<Common>,
    /// `spec.devices.config`.
    pub(super) config: Value,
}

/// One request.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct Request {
    pub(in crate::scheduler) name: String,
    /// What would do, the best first; one without a name of its own unless there is a choice.
    pub(in crate::scheduler) choices: Vec<Choice>,
}

/// One way to meet a request.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct Choice {
    /// Its name within the request, where there is a choice.
    pub(super) name: Option<String>,
    pub(in crate::scheduler) class: String,
    pub(super) selectors: Vec<String>,
    pub(super) count: Count,
    pub(super) is_admin: bool,
    pub(super) tolerations: Vec<Toleration>,
    /// As they were asked for.
    pub(super) tolerations_asked: Value,
    /// Of the device's capacities, as they were asked for.
    pub(super) capacities: BTreeMap<String, Value>,
}

/// How many devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Exactly(usize),
    All,
}

/// What devices of one claim must have in common, or must not.
#[derive(Clone, Debug)]
pub(super) struct Common {
    /// Of which requests, or `request/choice`; of all where it is empty.
    pub(super) requests: Vec<String>,
    /// The attribute, with its domain.
    pub(super) attribute: String,
    /// Whether it must be the same rather than different.
    pub(super) is_same: bool,
}

impl ClaimRequest {
    /// Reads the spec of a claim.
    pub(in crate::scheduler) fn read(title: &str, spec: &Value) -> Self {
        let devices = &spec["devices"];
        let list = |key: &str| devices[key].as_array().into_iter().flatten();
        Self {
            title: title.to_owned(),
            requests: list("requests").map(Request::read).collect(),
            constraints: list("constraints").filter_map(Common::read).collect(),
            config: devices["config"].clone(),
        }
    }
}

impl Request {
    fn read(request: &Value) -> Self {
        let choices = request["firstAvailable"].as_array();
        let choices: Vec<Choice> = choices
            .into_iter()
            .flatten()
            .map(|choice| Choice::read(choice, true))
            .collect();
        Self {
            name: request["name"].as_str().unwrap_or_default().to_owned(),
            choices: if choices.is_empty() {
                vec![Choice::read(&request["exactly"], false)]
            } else {
                choices
            },
        }
    }
}

impl Choice {
    fn read(value: &Value, is_named: bool) -> Self {
        let list = |key: &str| value[key].as_array().into_iter().flatten();
        let count = usize::try_from(value["count"].as_u64().unwrap_or(1)).unwrap_or(usize::MAX);
        let capacities = value["capacity"]["requests"].as_object().into_iter().flatten();
        Self {
            name: if is_named {
                value["name"].as_str().map(str::to_owned)
            } else {
                None
            },
            class: value["deviceClassName"].as_str().unwrap_or_default().to_owned(),
            selectors: list("selectors").map(expression).collect(),
            count: if value["allocationMode"] == "All" {
                Count::All
            } else {
                Count::Exactly(count)
            },
            is_admin: value["adminAccess"] == true,
            tolerations: list("tolerations").map(Toleration::read).collect(),
            tolerations_asked: value["tolerations"].clone(),
            capacities: capacities
                .map(|(name, amount)| (name.clone(), amount.clone()))
                .collect(),
        }
    }
}

impl Common {
    fn read(constraint: &Value) -> Option<Self> {
        let (attribute, is_same) = match (&constraint["matchAttribute"], &constraint["distinctAttribute"]) {
            (Value::String(attribute), _) => (attribute, true),
            (_, Value::String(attribute)) => (attribute, false),
            _ => return None,
        };
        Some(Self {
            requests: strings(&constraint["requests"]),
            attribute: attribute.clone(),
            is_same,
        })
    }

    /// Whether it is about a request, by way of that choice of it.
    pub(super) fn is_about(&self, request: &str, choice: Option<&str>) -> bool {
        self.requests.is_empty()
            || self.requests.iter().any(|one| {
                one == request
                    || one
                        .split_once('/')
                        .is_some_and(|(name, sub)| name == request && Some(sub) == choice)
            })
    }
}

/// A DeviceClass.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct Class {
    pub(super) name: String,
    pub(super) selectors: Vec<String>,
    /// `spec.config`.
    pub(super) config: Value,
    /// The extended resource that it stands for.
    pub(in crate::scheduler) resource: Option<String>,
    pub(in crate::scheduler) created: String,
}

impl Class {
    pub(in crate::scheduler) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::scheduler) fn read(object: &Object) -> Self {
        let spec = &object["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: text(&object["metadata"]["name"]),
            selectors: spec["selectors"]
                .as_array()
                .into_iter()
                .flatten()
                .map(expression)
                .collect(),
            config: spec["config"].clone(),
            resource: spec["extendedResourceName"].as_str().map(str::to_owned),
            created: text(&object["metadata"]["creationTimestamp"]),
        }
    }
}

fn expression(selector: &Value) -> String {
    selector["cel"]["expression"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
