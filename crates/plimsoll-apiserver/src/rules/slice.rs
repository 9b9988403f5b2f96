//! Slices of a pool of devices, as drivers publish them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{formed, immutable, names, printed, quoting, read};
use crate::{
    Quantity,
    schema::{Cause, path::Path},
};

const MOST_DEVICES: usize = 128;
const MOST_DEVICES_WITH_MORE: usize = 64;
const MOST_FACTS: usize = 32;
const LONGEST_VALUE: usize = 64;

const SELECTION: &str =
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";

/// What is wrong with a slice, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    match read::text(spec, "driver") {
        "" => causes.push(Cause::required(path.child("driver"), "")),
        driver => formed(
            driver,
            names::dns1123_subdomain(&driver.to_lowercase()),
            &path.child("driver"),
            causes,
        ),
    }
    check_pool(&spec["pool"], &path.child("pool"), causes);
    if let Some(old) = old {
        let old = &old["spec"];
        immutable(
            &spec["pool"]["name"],
            &old["pool"]["name"],
            &path.child("pool").child("name"),
            causes,
        );
        for field in ["driver", "nodeName"] {
            immutable(&spec[field], &old[field], &path.child(field), causes);
        }
    }
    check_nodes(spec, &path, causes);
    let counters = read::list(spec, "sharedCounters");
    let devices = read::list(spec, "devices");
    if !counters.is_empty() && !devices.is_empty() {
        let detail = "only one of `sharedCounters` or `devices` is allowed";
        causes.push(Cause::invalid(&path, &"".into(), detail));
    }
    let has_more = devices.iter().any(|device| {
        !read::list(device, "taints").is_empty() || !read::list(device, "consumesCounters").is_empty()
    });
    let most = if has_more {
        MOST_DEVICES_WITH_MORE
    } else {
        MOST_DEVICES
    };
    let at = path.child("devices");
    if devices.len() > most {
        causes.push(Cause::too_many(&at, devices.len(), most as u64));
    }
    for (index, device) in devices.iter().enumerate() {
        let path = at.index(index);
        check_device(device, read::is(spec, "perDeviceNodeSelection"), &path, causes);
    }
    let mut seen = BTreeSet::new();
    for (index, device) in devices.iter().enumerate() {
        let name = read::text(device, "name");
        if !seen.insert(name) {
            causes.push(Cause::duplicate(at.index(index), &name.into()));
        }
    }
    for (index, set) in counters.iter().enumerate() {
        check_counters(set, "name", &path.child("sharedCounters").index(index), causes);
    }
}

fn check_pool(pool: &Value, path: &Path, causes: &mut Vec<Cause>) {
    match read::text(pool, "name") {
        "" => causes.push(Cause::required(path.child("name"), "")),
        name => {
            for part in name.split('/') {
                formed(part, names::dns1123_subdomain(part), &path.child("name"), causes);
            }
        }
    }
    let count = read::whole(pool, "resourceSliceCount").unwrap_or_default();
    if count <= 0 {
        causes.push(Cause::invalid(
            path.child("resourceSliceCount"),
            &count.into(),
            "must be greater than zero",
        ));
    }
    if let Some(generation) = read::whole(pool, "generation").filter(|generation| *generation < 0) {
        let detail = "must be greater than or equal to zero";
        causes.push(Cause::invalid(
            path.child("generation"),
            &generation.into(),
            detail,
        ));
    }
}

fn check_nodes(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let mut set = Vec::new();
    for field in ["nodeName", "nodeSelector"] {
        if read::has(spec, field) {
            set.push(format!("`{field}`"));
        }
    }
    for field in ["allNodes", "perDeviceNodeSelection"] {
        match spec.get(field).and_then(Value::as_bool) {
            Some(true) => set.push(format!("`{field}`")),
            Some(false) => {
                let detail = "must be either unset or set to true";
                causes.push(Cause::invalid(path.child(field), &false.into(), detail));
            }
            None => {}
        }
    }
    if spec.get("nodeName").and_then(Value::as_str) == Some("") {
        let detail = "must be either unset or set to a non-empty string";
        causes.push(Cause::invalid(path.child("nodeName"), &"".into(), detail));
    }
    match set.len() {
        0 => causes.push(Cause::required(path, SELECTION)),
        1 => {}
        _ => {
            let detail = format!("{SELECTION}, but multiple fields are set");
            causes.push(Cause::invalid(
                path,
                &format!("{{{}}}", set.join(", ")).into(),
                &detail,
            ));
        }
    }
}

