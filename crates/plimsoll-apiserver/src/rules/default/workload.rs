//! Defaults of what makes pods.

use serde_json::{Value, json};

use super::{super::read, at, fill, fill_at, pod, set};

/// Those of a workload of that kind.
pub(super) fn default(object: &mut Value, kind: &str) {
    match kind {
        "Deployment" => at(object, "/spec", deployment),
        "DaemonSet" => at(object, "/spec", daemon_set),
        "StatefulSet" => at(object, "/spec", stateful_set),
        "ReplicaSet" => fill_at(object, "/spec", &json!({"replicas": 1})),
        "ReplicationController" => replication_controller(object),
        "Job" => {
            at(object, "/spec", job);
            labels_of_template(object);
        }
        "CronJob" => {
            fill_at(
                object,
                "/spec",
                &json!({"concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3,
                    "failedJobsHistoryLimit": 1}),
            );
            if let Some(template) = object.pointer_mut("/spec/jobTemplate/spec") {
                job_template(template);
                if let Some(spec) = template.pointer_mut("/template/spec") {
                    pod::template(spec);
                }
            }
            return;
        }
        _ => return,
    }
    if let Some(spec) = object.pointer_mut("/spec/template/spec") {
        pod::template(spec);
    }
}

fn deployment(spec: &mut Value) {
    fill(
        spec,
        &json!({"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate"}}),
    );
    if spec["strategy"]["type"] == "RollingUpdate" {
        fill(
            spec,
            &json!({"strategy": {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}}),
        );
    }
}

fn daemon_set(spec: &mut Value) {
    fill(
        spec,
        &json!({"revisionHistoryLimit": 10, "updateStrategy": {"type": "RollingUpdate"}}),
    );
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        fill(
            spec,
            &json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}),
        );
    }
}

fn stateful_set(spec: &mut Value) {
    fill(
        spec,
        &json!({"podManagementPolicy": "OrderedReady", "replicas": 1, "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}}),
    );
    if read::text_at(spec, "/updateStrategy/type").is_empty() {
        fill(spec, &json!({"updateStrategy": {}}));
        at(spec, "/updateStrategy", |strategy| {
            set(strategy, "type", "RollingUpdate")
        });
        fill(
            spec,
            &json!({"updateStrategy": {"rollingUpdate": {"partition": 0}}}),
        );
    } else if let Some(rolling) = spec.pointer_mut("/updateStrategy/rollingUpdate") {
        fill(rolling, &json!({"partition": 0}));
    }
    for claim in super::list_mut(spec, "volumeClaimTemplates") {
        fill(
            claim,
            &json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}),
        );
        fill_at(claim, "/spec", &json!({"volumeMode": "Filesystem"}));
    }
}

fn replication_controller(object: &mut Value) {
    fill_at(object, "/spec", &json!({"replicas": 1}));
    let labels = object.pointer("/spec/template/metadata/labels").cloned();
    if let Some(labels) = labels {
        fill_at(object, "/spec", &json!({"selector": labels}));
    }
    labels_of_template(object);
}

/// An object without labels has those of its template.
fn labels_of_template(object: &mut Value) {
    let labels = object
        .pointer("/spec/template/metadata/labels")
        .filter(|labels| labels.is_object())
        .cloned();
    let has_labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .is_some_and(|own| !own.is_empty());
    if let Some(labels) = labels.filter(|_| !has_labels) {
        at(object, "/metadata", |metadata| set(metadata, "labels", labels));
    }
}

fn job(spec: &mut Value) {
    if !read::has(spec, "completions") && !read::has(spec, "parallelism") {
        fill(spec, &json!({"completions": 1}));
    }
    let backoff = if read::has(spec, "backoffLimitPerIndex") {
        i64::from(i32::MAX)
    } else {
        6
    };
    let replacement = if read::has(spec, "podFailurePolicy") {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    fill(
        spec,
        &json!({"parallelism": 1, "backoffLimit": backoff, "completionMode": "NonIndexed", "suspend": false,
            "podReplacementPolicy": replacement, "manualSelector": false}),
    );
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for rule in super::list_mut(policy, "rules") {
            super::list_mut(rule, "onPodConditions")
                .for_each(|pattern| fill(pattern, &json!({"status": "True"})));
        }
    }
}

/// A job that doesn't exist yet only has what every job has.
fn job_template(spec: &mut Value) {
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for rule in super::list_mut(policy, "rules") {
            super::list_mut(rule, "onPodConditions")
                .for_each(|pattern| fill(pattern, &json!({"status": "True"})));
        }
    }
}
