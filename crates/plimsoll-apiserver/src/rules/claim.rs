//! Claims for devices, the templates for them, and classes of devices.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{IMMUTABLE, formed, immutable, metadata, names, printed, quoting, read, type_of};
use crate::{
    cel::DeviceSelector,
    schema::{Cause, path::Path},
};

/// How long a selector's expression may be, in bytes.
const LONGEST_EXPRESSION: usize = 10 * 1024;
/// How many requests, constraints, configurations and selectors there may be.
const MOST: usize = 32;
/// How many alternatives a request may have.
const MOST_ALTERNATIVES: usize = 8;
/// How many may use one claim.
const MOST_CONSUMERS: usize = 256;

const REFERENCE: &str =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/// What is wrong with a ResourceClaim, ResourceClaimTemplate or DeviceClass.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let path = Path::new("spec");
    let spec = &object["spec"];
    match type_of(object).1 {
        "DeviceClass" => {
            check_selectors(spec, &path, causes);
            check_configurations(spec, None, &path, causes);
            let name = read::text(spec, "extendedResourceName");
            let is_extended =
                name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.");
            if read::has(spec, "extendedResourceName")
                && !(is_extended && names::qualified_name(name).is_empty())
            {
                let at = path.child("extendedResourceName");
                causes.push(Cause::invalid(
                    at,
                    &name.into(),
                    "must be a valid extended resource name",
                ));
            }
        }
        "ResourceClaim" => match old {
            Some(old) if spec != &old["spec"] => {
                causes.push(quoting(&printed::CLAIM_SPEC, spec, &path, IMMUTABLE));
            }
            Some(_) => {}
            None => check_spec(spec, &path, causes),
        },
        _ => match old {
            Some(old) => immutable(spec, &old["spec"], &path, causes),
            None => {
                let at = path.child("metadata");
                metadata::check_labels(&spec["metadata"]["labels"], &at.child("labels"), causes);
                metadata::check_annotations(
                    &spec["metadata"]["annotations"],
                    &at.child("annotations"),
                    causes,
                );
                check_spec(&spec["spec"], &path.child("spec"), causes);
            }
        },
    }
}

/// The names of requests, each with those of its alternatives.
fn request_names(devices: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let named = read::list(devices, "requests").iter().map(|request| {
        let alternatives = read::list(request, "firstAvailable")
            .iter()
            .map(|one| read::text(one, "name"));
        (read::text(request, "name"), alternatives.collect())
    });
    named.collect()
}

fn is_known(name: &str, known: &BTreeMap<&str, BTreeSet<&str>>) -> bool {
    match name.split_once('/') {
        None => known.contains_key(name),
        Some((request, alternative)) => known
            .get(request)
            .is_some_and(|names| names.contains(alternative)),
    }
}

fn check_spec(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let (devices, path) = (&spec["devices"], path.child("devices"));
    let known = request_names(devices);
    let at = path.child("requests");
    let requests = read::list(devices, "requests");
    too_many(requests.len(), MOST, &at, causes);
    let mut seen = BTreeSet::new();
    for (index, request) in requests.iter().enumerate() {
        let path = at.index(index);
        check_request(request, &path, causes);
        let name = read::text(request, "name");
        if !seen.insert(name) {
            causes.push(Cause::duplicate(&path, &name.into()));
        }
    }
    let at = path.child("constraints");
    too_many(read::list(devices, "constraints").len(), MOST, &at, causes);
    for (index, constraint) in read::list(devices, "constraints").iter().enumerate() {
        let path = at.index(index);
        check_references(constraint, &known, &path, causes);
        let fields: Vec<&str> = ["matchAttribute", "distinctAttribute"]
            .into_iter()
            .filter(|name| read::has(constraint, name))
            .collect();
        match fields.first() {
            Some(field) => check_attribute(read::text(constraint, field), &path.child(field), causes),
            None => {
                let detail = "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple \
                              fields are set";
                causes.push(Cause::required(&path, detail));
            }
        }
    }
    check_configurations(devices, Some(&known), &path, causes);
}