fn check_device(device: &Value, selects_nodes: bool, path: &Path, causes: &mut Vec<Cause>) {
    match read::text(device, "name") {
        "" => causes.push(Cause::required(path.child("name"), "")),
        name => formed(name, names::dns1123_label(name), &path.child("name"), causes),
    }
    let facts = read::entries(device, "attributes").count() + read::entries(device, "capacity").count();
    if facts > MOST_FACTS {
        let detail = format!("the total number of attributes and capacities must not exceed {MOST_FACTS}");
        causes.push(Cause::invalid(path, &facts.into(), &detail));
    }
    for (name, attribute) in read::entries(device, "attributes") {
        let path = path.child("attributes");
        check_name(name, &path, causes);
        check_attribute(attribute, &path.key(name), causes);
    }
    for (name, capacity) in read::entries(device, "capacity") {
        let path = path.child("capacity");
        check_name(name, &path, causes);
        let path = path.key(name);
        if read::has(capacity, "requestPolicy") && !read::is(device, "allowMultipleAllocations") {
            causes.push(Cause::forbidden(
                path.child("requestPolicy"),
                "allowMultipleAllocations must be true",
            ));
        }
        if Quantity::read(&capacity["value"]).is_some_and(Quantity::is_negative) {
            causes.push(Cause::invalid(
                path,
                &capacity["value"],
                "must be greater than or equal to 0",
            ));
        }
    }
    for (index, taint) in read::list(device, "taints").iter().enumerate() {
        let path = path.child("taints").index(index);
        let key = read::text(taint, "key");
        formed(key, names::qualified_name(key), &path.child("key"), causes);
        match read::text(taint, "effect") {
            "" => causes.push(Cause::required(path.child("effect"), "")),
            "None" | "NoSchedule" | "NoExecute" => {}
            effect => {
                let supported = ["NoExecute", "NoSchedule", "None"];
                causes.push(Cause::not_supported(
                    path.child("effect"),
                    &effect.into(),
                    &supported,
                ));
            }
        }
    }
    for (index, consumed) in read::list(device, "consumesCounters").iter().enumerate() {
        check_counters(
            consumed,
            "counterSet",
            &path.child("consumesCounters").index(index),
            causes,
        );
    }
    let is_selecting = ["nodeName", "nodeSelector", "allNodes"]
        .iter()
        .any(|field| read::has(device, field));
    if is_selecting && !selects_nodes {
        let detail = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to \
                      true in the ResourceSlice spec";
        causes.push(Cause::invalid(path, &Value::Null, detail));
    } else if !is_selecting && selects_nodes {
        let detail = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when \
                      `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
        causes.push(Cause::required(path, detail));
    }
}

fn check_name(name: &str, path: &Path, causes: &mut Vec<Cause>) {
    let id = match name.split_once('/') {
        Some(("", _)) => {
            causes.push(Cause::invalid(path, &"".into(), "the domain must not be empty"));
            return;
        }
        Some((domain, id)) => {
            formed(domain, names::dns1123_subdomain(domain), path, causes);
            id
        }
        None => name,
    };
    formed(id, names::c_identifier(id), path, causes);
}

fn check_attribute(attribute: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let values: Vec<(&String, &Value)> = attribute
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .collect();
    match values.as_slice() {
        [] => causes.push(Cause::invalid(
            path,
            &"".into(),
            "exactly one value must be specified",
        )),
        [(kind, value)] => {
            let text = value.as_str().unwrap_or_default();
            let path = path.child(kind);
            if text.len() > LONGEST_VALUE {
                causes.push(Cause::too_long(&path, LONGEST_VALUE as u64));
            }
            if kind.as_str() == "version" && semver::Version::parse(text).is_err() {
                let detail = "must be a string compatible with semver.org spec 2.0.0";
                causes.push(Cause::invalid(&path, value, detail));
            }
            if value.as_array().is_some_and(Vec::is_empty) {
                causes.push(Cause::invalid(&path, value, "must not be empty if specified"));
            }
        }
        _ => causes.push(quoting(
            &printed::ATTRIBUTE,
            attribute,
            path,
            "exactly one value must be specified",
        )),
    }
}

/// A set of counters, or what a device takes of one.
fn check_counters(set: &Value, name: &str, path: &Path, causes: &mut Vec<Cause>) {
    match read::text(set, name) {
        "" => causes.push(Cause::required(path.child(name), "")),
        text => formed(text, names::dns1123_label(text), &path.child(name), causes),
    }
    if read::entries(set, "counters").count() == 0 {
        causes.push(Cause::required(path.child("counters"), ""));
    }
    for (counter, _) in read::entries(set, "counters") {
        formed(
            counter,
            names::dns1123_label(counter),
            &path.child("counters").key(counter),
            causes,
        );
    }
}
