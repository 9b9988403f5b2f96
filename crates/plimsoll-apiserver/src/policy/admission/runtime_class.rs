//! What a pod's RuntimeClass adds to it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Request;
use crate::{
    Quantity, Status,
    policy::{View, fields::items},
    resources,
};

pub(super) fn mutate(view: &dyn View, request: &mut Request) -> Result<(), Status> {
    let class = class_of(view, request)?;
    let (Some(class), Some(pod)) = (class, request.new_pod()) else {
        return Ok(());
    };
    let spec = &mut pod["spec"];
    let overhead = &class["overhead"]["podFixed"];
    if overhead.is_object() {
        if !is_empty(&spec["overhead"]) && !same_amounts(&spec["overhead"], overhead) {
            return Err(mismatch(request));
        }
        spec["overhead"] = overhead.clone();
    }
    let scheduling = &class["scheduling"];
    for (key, value) in scheduling["nodeSelector"].as_object().into_iter().flatten() {
        let own = &spec["nodeSelector"][key];
        if !own.is_null() && own != value {
            let (class, own) = (
                value.as_str().unwrap_or_default(),
                own.as_str().unwrap_or_default(),
            );
            let why = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {class}; pod.spec.nodeSelector[{key}] = {own}"
            );
            return Err(request.forbidden(&why));
        }
        spec["nodeSelector"][key] = value.clone();
    }
    let tolerations: Vec<Value> = items(scheduling, "tolerations").cloned().collect();
    for toleration in tolerations {
        if items(spec, "tolerations").any(|own| *own == toleration) {
            continue;
        }
        match spec["tolerations"].as_array_mut() {
            Some(own) => own.push(toleration),
            None => spec["tolerations"] = json!([toleration]),
        }
    }
    Ok(())
}

pub(super) fn validate(view: &dyn View, request: &mut Request) -> Result<(), Status> {
    let class = class_of(view, request)?;
    let Some(pod) = request.new_pod() else {
        return Ok(());
    };
    let given = pod["spec"]["overhead"].clone();
    match class.map(|class| class["overhead"]["podFixed"].clone()) {
        Some(defined) if defined.is_object() => {
            if same_amounts(&given, &defined) {
                Ok(())
            } else {
                Err(mismatch(request))
            }
        }
        _ if given.is_object() => {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
            Err(request.forbidden(why))
        }
        _ => Ok(()),
    }
}

fn class_of(view: &dyn View, request: &mut Request) -> Result<Option<Arc<Value>>, Status> {
    let Some(pod) = request.new_pod() else {
        return Ok(None);
    };
    let Some(name) = pod["spec"]["runtimeClassName"].as_str().map(str::to_owned) else {
        return Ok(None);
    };
    match view.get(&resources::RUNTIME_CLASSES, None, &name) {
        Some(class) => Ok(Some(class)),
        None => Err(request.forbidden(&format!("pod rejected: RuntimeClass {name:?} not found"))),
    }
}

fn mismatch(request: &Request) -> Status {
    request.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
}

fn is_empty(amounts: &Value) -> bool {
    amounts.as_object().is_none_or(serde_json::Map::is_empty)
}

/// Whether two lists of amounts say the same, however they are written.
fn same_amounts(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return is_empty(one) && is_empty(other);
    };
    one.len() == other.len()
        && one.iter().all(|(name, amount)| {
            other
                .get(name)
                .is_some_and(|own| Quantity::read(own) == Quantity::read(amount))
        })
}
