//! Resource quotas: how much of what a namespace may hold.
//!
//! What a quota has used stands in its status. A write is held against that before it is stored; every stored change
//! then adds or gives back what it uses, so nothing is counted twice and nothing is counted anew but a new quota.

mod scope;
mod usage;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{Operation, Request};
use crate::{
    GroupResource, Quantity, Status,
    policy::{
        View, Write,
        fields::{meta, text},
        pods::{self, Amounts, Side},
    },
    resources,
};
use usage::{Meter, Tracked};

/// Resources that, once there is a quota for them, every container has to name.
const MUST_BE_NAMED: &[&str] = &[
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];

/// Keeps quotas.
#[derive(Debug)]
pub(super) struct Quotas {
    meter: Meter,
}

impl Quotas {
    pub(super) fn new(minor: u32) -> Self {
        Self {
            meter: Meter::new(minor),
        }
    }

    /// Whether what is to be stored stays within every quota of its namespace.
    pub(super) fn allow(&self, view: &dyn View, request: &Request) -> Result<(), Status> {
        let (Some(namespace), Some(object)) = (request.namespace.as_deref(), request.object.as_ref()) else {
            return Ok(());
        };
        let tracked = Tracked::of(&request.of);
        if !counts(tracked, request) {
            return Ok(());
        }
        let quotas = view.list(&resources::RESOURCE_QUOTAS, Some(namespace));
        if quotas.is_empty() {
            return Ok(());
        }
        let mut concerned = Vec::new();
        for quota in &quotas {
            let names = self.matching(view, quota, &request.of, object);
            if names.is_empty() {
                continue;
            }
            if tracked == Tracked::Pods {
                all_named(quota, &names, object).map_err(|why| request.forbidden(&why))?;
            }
            let used = pods::amounts(&quota["status"]["used"]);
            if !names.iter().all(|name| used.contains_key(name)) {
                let why = format!(
                    "status unknown for quota: {}, resources: {}",
                    meta(quota, "name"),
                    names.join(",")
                );
                return Err(request.forbidden(&why));
            }
            concerned.push((quota, used));
        }
        if concerned.is_empty() {
            return Ok(());
        }
        let wanted = self.meter.usage(view, &request.of, object);
        let negative: Vec<&str> = wanted
            .iter()
            .filter(|(_, amount)| amount.is_negative())
            .map(|(name, _)| name.as_str())
            .collect();
        if !negative.is_empty() {
            let why = format!("quota usage is negative for resource(s): {}", negative.join(","));
            return Err(request.forbidden(&why));
        }
        for (quota, used) in concerned {
            let before = request.old.as_deref().filter(|old| {
                request.operation == Operation::Update
                    && !self.matching(view, quota, &request.of, old).is_empty()
            });
            let before = before.map(|old| self.meter.usage(view, &request.of, old));
            let more = increase(&wanted, before.as_ref());
            fits(quota, &used, &more).map_err(|why| request.forbidden(&why))?;
        }
        Ok(())
    }