fn check_request(request: &Value, path: &Path, causes: &mut Vec<Cause>) {
    check_label(read::text(request, "name"), &path.child("name"), causes);
    let alternatives = read::list(request, "firstAvailable");
    match (read::has(request, "exactly"), alternatives.is_empty()) {
        (true, true) => check_devices(&request["exactly"], &path.child("exactly"), causes),
        (false, true) => {
            causes.push(Cause::required(
                path,
                "exactly one of `exactly` or `firstAvailable` is required",
            ));
        }
        (true, false) => {
            let detail =
                "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set";
            causes.push(Cause::invalid(path, &Value::Null, detail));
        }
        (false, false) => {
            let path = path.child("firstAvailable");
            too_many(alternatives.len(), MOST_ALTERNATIVES, &path, causes);
            let mut seen = BTreeSet::new();
            for (index, alternative) in alternatives.iter().enumerate() {
                let path = path.index(index);
                let name = read::text(alternative, "name");
                check_label(name, &path.child("name"), causes);
                check_devices(alternative, &path, causes);
                if !seen.insert(name) {
                    causes.push(Cause::duplicate(&path, &name.into()));
                }
            }
        }
    }
}

fn check_devices(request: &Value, path: &Path, causes: &mut Vec<Cause>) {
    match read::text(request, "deviceClassName") {
        "" => causes.push(Cause::required(path.child("deviceClassName"), "")),
        class => formed(
            class,
            names::dns1123_subdomain(class),
            &path.child("deviceClassName"),
            causes,
        ),
    }
    check_selectors(request, path, causes);
    let count = read::whole(request, "count").unwrap_or_default();
    match read::text(request, "allocationMode") {
        "All" if count != 0 => {
            let detail = "must not be specified when allocationMode is 'All'";
            causes.push(Cause::invalid(path.child("count"), &count.into(), detail));
        }
        "All" => {}
        "ExactCount" if count <= 0 => {
            causes.push(Cause::invalid(
                path.child("count"),
                &count.into(),
                "must be greater than zero",
            ));
        }
        "ExactCount" => {}
        other => {
            let supported = ["All", "ExactCount"];
            causes.push(Cause::not_supported(
                path.child("allocationMode"),
                &other.into(),
                &supported,
            ));
        }
    }
    for (index, toleration) in read::list(request, "tolerations").iter().enumerate() {
        let path = path.child("tolerations").index(index);
        let (key, operator) = (read::text(toleration, "key"), read::text(toleration, "operator"));
        if key.is_empty() && operator != "Exists" {
            let detail = "must be Exists when `key` is empty, which means \"match all values and all keys\"";
            causes.push(Cause::invalid(path.child("operator"), &operator.into(), detail));
        } else if !key.is_empty() {
            formed(key, names::qualified_name(key), &path.child("key"), causes);
        }
        let effect = read::text(toleration, "effect");
        if !matches!(effect, "" | "None" | "NoSchedule" | "NoExecute") {
            let supported = ["NoExecute", "NoSchedule"];
            causes.push(Cause::not_supported(
                path.child("effect"),
                &effect.into(),
                &supported,
            ));
        }
    }
}

fn check_selectors(of: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let path = path.child("selectors");
    let selectors = read::list(of, "selectors");
    too_many(selectors.len(), MOST, &path, causes);
    for (index, selector) in selectors.iter().enumerate() {
        let path = path.index(index).child("cel");
        if !read::has(selector, "cel") {
            causes.push(Cause::required(path, ""));
            continue;
        }
        let path = path.child("expression");
        let expression = read::text(&selector["cel"], "expression");
        if expression.len() > LONGEST_EXPRESSION {
            causes.push(Cause::too_long(path, LONGEST_EXPRESSION as u64));
        } else if let Err(fault) = DeviceSelector::compile(expression) {
            causes.push(Cause::invalid(path, &expression.into(), &fault));
        }
    }
}

