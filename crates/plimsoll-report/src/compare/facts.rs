//! Facts of two platforms: what the survey found, counted instead of listed by node, so that a cluster with other node names
//! is not another platform; and how long checks took, where that is more than noise.

use std::{collections::BTreeMap, time::Duration};

use plimsoll_record::Verdict;
use serde_json::Value;

use super::Change;
use crate::{RecordedRun, duration_text::duration_text, mark::mark};

/// A check took longer or shorter only if it did so by this much, and by this part of the shorter time.
const NOISE: Duration = Duration::from_secs(3);
const NOISE_PARTS: u32 = 2;

/// Lists of findings with a name and perhaps a version.
const LISTS: [(&str, &str); 8] = [
    ("schedulers", "scheduler"),
    ("operators", "operator"),
    ("gateways", "gateway"),
    ("autoscalers", "autoscaler"),
    ("metrics", "metrics"),
    ("networks", "network"),
    ("storage", "storage"),
    ("runtime_classes", "runtime class"),
];

pub(super) fn compare(before: &RecordedRun, after: &RecordedRun, changes: &mut Vec<Change>) {
    let (old, new) = (facts(before), facts(after));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (before, after) = (old.get(name), new.get(name));
        if before != after {
            changes.push(Change {
                fact: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
    changes.extend(timings(before, after));
}

/// Times of checks that passed in both runs.
fn timings<'r>(before: &'r RecordedRun, after: &'r RecordedRun) -> impl Iterator<Item = Change> + 'r {
    before.checks.iter().filter_map(|old| {
        let new = after.check(&old.id)?;
        let both = old.verdict() == Verdict::Passed && new.verdict() == Verdict::Passed;
        let (was, is) = (old.duration().filter(|_| both)?, new.duration()?);
        is_more_than_noise(was, is).then(|| Change {
            fact: format!("time of {}", old.id),
            before: Some(duration_text(was)),
            after: Some(duration_text(is)),
        })
    })
}

fn is_more_than_noise(was: Duration, is: Duration) -> bool {
    let difference = was.abs_diff(is);
    difference >= NOISE && difference >= was.min(is) / NOISE_PARTS
}

/// The facts of a run by name.
fn facts(run: &RecordedRun) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let platform = &run.facts.platform;
    facts.insert(
        "platform".to_owned(),
        mark(platform.kind).map_or("cluster", |mark| mark.word).to_owned(),
    );
    facts.insert("Kubernetes".to_owned(), platform.kubernetes.clone());
    facts.insert("programme".to_owned(), run.facts.programme.to_string());
    facts.insert("plimsoll".to_owned(), run.facts.plimsoll.clone());
    if let Some(inventory) = &run.inventory {
        nodes(list(inventory, "nodes"), &mut facts);
        accelerators(list(inventory, "accelerators"), &mut facts);
        software(inventory, &mut facts);
    }
    facts
}

fn nodes(nodes: &[Value], facts: &mut BTreeMap<String, String>) {
    let ready = nodes
        .iter()
        .filter(|node| node.get("ready").and_then(Value::as_bool) == Some(true))
        .count();
    facts.insert("nodes".to_owned(), format!("{}, {ready} ready", nodes.len()));
    for (field, name) in [
        ("kubelet", "kubelet"),
        ("runtime", "container runtime"),
        ("kernel", "kernel"),
        ("arch", "architecture"),
    ] {
        counted(name, nodes.iter().filter_map(|node| text(node, field)), facts);
    }
    // What drivers and their labellers say of themselves where no device does.
    let mut labels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in nodes
        .iter()
        .filter_map(|node| node.get("labels")?.as_object())
        .flatten()
    {
        if let Some(value) = value
            .as_str()
            .filter(|_| key.contains("driver") || key.contains("instance-type"))
        {
            labels.entry(key).or_default().push(value);
        }
    }
    for (key, values) in labels {
        counted(&format!("label {key}"), values.into_iter(), facts);
    }
}

fn accelerators(accelerators: &[Value], facts: &mut BTreeMap<String, String>) {
    let mut paths: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for accelerator in accelerators {
        paths
            .entry(text(accelerator, "path").unwrap_or("?"))
            .or_default()
            .push(accelerator);
    }
    for (path, entries) in paths {
        let total: u64 = entries
            .iter()
            .filter_map(|entry| entry.get("total")?.as_u64())
            .sum();
        let on = entries
            .iter()
            .filter(|entry| entry.get("total").and_then(Value::as_u64) != Some(0))
            .count();
        let plural = if on == 1 { "" } else { "s" };
        facts.insert(
            format!("accelerators {path}"),
            format!("{total} on {on} node{plural}"),
        );
        let devices = || entries.iter().flat_map(|entry| list(entry, "devices"));
        for (attribute, name) in [
            ("productName", "model"),
            ("driverVersion", "driver"),
            ("cudaDriverVersion", "CUDA driver"),
        ] {
            let values: Vec<String> = devices()
                .filter_map(|device| attribute_of(device, attribute))
                .collect();
            counted(
                &format!("{name} {path}"),
                values.iter().map(String::as_str),
                facts,
            );
        }
        let tainted = devices()
            .filter(|device| device.get("tainted").and_then(Value::as_bool) == Some(true))
            .count();
        if tainted > 0 {
            facts.insert(format!("tainted {path}"), tainted.to_string());
        }
    }
}

fn software(inventory: &Value, facts: &mut BTreeMap<String, String>) {
    for (field, name) in LISTS {
        for finding in list(inventory, field) {
            if let Some(found) = text(finding, "name") {
                let version = text(finding, "version").unwrap_or("present");
                facts.insert(format!("{name} {found}"), version.to_owned());
            }
        }
    }
    for api in list(inventory, "gang_apis") {
        if let (Some(adapter), Some(version)) = (text(api, "adapter"), text(api, "version")) {
            facts.insert(format!("gang scheduling {adapter}"), version.to_owned());
        }
    }
    for class in list(inventory, "device_classes") {
        if let Some(name) = text(class, "name") {
            facts.insert(format!("DeviceClass {name}"), "present".to_owned());
        }
    }
    let versions: Vec<&str> = list(inventory, "dra_versions")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if !versions.is_empty() {
        facts.insert("resource.k8s.io".to_owned(), versions.join(", "));
    }
    for what in list(inventory, "unreadable").iter().filter_map(Value::as_str) {
        facts.insert(format!("not readable: {what}"), "yes".to_owned());
    }
}

/// How often each value is there.
fn counted<'v>(name: &str, values: impl Iterator<Item = &'v str>, facts: &mut BTreeMap<String, String>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    if !counts.is_empty() {
        let told: Vec<String> = counts
            .into_iter()
            .map(|(value, count)| format!("{value} ×{count}"))
            .collect();
        facts.insert(name.to_owned(), told.join(", "));
    }
}

/// An attribute of a device, whatever domain its driver qualifies it with.
fn attribute_of(device: &Value, name: &str) -> Option<String> {
    let attributes = device.get("attributes")?.as_object()?;
    let (_, value) = attributes
        .iter()
        .find(|(key, _)| key.rsplit('/').next() == Some(name))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_longer_is_noise() {
        let seconds = Duration::from_secs;
        for (was, is, expected) in [
            (10, 12, false),
            (10, 14, false),
            (10, 15, true),
            (1, 3, false),
            (15, 10, true),
            (100, 120, false),
        ] {
            assert_eq!(
                is_more_than_noise(seconds(was), seconds(is)),
                expected,
                "{was} s → {is} s"
            );
        }
    }
}
