//! What a schema can't say: defaults that depend on other fields, names, references, immutable fields.
//!
//! Everything here takes objects in the hub version of their kind (see [`convert`](crate::convert)) and dispatches on
//! `apiVersion` and `kind`; kinds of CustomResourceDefinitions only have rules for their metadata. [`default`] comes
//! first, [`prepare_create`] once the object has its name and uid, and what is wrong with it is told last.

mod admission;
mod autoscaler;
mod claim;
mod config;
mod default;
mod definition;
mod job;
mod metadata;
pub(crate) mod names;
mod node;
mod pod;
mod prepare;
pub(crate) mod printed;
mod priority;
mod rbac;
mod read;
mod selector;
mod service;
mod slice;
mod storage;
#[cfg(test)]
mod tests;
mod workload;

use serde_json::Value;

pub use default::default;
pub use prepare::{prepare_create, prepare_update};

use crate::schema::{Cause, CauseReason, path::Path};

/// What of the API is on: version and feature gates.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// The minor version of Kubernetes.
    pub minor: u32,
    /// Gang scheduling's API (`GenericWorkload`): without, pods lose the field.
    pub generic_workload: bool,
    /// Where groups are to be placed (`TopologyAwareWorkloadScheduling`): without, they lose the field.
    pub topology_aware: bool,
}

/// Group and kind of an object.
fn type_of(object: &Value) -> (&str, &str) {
    let api_version = read::text(object, "apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    (group, read::text(object, "kind"))
}

/// Whether a write changes what `metadata.generation` counts.
#[must_use]
pub fn changes_generation(object: &Value, old: &Value) -> bool {
    let is_other = |name: &str| object.get(name) != old.get(name);
    match type_of(object) {
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => is_other("webhooks"),
        _ => is_other("spec"),
    }
}

/// What is wrong with an object to be created.
#[must_use]
pub fn validate_create(object: &Value, namespaced: bool, features: &Features) -> Vec<Cause> {
    let mut causes = metadata::check(object, namespaced, features);
    check(object, None, &mut causes);
    causes
}

/// What is wrong with an object that replaces `old`.
#[must_use]
pub fn validate_update(object: &Value, old: &Value, subresource: Option<&str>) -> Vec<Cause> {
    let mut causes = metadata::check_update(object, old);
    match subresource.unwrap_or_default() {
        "" => check(object, Some(old), &mut causes),
        "status" if type_of(object) == ("resource.k8s.io", "ResourceClaim") => {
            claim::check_status(object, old, &mut causes);
        }
        "ephemeralcontainers" => pod::check_ephemeral(object, old, &mut causes),
        _ => {}
    }
    causes
}

/// What is wrong with all but the metadata.
fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let spec = Path::new("spec");
    match type_of(object) {
        ("", "Pod") => pod::check(object, old, causes),
        ("", "PodTemplate") => pod::check_template(&object["template"], &Path::new("template"), causes),
        ("", "Service") => service::check(object, old, causes),
        ("", "ConfigMap" | "Secret") => config::check(object, old, causes),
        ("", "Node") => node::check(object, old, causes),
        ("", "PersistentVolume" | "PersistentVolumeClaim") => storage::check(object, old, causes),
        ("", "ReplicationController") => workload::check_replication_controller(object, causes),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workload::check(object, old, causes)
        }
        ("batch", "Job") => {
            if old.is_none() {
                job::check_selector(object, causes);
            }
            job::check(&object["spec"], old.map(|old| &old["spec"]), &spec, causes);
        }
        ("batch", "CronJob") => job::check_cron(&object["spec"], &spec, causes),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            autoscaler::check(&object["spec"], old.map(|old| &old["spec"]), &spec, causes);
        }
        ("resource.k8s.io", "ResourceClaim" | "ResourceClaimTemplate" | "DeviceClass") => {
            claim::check(object, old, causes);
        }
        ("resource.k8s.io", "ResourceSlice") => slice::check(object, old, causes),
        ("scheduling.k8s.io", _) => priority::check(object, old, causes),
        ("storage.k8s.io", "StorageClass") => storage::check_class(object, old, causes),
        ("node.k8s.io", "RuntimeClass") => node::check_runtime_class(object, old, causes),
        ("rbac.authorization.k8s.io", _) => rbac::check(object, old, causes),
        ("admissionregistration.k8s.io", _) => admission::check(object, causes),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::check(object, old, causes),
        _ => {}
    }
}

/// That a field can't be changed.
const IMMUTABLE: &str = "field is immutable";

/// Refuses a change of a field.
fn immutable(new: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    if new != old {
        causes.push(Cause::invalid(path, new, IMMUTABLE));
    }
}

/// Refuses a number below zero.
fn not_negative(of: &Value, name: &str, path: &Path, causes: &mut Vec<Cause>) {
    if let Some(number) = read::whole(of, name).filter(|number| *number < 0) {
        causes.push(Cause::invalid(
            path.child(name),
            &number.into(),
            "must be greater than or equal to 0",
        ));
    }
}

/// A value that breaks a rule, quoted by Go's names.
fn quoting(of: &printed::Go, value: &Value, path: &Path, detail: &str) -> Cause {
    Cause::quoting(CauseReason::Invalid, path, &printed::printed(of, value), detail)
}

/// Refuses a text for all that is wrong with its form.
fn formed(text: &str, wrong: Vec<String>, path: &Path, causes: &mut Vec<Cause>) {
    causes.extend(
        wrong
            .into_iter()
            .map(|what| Cause::invalid(path, &text.into(), &what)),
    );
}

/// Refuses a text that isn't one of those there are, or is missing.
fn one_of(of: &Value, name: &str, supported: &[&str], path: &Path, causes: &mut Vec<Cause>) {
    match read::text(of, name) {
        "" => causes.push(Cause::required(path.child(name), "")),
        text if supported.contains(&text) => {}
        text => causes.push(Cause::not_supported(path.child(name), &text.into(), supported)),
    }
}