/// Configurations of a claim, which name requests, or of a class, which don't.
fn check_configurations(
    of: &Value,
    known: Option<&BTreeMap<&str, BTreeSet<&str>>>,
    path: &Path,
    causes: &mut Vec<Cause>,
) {
    let path = path.child("config");
    too_many(read::list(of, "config").len(), MOST, &path, causes);
    for (index, configuration) in read::list(of, "config").iter().enumerate() {
        let path = path.index(index);
        if let Some(known) = known {
            check_references(configuration, known, &path, causes);
        }
        let (opaque, path) = (&configuration["opaque"], path.child("opaque"));
        if opaque.is_null() {
            causes.push(Cause::required(path, ""));
            continue;
        }
        match read::text(opaque, "driver") {
            "" => causes.push(Cause::required(path.child("driver"), "")),
            driver => formed(
                driver,
                names::dns1123_subdomain(&driver.to_lowercase()),
                &path.child("driver"),
                causes,
            ),
        }
        match &opaque["parameters"] {
            Value::Object(_) => {}
            Value::Null => causes.push(Cause::required(path.child("parameters"), "")),
            _ => {
                let detail = "parameters must be a valid JSON object";
                causes.push(Cause::invalid(
                    path.child("parameters"),
                    &"<value omitted>".into(),
                    detail,
                ));
            }
        }
    }
}

fn check_references(
    of: &Value,
    known: &BTreeMap<&str, BTreeSet<&str>>,
    path: &Path,
    causes: &mut Vec<Cause>,
) {
    let mut seen = BTreeSet::new();
    for (index, name) in read::list(of, "requests").iter().enumerate() {
        let path = path.child("requests").index(index);
        let text = name.as_str().unwrap_or_default();
        if !is_known(text, known) {
            causes.push(Cause::invalid(&path, name, REFERENCE));
        }
        if !seen.insert(text) {
            causes.push(Cause::duplicate(path, name));
        }
    }
}

fn check_attribute(name: &str, path: &Path, causes: &mut Vec<Cause>) {
    match name.split_once('/') {
        Some((domain, id)) => {
            formed(domain, names::dns1123_subdomain(domain), path, causes);
            formed(id, names::c_identifier(id), path, causes);
        }
        None => {
            let detail = "a fully qualified name must be a domain and a name separated by a slash";
            causes.push(Cause::invalid(path, &name.into(), detail));
        }
    }
}

fn check_label(name: &str, path: &Path, causes: &mut Vec<Cause>) {
    match name {
        "" => causes.push(Cause::required(path, "")),
        name => formed(name, names::dns1123_label(name), path, causes),
    }
}

fn too_many(count: usize, most: usize, path: &Path, causes: &mut Vec<Cause>) {
    if count > most {
        causes.push(Cause::too_many(path, count, most as u64));
    }
}

/// What is wrong with a claim's new status.
pub(super) fn check_status(claim: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let (status, before, path) = (&claim["status"], &old["status"], Path::new("status"));
    let consumers = read::list(status, "reservedFor");
    let at = path.child("reservedFor");
    too_many(consumers.len(), MOST_CONSUMERS, &at, causes);
    let mut seen = BTreeSet::new();
    for (index, consumer) in consumers.iter().enumerate() {
        let path = at.index(index);
        for field in ["resource", "name", "uid"] {
            if read::text(consumer, field).is_empty() {
                causes.push(Cause::required(path.child(field), ""));
            }
        }
        let uid = read::text(consumer, "uid");
        if !seen.insert(uid) {
            causes.push(Cause::duplicate(&path, &uid.into()));
        }
    }
    let has_allocation = read::has(status, "allocation");
    if !consumers.is_empty() && !has_allocation {
        causes.push(Cause::forbidden(
            &at,
            "may not be specified when `allocated` is not set",
        ));
    }
    if read::has(&claim["metadata"], "deletionTimestamp") {
        let reserved = read::list(before, "reservedFor");
        if has_allocation && consumers.iter().any(|consumer| !reserved.contains(consumer)) {
            let detail =
                "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
            causes.push(Cause::forbidden(&at, detail));
        }
    }
    if !has_allocation {
        return;
    }
    let at = path.child("allocation");
    if read::has(before, "allocation") {
        immutable(&status["allocation"], &before["allocation"], &at, causes);
        return;
    }
    let known = request_names(&claim["spec"]["devices"]);
    let at = at.child("devices").child("results");
    let results = read::list(&status["allocation"]["devices"], "results");
    too_many(results.len(), MOST, &at, causes);
    for (index, result) in results.iter().enumerate() {
        let path = at.index(index);
        let request = read::text(result, "request");
        if !is_known(request, &known) {
            causes.push(Cause::invalid(path.child("request"), &request.into(), REFERENCE));
        }
        for field in ["driver", "pool", "device"] {
            if read::text(result, field).is_empty() {
                causes.push(Cause::required(path.child(field), ""));
            }
        }
    }
}
