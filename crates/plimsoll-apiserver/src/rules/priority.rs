//! Priorities, and groups of pods that are scheduled together.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{IMMUTABLE, formed, immutable, names, one_of, printed, read};
use crate::schema::{Cause, CauseReason, path::Path};

const HIGHEST: i64 = 1_000_000_000;

/// What is wrong with a PriorityClass, Workload or PodGroup, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    match read::text(object, "kind") {
        "PriorityClass" => check_class(object, old, causes),
        "PodGroup" => check_group(object, old, causes),
        "Workload" => check_workload(object, old, causes),
        _ => {}
    }
}

fn check_class(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let name = read::text_at(object, "/metadata/name");
    let value = read::whole(object, "value").unwrap_or_default();
    let is_system = matches!(name, "system-cluster-critical" | "system-node-critical");
    if name.starts_with("system-") && !is_system {
        let detail = format!(
            "priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a known \
             system priority class"
        );
        causes.push(Cause::forbidden("metadata.name", &detail));
    } else if value > HIGHEST && !is_system {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        causes.push(Cause::forbidden("value", &detail));
    }
    one_of(
        object,
        "preemptionPolicy",
        &["PreemptLowerPriority", "Never"],
        &Path::root(),
        causes,
    );
    let Some(old) = old else { return };
    if object.get("value") != old.get("value") {
        causes.push(Cause::forbidden("value", "may not be changed in an update."));
    }
    let path = Path::new("preemptionPolicy");
    immutable(
        &object["preemptionPolicy"],
        &old["preemptionPolicy"],
        &path,
        causes,
    );
}

fn check_group(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    check_policy(&spec["schedulingPolicy"], &path.child("schedulingPolicy"), causes);
    check_constraints(spec, &path, causes);
    let mode = &spec["disruptionMode"];
    if let Some(text) = mode.as_str().filter(|mode| !matches!(*mode, "Pod" | "PodGroup")) {
        causes.push(Cause::not_supported(
            path.child("disruptionMode"),
            &text.into(),
            &["Pod", "PodGroup"],
        ));
    }
    let Some(old) = old else { return };
    let old = &old["spec"];
    for field in [
        "podGroupTemplateRef",
        "workloadRef",
        "schedulingPolicy",
        "schedulingConstraints",
        "resourceClaims",
        "disruptionMode",
        "priorityClassName",
        "priority",
    ] {
        // A structure is not quoted.
        let quoted = match &spec[field] {
            Value::Object(_) => &Value::Null,
            other => other,
        };
        if spec[field] != old[field] {
            causes.push(Cause::invalid(path.child(field), quoted, IMMUTABLE));
        }
    }
}

fn check_workload(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    // The first version has its groups in the workload itself.
    let is_first = read::text(object, "apiVersion").ends_with("/v1alpha1");
    let (list, policy) = if is_first {
        ("podGroups", "policy")
    } else {
        ("podGroupTemplates", "schedulingPolicy")
    };
    let groups = read::list(spec, list);
    let at = path.child(list);
    if groups.is_empty() && read::list(spec, "compositePodGroupTemplates").is_empty() {
        causes.push(Cause::required(&at, ""));
    }
    if groups.len() > 8 {
        causes.push(Cause::too_many(&at, groups.len(), 8));
    }
    let mut seen = BTreeSet::new();
    for (index, group) in groups.iter().enumerate() {
        if !seen.insert(read::text(group, "name")) {
            let group = printed::printed(&printed::GROUP_TEMPLATE, group);
            causes.push(Cause::quoting(
                CauseReason::Duplicate,
                at.index(index),
                &group,
                "",
            ));
        }
    }
    for (index, group) in groups.iter().enumerate() {
        let path = at.index(index);
        let name = read::text(group, "name");
        match name {
            "" => causes.push(Cause::required(path.child("name"), "")),
            name => formed(name, names::dns1123_label(name), &path.child("name"), causes),
        }
        check_policy(&group[policy], &path.child(policy), causes);
        check_constraints(group, &path, causes);
    }
    if let Some(old) = old {
        immutable(&spec[list], &old["spec"][list], &at, causes);
        let before = &old["spec"]["controllerRef"];
        if !before.is_null() {
            immutable(
                &spec["controllerRef"],
                before,
                &path.child("controllerRef"),
                causes,
            );
        }
    }
}

fn check_policy(policy: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let kinds: Vec<&str> = ["basic", "gang"]
        .into_iter()
        .filter(|kind| read::has(policy, kind))
        .collect();
    match kinds.as_slice() {
        [] => causes.push(Cause::invalid(
            path,
            &"".into(),
            "must specify one of: `basic`, `gang`",
        )),
        [_] => {}
        several => {
            let detail = "must specify exactly one of: `basic`, `gang`";
            causes.push(Cause::invalid(
                path,
                &format!("{{{}}}", several.join(", ")).into(),
                detail,
            ));
        }
    }
    if read::has(policy, "gang") {
        let count = read::whole(&policy["gang"], "minCount").unwrap_or_default();
        let path = path.child("gang").child("minCount");
        match count {
            0 => causes.push(Cause::required(path, "")),
            count if count < 1 => {
                causes.push(Cause::invalid(
                    path,
                    &count.into(),
                    "must be greater than or equal to 1",
                ));
            }
            _ => {}
        }
    }
}

fn check_constraints(of: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let topology = read::list(&of["schedulingConstraints"], "topology");
    let path = path.child("schedulingConstraints").child("topology");
    if topology.len() > 1 {
        causes.push(Cause::too_many(&path, topology.len(), 1));
    }
    for (index, constraint) in topology.iter().enumerate() {
        let path = path.index(index).child("key");
        match read::text(constraint, "key") {
            "" => causes.push(Cause::required(path, "")),
            key => formed(key, names::qualified_name(key), &path, causes),
        }
    }
}
