//! Pod Security: what pods of a namespace may do to their node, by the namespace's labels.
//!
//! [`level`] reads the labels; the rules are in [`baseline`] and [`restricted`]; [`checks`] chooses those of a level
//! and version and words what they find.

mod baseline;
mod checks;
mod level;
mod restricted;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Operation, Request};
use crate::{
    Reason, Status,
    policy::{
        View,
        fields::{items, meta},
        pods,
    },
    resources,
    schema::invalid,
};
use checks::{Findings, Subject, findings};
use level::{Demand, Policy};

const AUDIT: &str = "pod-security.kubernetes.io/";

/// Subresources of pods that change nothing of what the rules look at.
const IGNORED: &[&str] = &[
    "exec",
    "attach",
    "binding",
    "eviction",
    "log",
    "portforward",
    "proxy",
    "status",
];

/// How many pods of a namespace are looked at when its level changes.
const LOOKED_AT: usize = 3000;

pub(super) fn validate(view: &dyn View, minor: u32, request: &mut Request) -> Result<(), Status> {
    if !matches!(request.operation, Operation::Create | Operation::Update) {
        return Ok(());
    }
    if request.is_namespace() {
        validate_namespace(view, minor, request)
    } else if request.of == resources::PODS {
        validate_pod(view, minor, request)
    } else {
        validate_template(view, minor, request);
        Ok(())
    }
}

/// The labels must make sense, and pods that a new level would refuse are warned about.
fn validate_namespace(view: &dyn View, minor: u32, request: &mut Request) -> Result<(), Status> {
    let Some(namespace) = request.object.as_ref().filter(|_| request.subresource.is_none()) else {
        return Ok(());
    };
    let (policy, faults) = Policy::of(namespace);
    let Some(old) = request.old.as_ref() else {
        return if faults.is_empty() {
            Ok(())
        } else {
            Err(invalid("", "Namespace", &request.name, &faults))
        };
    };
    let (before, old_faults) = Policy::of(old);
    if !faults.is_empty() && faults != old_faults {
        return Err(invalid("", "Namespace", &request.name, &faults));
    }
    let relaxed =
        policy.enforce.version == before.enforce.version && policy.enforce.level <= before.enforce.level;
    if policy.enforce == before.enforce || policy.enforce.is_privileged() || relaxed {
        return Ok(());
    }
    let warnings = violators(view, minor, &request.name, policy.enforce);
    request.warnings.extend(warnings);
    Ok(())
}

/// Which pods of a namespace a level would refuse; pods of one controller are looked at after one of each.
fn violators(view: &dyn View, minor: u32, namespace: &str, demand: Demand) -> Vec<String> {
    let pods = view.list(&resources::PODS, Some(namespace));
    let mut controllers = BTreeSet::new();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for pod in &pods {
        let controller = items(&pod["metadata"], "ownerReferences")
            .find(|owner| owner["controller"] == true)
            .map(|owner| owner["uid"].to_string());
        let seen = controller.is_some_and(|uid| !controllers.insert(uid));
        if seen { rest.push(pod) } else { first.push(pod) }
    }
    first.extend(rest);
    let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pod in first.iter().take(LOOKED_AT) {
        let found = findings(demand, minor, &Subject::of(pod));
        if !found.is_empty() {
            names.entry(found.reasons()).or_default().push(meta(pod, "name"));
        }
    }
    let mut warnings = Vec::new();
    if first.len() > LOOKED_AT {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {LOOKED_AT} of {} existing pods",
            first.len()
        ));
    }
    if names.is_empty() {
        return warnings;
    }
    warnings.push(format!(
        "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{demand}\""
    ));
    let mut told: Vec<String> = names
        .iter()
        .map(|(why, names)| {
            let first = names.iter().min().copied().unwrap_or_default();
            match names.len() {
                1 => format!("{first}: {why}"),
                2 => format!("{first} (and 1 other pod): {why}"),
                many => format!("{first} (and {} other pods): {why}", many - 1),
            }
        })
        .collect();
    told.sort();
    warnings.extend(told);
    warnings
}

