//! The priority of pods, from the name of a class.

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::{
    Status,
    policy::{
        View,
        fields::{meta, text},
    },
    resources,
};

/// The classes that every cluster has.
#[must_use]
pub fn system_classes() -> Vec<Value> {
    let class = |name: &str, value: i64, description: &str| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": "PreemptLowerPriority",
            "description": description,
        })
    };
    vec![
        class(
            "system-cluster-critical",
            2_000_000_000,
            "For what the cluster can't do without.",
        ),
        class(
            "system-node-critical",
            2_000_001_000,
            "For what a node can't do without.",
        ),
    ]
}

pub(super) fn mutate(view: &dyn View, request: &mut Request) -> Result<(), Status> {
    if !request.is_about(&resources::PODS) {
        return Ok(());
    }
    match request.operation {
        Operation::Create => resolve(view, request),
        Operation::Update => {
            keep(request);
            Ok(())
        }
        Operation::Delete | Operation::Connect => Ok(()),
    }
}

/// What was resolved once stays, whatever an update leaves out.
fn keep(request: &mut Request) {
    let (Some(pod), Some(old)) = (request.object.as_mut(), request.old.as_ref()) else {
        return;
    };
    for field in ["priority", "preemptionPolicy"] {
        if pod["spec"][field].is_null() && !old["spec"][field].is_null() {
            pod["spec"][field] = old["spec"][field].clone();
        }
    }
}

fn resolve(view: &dyn View, request: &mut Request) -> Result<(), Status> {
    let Some(pod) = request.new_pod() else {
        return Ok(());
    };
    let given = pod["spec"].clone();
    let name = text(&given, "priorityClassName");
    let class = if name.is_empty() {
        default_class(view)
    } else {
        let found = view.get(&resources::PRIORITY_CLASSES, None, name);
        let missing = || request.forbidden(&format!("no PriorityClass with name {name} was found"));
        Some(found.ok_or_else(missing)?)
    };
    let priority = class
        .as_ref()
        .and_then(|class| class["value"].as_i64())
        .unwrap_or(0);
    let policy = class
        .as_ref()
        .and_then(|class| class["preemptionPolicy"].as_str())
        .unwrap_or("PreemptLowerPriority");
    if let Some(own) = given["priority"].as_i64().filter(|own| *own != priority) {
        return Err(request.forbidden(&format!(
            "the integer value of priority ({own}) must not be provided in pod spec; priority admission controller \
             computed {priority} from the given PriorityClass name"
        )));
    }
    if let Some(own) = given["preemptionPolicy"].as_str().filter(|own| *own != policy) {
        return Err(request.forbidden(&format!(
            "the string value of PreemptionPolicy ({own}) must not be provided in pod spec; priority admission \
             controller computed {policy} from the given PriorityClass name"
        )));
    }
    if let Some(pod) = request.new_pod() {
        let spec = &mut pod["spec"];
        if let Some(class) = &class {
            spec["priorityClassName"] = json!(meta(class, "name"));
        }
        spec["priority"] = json!(priority);
        spec["preemptionPolicy"] = json!(policy);
    }
    Ok(())
}

/// Of several classes that are the default one, the lowest.
fn default_class(view: &dyn View) -> Option<std::sync::Arc<Value>> {
    view.list(&resources::PRIORITY_CLASSES, None)
        .into_iter()
        .filter(|class| class["globalDefault"] == true)
        .min_by_key(|class| class["value"].as_i64())
}

pub(super) fn validate(view: &dyn View, request: &Request) -> Result<(), Status> {
    let written = matches!(request.operation, Operation::Create | Operation::Update);
    let Some(class) = request.object.as_ref() else {
        return Ok(());
    };
    if !written || !request.is_about(&resources::PRIORITY_CLASSES) || class["globalDefault"] != true {
        return Ok(());
    }
    match default_class(view) {
        Some(other) if request.operation == Operation::Create || meta(&other, "name") != request.name => {
            Err(request.forbidden(&format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                meta(&other, "name")
            )))
        }
        _ => Ok(()),
    }
}
