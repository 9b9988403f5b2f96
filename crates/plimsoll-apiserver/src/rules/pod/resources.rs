//! What containers request and are limited to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{formed, names, read};
use crate::{
    Quantity,
    schema::{Cause, CauseReason, path::Path},
};

/// Resources whose names have no domain.
fn is_standard(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-")
}

/// Kubernetes' own resources, more of which may be promised than there is.
fn is_overcommittable(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Resources of vendors, which only come in whole.
fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.")
}

/// What is wrong with a container's resources; `claims` are those of the pod.
pub(super) fn check(resources: &Value, claims: &BTreeSet<&str>, path: &Path, causes: &mut Vec<Cause>) {
    let limits = path.child("limits");
    let requests = path.child("requests");
    for (name, amount) in read::entries(resources, "limits") {
        check_amount(name, amount, &limits.key(name), causes);
    }
    for (name, amount) in read::entries(resources, "requests") {
        check_amount(name, amount, &requests.key(name), causes);
        let limit = resources.get("limits").and_then(|limits| limits.get(name));
        match (Quantity::read(amount), limit.and_then(Quantity::read)) {
            (Some(amount), Some(limit)) if amount != limit && !is_overcommittable(name) => {
                let detail = format!("must be equal to {name} limit of {limit}");
                causes.push(Cause::invalid(&requests, &amount.to_string().into(), &detail));
            }
            (Some(amount), Some(limit)) if amount > limit => {
                let detail = format!("must be less than or equal to {name} limit of {limit}");
                causes.push(Cause::invalid(&requests, &amount.to_string().into(), &detail));
            }
            (Some(_), None) if !is_overcommittable(name) => {
                causes.push(Cause::required(
                    &limits,
                    "Limit must be set for non overcommitable resources",
                ));
            }
            _ => {}
        }
    }
    let mentions = |wanted: &dyn Fn(&str) -> bool| {
        let mut all = read::entries(resources, "limits").chain(read::entries(resources, "requests"));
        all.any(|(name, _)| wanted(name))
    };
    if mentions(&|name| name.starts_with("hugepages-")) && !mentions(&|name| matches!(name, "cpu" | "memory"))
    {
        causes.push(Cause::forbidden(path, "HugePages require cpu or memory"));
    }
    check_claims(resources, claims, &path.child("claims"), causes);
}

fn check_amount(name: &str, amount: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let wrong = names::qualified_name(name);
    let is_formed = wrong.is_empty();
    formed(name, wrong, path, causes);
    if !name.contains('/') && !is_standard(name) {
        if is_formed {
            let detail = "must be a standard resource type or fully qualified";
            causes.push(Cause::invalid(path, &name.into(), detail));
        }
        causes.push(Cause::invalid(
            path,
            &name.into(),
            "must be a standard resource for containers",
        ));
    }
    let Some(quantity) = Quantity::read(amount) else {
        return;
    };
    if quantity.is_negative() {
        causes.push(Cause::invalid(
            path,
            &quantity.to_string().into(),
            "must be greater than or equal to 0",
        ));
    }
    if is_extended(name) && quantity.as_whole().is_none() {
        causes.push(Cause::invalid(
            path,
            &quantity.to_string().into(),
            "must be an integer",
        ));
    }
}

fn check_claims(resources: &Value, known: &BTreeSet<&str>, path: &Path, causes: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, claim) in read::list(resources, "claims").iter().enumerate() {
        let path = path.index(index);
        let (name, request) = (read::text(claim, "name"), read::text(claim, "request"));
        if name.is_empty() {
            causes.push(Cause::required(&path, ""));
            continue;
        }
        let whole = if request.is_empty() {
            name.to_owned()
        } else {
            format!("{name}/{request}")
        };
        if seen.contains(&whole) || seen.contains(name) && !request.is_empty() {
            causes.push(Cause::duplicate(&path, &whole.clone().into()));
        }
        seen.insert(whole);
        if !known.contains(name) {
            let known: Vec<&str> = known.iter().copied().collect();
            let those = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", known.join(", "))
            };
            let detail = format!("must be one of the names in pod.spec.resourceClaims{those}");
            let name = Value::from(name).to_string();
            causes.push(Cause::quoting(CauseReason::NotFound, &path, &name, &detail));
        }
    }
}

/// What is wrong with resources of the pod as a whole.
pub(super) fn check_pod_level(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for kind in ["limits", "requests"] {
        for (name, amount) in read::entries(&spec["resources"], kind) {
            let path = path.child(kind).key(name);
            if !(matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-")) {
                causes.push(Cause::not_supported(
                    path,
                    &name.as_str().into(),
                    &["cpu", "hugepages-", "memory"],
                ));
            } else if Quantity::read(amount).is_some_and(Quantity::is_negative) {
                causes.push(Cause::invalid(path, amount, "must be greater than or equal to 0"));
            }
        }
    }
}