fn validate_pod(view: &dyn View, minor: u32, request: &mut Request) -> Result<(), Status> {
    if request
        .subresource
        .as_deref()
        .is_some_and(|own| IGNORED.contains(&own))
    {
        return Ok(());
    }
    let Some(policy) = policy_of_namespace(view, request)? else {
        return Ok(());
    };
    let Some(pod) = request.object.as_ref() else {
        return Ok(());
    };
    if let Some(old) = request
        .old
        .as_ref()
        .filter(|_| request.operation == Operation::Update)
        && !changes_images(&old["spec"], &pod["spec"])
    {
        return Ok(());
    }
    let subject = Subject::of(pod);
    let enforced = findings(policy.enforce, minor, &subject);
    let (audited, warned) = (
        findings(policy.audit, minor, &subject),
        findings(policy.warn, minor, &subject),
    );
    request
        .audit
        .insert(format!("{AUDIT}enforce-policy"), policy.enforce.to_string());
    tell(request, &policy, &audited, None);
    if !enforced.is_empty() {
        return Err(request.forbidden(&format!(
            "violates PodSecurity \"{}\": {}",
            policy.enforce,
            enforced.details()
        )));
    }
    tell(request, &policy, &Findings::default(), Some(&warned));
    Ok(())
}

/// Workloads are never refused for their template, only warned about.
fn validate_template(view: &dyn View, minor: u32, request: &mut Request) {
    let Some(template) = request
        .object
        .as_ref()
        .filter(|_| request.subresource.is_none())
        .and_then(|object| pods::template(&request.of.resource, object))
    else {
        return;
    };
    if !matches!(request.of.group.as_ref(), "" | "apps" | "batch") {
        return;
    }
    let Ok(Some(policy)) = policy_of_namespace(view, request) else {
        return;
    };
    let subject = Subject::of(template);
    let (audited, warned) = (
        findings(policy.audit, minor, &subject),
        findings(policy.warn, minor, &subject),
    );
    tell(request, &policy, &audited, Some(&warned));
}

fn tell(request: &mut Request, policy: &Policy, audited: &Findings, warned: Option<&Findings>) {
    if !audited.is_empty() {
        let text = format!(
            "would violate PodSecurity \"{}\": {}",
            policy.audit,
            audited.details()
        );
        request.audit.insert(format!("{AUDIT}audit-violations"), text);
    }
    if let Some(warned) = warned.filter(|warned| !warned.is_empty()) {
        let text = format!(
            "would violate PodSecurity \"{}\": {}",
            policy.warn,
            warned.details()
        );
        request.warnings.push(text);
    }
}

/// What the request's namespace demands; none where everything is allowed.
fn policy_of_namespace(view: &dyn View, request: &Request) -> Result<Option<Policy>, Status> {
    let name = request.namespace.as_deref().unwrap_or_default();
    let namespace = view.get(&resources::NAMESPACES, None, name).ok_or_else(|| {
        Status::new(
            Reason::InternalError,
            format!("Internal error occurred: failed to lookup namespace {name:?}"),
        )
    })?;
    let (policy, faults) = Policy::of(&namespace);
    Ok((!faults.is_empty() || !policy.is_privileged()).then_some(policy))
}

/// Whether an update of a pod brings an image or a container that was not there.
fn changes_images(old: &Value, new: &Value) -> bool {
    let count = |spec: &Value, list: &str| items(spec, list).count();
    let same_place = ["containers", "initContainers"].into_iter().any(|list| {
        count(old, list) != count(new, list)
            || items(old, list)
                .zip(items(new, list))
                .any(|(old, new)| old["image"] != new["image"])
    });
    same_place
        || items(new, "ephemeralContainers").any(|new| {
            items(old, "ephemeralContainers")
                .find(|old| old["name"] == new["name"])
                .is_none_or(|old| old["image"] != new["image"])
        })
}

#[cfg(test)]
mod tests;