    /// What quotas' statuses become after a change.
    pub(super) fn settle(
        &self,
        view: &dyn View,
        of: &GroupResource,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Vec<Write> {
        let Some(namespace) = old.or(new).map(|object| meta(object, "namespace")) else {
            return Vec::new();
        };
        if namespace.is_empty() {
            return Vec::new();
        }
        let mut writes = Vec::new();
        for quota in view.list(&resources::RESOURCE_QUOTAS, Some(namespace)) {
            let itself = *of == resources::RESOURCE_QUOTAS
                && new.is_some_and(|new| meta(new, "name") == meta(&quota, "name"));
            let status = if itself {
                let same = old.is_some_and(|old| old["spec"] == quota["spec"]);
                if same && !quota["status"]["used"].is_null() {
                    continue;
                }
                self.count(view, &quota)
            } else if self.meter.depends_on_others(of, hard(&quota["status"])) {
                self.count(view, &quota)
            } else {
                self.shifted(view, &quota, of, old, new)
            };
            if status != quota["status"] {
                writes.push(write(&quota, status));
            }
        }
        writes
    }

    /// A quota's status, counted anew.
    pub(super) fn count(&self, view: &dyn View, quota: &Value) -> Value {
        let namespace = meta(quota, "namespace");
        let mut used = Amounts::new();
        for of in self.meter.collections(hard(&quota["spec"])) {
            let names = self.meter.tracked_by(view, &of, hard(&quota["spec"]));
            for name in &names {
                used.entry(name.clone()).or_default();
            }
            if names.is_empty() {
                continue;
            }
            for object in view.list(&of, Some(namespace)) {
                if scope::matches(&quota["spec"], &of, &object) {
                    let usage = self.meter.usage(view, &of, &object);
                    for name in &names {
                        if let (Some(own), Some(more)) = (used.get_mut(name), usage.get(name)) {
                            *own = *own + *more;
                        }
                    }
                }
            }
        }
        json!({"hard": quota["spec"]["hard"], "used": written(&used)})
    }

    /// A quota's status with what a change adds and gives back.
    fn shifted(
        &self,
        view: &dyn View,
        quota: &Value,
        of: &GroupResource,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Value {
        let mut used = pods::amounts(&quota["status"]["used"]);
        let mut changed = false;
        for (object, adds) in [(old, false), (new, true)] {
            let Some(object) = object else {
                continue;
            };
            let names = self.matching(view, quota, of, object);
            if names.is_empty() {
                continue;
            }
            let usage = self.meter.usage(view, of, object);
            for name in names {
                let (Some(own), Some(amount)) = (used.get_mut(&name), usage.get(&name)) else {
                    continue;
                };
                *own = if adds { *own + *amount } else { *own - *amount };
                changed = true;
            }
        }
        if !changed {
            return quota["status"].clone();
        }
        for own in used.values_mut().filter(|own| own.is_negative()) {
            *own = Quantity::ZERO;
        }
        let mut status = quota["status"].clone();
        let before = pods::amounts(&status["used"]);
        if before != used {
            status["used"] = written(&used);
        }
        status
    }

    /// The resources of a quota that an object uses, if the quota is about it.
    fn matching(&self, view: &dyn View, quota: &Value, of: &GroupResource, object: &Value) -> Vec<String> {
        if !scope::matches(&quota["spec"], of, object) {
            return Vec::new();
        }
        self.meter.tracked_by(view, of, hard(&quota["status"]))
    }
}

/// The names that a quota bounds.
fn hard(of: &Value) -> impl Iterator<Item = &str> {
    of["hard"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
}

/// Whether a request can change what is used.
fn counts(tracked: Tracked, request: &Request) -> bool {
    let (create, update) = (
        request.operation == Operation::Create,
        request.operation == Operation::Update,
    );
    match (tracked, request.subresource.as_deref()) {
        (Tracked::Pods, Some("resize")) => update,
        (_, Some(_)) => false,
        (Tracked::Pods, None) => {
            let ends = |pod: &Value| !pod["spec"]["activeDeadlineSeconds"].is_null();
            let scope_changes = request
                .old
                .as_ref()
                .zip(request.object.as_ref())
                .is_some_and(|(old, new)| ends(old) != ends(new));
            create || (update && scope_changes)
        }
        (Tracked::Services | Tracked::Storage | Tracked::Devices, None) => create || update,
        (Tracked::Count, None) => create,
    }
}

/// What is used more than before.
fn increase(wanted: &Amounts, before: Option<&Amounts>) -> Amounts {
    wanted
        .iter()
        .map(|(name, amount)| {
            let before = before
                .and_then(|before| before.get(name))
                .copied()
                .unwrap_or_default();
            (name.clone(), *amount - before)
        })
        .filter(|(_, amount)| *amount > Quantity::ZERO)
        .collect()
}

fn fits(quota: &Value, used: &Amounts, more: &Amounts) -> Result<(), String> {
    let bounds = pods::amounts(&quota["status"]["hard"]);
    let exceeded: Vec<(&String, &Quantity)> = more
        .iter()
        .filter(|(name, amount)| {
            let used = used.get(*name).copied().unwrap_or_default();
            bounds.get(*name).is_some_and(|bound| used + **amount > *bound)
        })
        .collect();
    if exceeded.is_empty() {
        return Ok(());
    }
    let list = |of: &dyn Fn(&str) -> Option<Quantity>| {
        let parts: Vec<String> = exceeded
            .iter()
            .filter_map(|(name, _)| Some(format!("{name}={}", of(name)?)))
            .collect();
        parts.join(",")
    };
    Err(format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        meta(quota, "name"),
        list(&|name| more.get(name).copied()),
        list(&|name| used.get(name).copied()),
        list(&|name| bounds.get(name).copied()),
    ))
}

/// Every container has to name processors and memory that a quota bounds, unless its pod does.
fn all_named(quota: &Value, names: &[String], pod: &Value) -> Result<(), String> {
    let spec = &pod["spec"];
    let by_pod = ["requests", "limits"]
        .into_iter()
        .any(|side| !pods::amounts(&spec["resources"][side]).is_empty());
    if by_pod {
        return Ok(());
    }
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for container in ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| crate::policy::fields::items(spec, list))
    {
        let requests = pods::of_container(container, Side::Requests);
        let limits = pods::of_container(container, Side::Limits);
        for name in names.iter().filter(|name| MUST_BE_NAMED.contains(&name.as_str())) {
            let named = match name.split_once('.') {
                Some(("limits", resource)) => limits.contains_key(resource),
                Some((_, resource)) => requests.contains_key(resource),
                None => requests.contains_key(name),
            };
            if !named {
                missing.entry(name).or_default().push(text(container, "name"));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = missing
        .into_iter()
        .map(|(name, mut containers)| {
            containers.sort_unstable();
            format!("{name} for: {}", containers.join(","))
        })
        .collect();
    Err(format!(
        "failed quota: {}: must specify {}",
        meta(quota, "name"),
        parts.join("; ")
    ))
}

fn written(amounts: &Amounts) -> Value {
    let map: Map<String, Value> = amounts
        .iter()
        .map(|(name, amount)| (name.clone(), json!(amount.to_string())))
        .collect();
    Value::Object(map)
}

fn write(quota: &Arc<Value>, status: Value) -> Write {
    Write {
        of: resources::RESOURCE_QUOTAS,
        namespace: Some(meta(quota, "namespace").to_owned()),
        name: meta(quota, "name").to_owned(),
        field: "status",
        value: status,
    }
}

#[cfg(test)]
mod tests;
