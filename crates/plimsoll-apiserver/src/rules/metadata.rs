//! What every object has: names, labels, annotations, owners, finalizers.

use serde_json::Value;

use super::{Features, formed, immutable, names, read, type_of};
use crate::schema::{Cause, path::Path};

/// The minor version since which a service's name may begin with a digit.
const RELAXED_SERVICE_NAMES: u32 = 36;

/// How long all annotations of an object may be, in bytes.
const LONGEST_ANNOTATIONS: usize = 256 * 1024;

/// Groups of built-in kinds, besides those without a domain, that look at finalizers closely.
const OWN_GROUPS: [&str; 10] = [
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// What is wrong with an object's metadata.
pub(super) fn check(object: &Value, namespaced: bool, features: &Features) -> Vec<Cause> {
    let mut causes = Vec::new();
    let metadata = &object["metadata"];
    let path = Path::new("metadata");
    let prefix = read::text(metadata, "generateName");
    if !prefix.is_empty() {
        // A random end follows, so the prefix may end as a name may not.
        let whole = prefix.trim_end_matches('-');
        let tested = if whole.is_empty() { prefix } else { whole };
        formed(
            prefix,
            name_faults(object, tested, features),
            &path.child("generateName"),
            &mut causes,
        );
    }
    match read::text(metadata, "name") {
        "" => causes.push(Cause::required(
            path.child("name"),
            "name or generateName is required",
        )),
        name => formed(
            name,
            name_faults(object, name, features),
            &path.child("name"),
            &mut causes,
        ),
    }
    let namespace = read::text(metadata, "namespace");
    if !namespaced && !namespace.is_empty() {
        causes.push(Cause::forbidden(
            path.child("namespace"),
            "not allowed on this type",
        ));
    } else if namespaced && namespace.is_empty() {
        causes.push(Cause::required(path.child("namespace"), ""));
    } else if namespaced {
        formed(
            namespace,
            names::dns1123_label(namespace),
            &path.child("namespace"),
            &mut causes,
        );
    }
    check_rest(metadata, &path, &mut causes);
    check_finalizers(object, &path, &mut causes);
    causes
}

/// What is wrong with changed metadata.
pub(super) fn check_update(object: &Value, old: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (metadata, old) = (&object["metadata"], &old["metadata"]);
    let path = Path::new("metadata");
    if read::has(old, "deletionTimestamp") {
        let before = read::list(old, "finalizers");
        let mut new: Vec<&str> = read::list(metadata, "finalizers")
            .iter()
            .filter(|finalizer| !before.contains(finalizer))
            .filter_map(Value::as_str)
            .collect();
        new.sort_unstable();
        if !new.is_empty() {
            let new: Vec<String> = new.iter().map(|finalizer| format!("\"{finalizer}\"")).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                new.join(", ")
            );
            // The real server comes upon it by two ways.
            let fault = Cause::forbidden(path.child("finalizers"), &detail);
            causes.extend([fault.clone(), fault]);
        }
    }
    for name in ["name", "namespace", "uid"] {
        // What isn't given is filled in from what is stored.
        if read::has(metadata, name) && read::has(old, name) {
            immutable(&metadata[name], &old[name], &path.child(name), &mut causes);
        }
    }
    check_rest(metadata, &path, &mut causes);
    check_finalizers(object, &path, &mut causes);
    causes
}

fn check_rest(metadata: &Value, path: &Path, causes: &mut Vec<Cause>) {
    check_labels(&metadata["labels"], &path.child("labels"), causes);
    check_annotations(&metadata["annotations"], &path.child("annotations"), causes);
    let owners = path.child("ownerReferences");
    let mut controller: Option<String> = None;
    for owner in read::list(metadata, "ownerReferences") {
        if read::text(owner, "apiVersion").is_empty() {
            causes.push(Cause::invalid(
                owners.child("apiVersion"),
                &"".into(),
                "version must not be empty",
            ));
        }
        for name in ["kind", "name", "uid"] {
            if read::text(owner, name).is_empty() {
                causes.push(Cause::invalid(
                    owners.child(name),
                    &"".into(),
                    "must not be empty",
                ));
            }
        }
        if read::is(owner, "controller") {
            let name = format!("{}/{}", read::text(owner, "kind"), read::text(owner, "name"));
            match &controller {
                None => controller = Some(name),
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} \
                         and {name}"
                    );
                    causes.push(Cause::invalid(
                        owners.clone(),
                        &metadata["ownerReferences"],
                        &detail,
                    ));
                }
            }
        }
    }
    let finalizers: Vec<&str> = read::list(metadata, "finalizers")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for finalizer in &finalizers {
        formed(
            finalizer,
            names::qualified_name(finalizer),
            &path.child("finalizers"),
            causes,
        );
    }
    if finalizers.contains(&"orphan") && finalizers.contains(&"foregroundDeletion") {
        let detail = "finalizer foregroundDeletion and orphan cannot be both set";
        causes.push(Cause::invalid(
            path.child("finalizers"),
            &metadata["finalizers"],
            detail,
        ));
    }
}

/// Kubernetes' own kinds only know finalizers of their own and those of somebody's domain.
fn check_finalizers(object: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let (group, _) = type_of(object);
    if group.contains('.') && !OWN_GROUPS.contains(&group) {
        return;
    }
    for (index, finalizer) in read::list(&object["metadata"], "finalizers").iter().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(
                path.child("finalizers").index(index),
                finalizer,
                detail,
            ));
        }
    }
}

/// What is wrong with labels.
pub(super) fn check_labels(labels: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        formed(key, names::qualified_name(key), path, causes);
        let value = value.as_str().unwrap_or_default();
        formed(value, names::label_value(value), path, causes);
    }
}

/// What is wrong with annotations.
pub(super) fn check_annotations(annotations: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let mut length = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        formed(key, names::qualified_name(&key.to_lowercase()), path, causes);
        length += key.len() + value.as_str().map_or(0, str::len);
    }
    if length > LONGEST_ANNOTATIONS {
        causes.push(Cause::too_long(path, LONGEST_ANNOTATIONS as u64));
    }
}

fn name_faults(object: &Value, name: &str, features: &Features) -> Vec<String> {
    match type_of(object) {
        ("", "Namespace") => names::dns1123_label(name),
        ("", "Service") if features.minor < RELAXED_SERVICE_NAMES => names::dns1035_label(name),
        ("", "Service") => names::dns1123_label(name),
        ("apps", "StatefulSet") => names::dns1123_label(name),
        ("rbac.authorization.k8s.io", _) => names::path_segment(name),
        ("" | "events.k8s.io", "Event") => names::path_segment(name),
        ("apps", "ControllerRevision") => names::path_segment(name),
        ("batch", "CronJob") if name.len() > 52 => vec!["must be no more than 52 characters".to_owned()],
        _ => names::dns1123_subdomain(name),
    }
}
