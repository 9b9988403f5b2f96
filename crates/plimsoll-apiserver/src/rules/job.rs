//! Jobs and cron jobs.

use serde_json::{Value, json};

use super::{immutable, not_negative, one_of, pod, read, selector};
use crate::schema::{Cause, path::Path};

/// What is wrong with a job's spec, or with what it is changed to.
pub(super) fn check(spec: &Value, old: Option<&Value>, path: &Path, causes: &mut Vec<Cause>) {
    check_rest(spec, path, causes);
    if read::has(spec, "selector") {
        selector::check(&spec["selector"], &path.child("selector"), causes);
    } else {
        causes.push(Cause::required(path.child("selector"), ""));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if !selector::matches(&spec["selector"], labels) {
        let at = path.child("template").child("metadata").child("labels");
        causes.push(Cause::invalid(
            at,
            labels,
            "`selector` does not match template `labels`",
        ));
    }
    if let Some(old) = old {
        check_update(spec, old, path, causes);
    }
}

/// What is wrong with a selector that the server should have made itself.
pub(super) fn check_selector(job: &Value, causes: &mut Vec<Cause>) {
    let spec = &job["spec"];
    if read::is(spec, "manualSelector") || !read::has(spec, "selector") {
        return;
    }
    let own = json!({
        "controller-uid": job["metadata"]["uid"], "batch.kubernetes.io/controller-uid": job["metadata"]["uid"],
        "job-name": job["metadata"]["name"], "batch.kubernetes.io/job-name": job["metadata"]["name"],
    });
    if !selector::matches(&spec["selector"], &own) {
        let path = Path::new("spec").child("selector");
        causes.push(Cause::invalid(
            path,
            &spec["selector"],
            "`selector` not auto-generated",
        ));
    }
}

fn check_update(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let is_elastic = read::text(spec, "completionMode") == "Indexed"
        && spec["completions"] == spec["parallelism"]
        && !spec["completions"].is_null();
    if !is_elastic {
        immutable(
            &spec["completions"],
            &old["completions"],
            &path.child("completions"),
            causes,
        );
    }
    immutable(
        &spec["selector"],
        &old["selector"],
        &path.child("selector"),
        causes,
    );
    let mut before = old["template"].clone();
    // A job that hasn't started yet may still be told where to run.
    if read::is(old, "suspend") {
        for (pointer, field) in [
            ("/spec", "nodeSelector"),
            ("/spec", "tolerations"),
            ("/spec", "schedulingGates"),
            ("/spec", "affinity"),
            ("/metadata", "labels"),
            ("/metadata", "annotations"),
        ] {
            let new = spec["template"].pointer(&format!("{pointer}/{field}")).cloned();
            if let Some(fields) = before.pointer_mut(pointer).and_then(Value::as_object_mut) {
                match new {
                    Some(new) => fields.insert(field.to_owned(), new),
                    None => fields.remove(field),
                };
            }
        }
    }
    let at = path.child("template");
    if read::is(old, "suspend") {
        // Neither is it what its containers request.
        for list in ["containers", "initContainers"] {
            let new = read::list(&spec["template"]["spec"], list);
            let old = before.pointer_mut(&format!("/spec/{list}"));
            for (old, new) in old.and_then(Value::as_array_mut).into_iter().flatten().zip(new) {
                if let (Some(old), Some(resources)) = (old.as_object_mut(), new.get("resources")) {
                    old.insert("resources".to_owned(), resources.clone());
                }
            }
        }
        immutable(
            &spec["template"]["spec"],
            &before["spec"],
            &at.child("spec"),
            causes,
        );
    } else {
        immutable(&spec["template"], &before, &at, causes);
    }
    for field in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        immutable(&spec[field], &old[field], &path.child(field), causes);
    }
}

fn check_rest(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        not_negative(spec, field, path, causes);
    }
    let mode = read::text(spec, "completionMode");
    if !mode.is_empty() {
        one_of(spec, "completionMode", &["NonIndexed", "Indexed"], path, causes);
    }
    if mode == "Indexed" && !read::has(spec, "completions") {
        causes.push(Cause::required(
            path.child("completions"),
            "when completion mode is Indexed",
        ));
    }
    if mode != "Indexed" {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if read::has(spec, field) {
                causes.push(Cause::invalid(
                    path.child(field),
                    &spec[field],
                    "requires indexed completion mode",
                ));
            }
        }
    }
    let at = path.child("template");
    pod::check_template(&spec["template"], &at, causes);
    let policy = read::text(&spec["template"]["spec"], "restartPolicy");
    let at = at.child("spec").child("restartPolicy");
    match policy {
        "OnFailure" if read::has(spec, "podFailurePolicy") => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            causes.push(Cause::invalid(at, &policy.into(), detail));
        }
        "OnFailure" | "Never" => {}
        "Always" => {
            causes.push(Cause::required(at, "valid values: \"OnFailure\", \"Never\""));
        }
        other => causes.push(Cause::not_supported(at, &other.into(), &["OnFailure", "Never"])),
    }
}

/// What is wrong with a cron job's spec.
pub(super) fn check_cron(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    if read::text(spec, "schedule").is_empty() {
        causes.push(Cause::required(path.child("schedule"), ""));
    }
    for field in [
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ] {
        not_negative(spec, field, path, causes);
    }
    one_of(
        spec,
        "concurrencyPolicy",
        &["Allow", "Forbid", "Replace"],
        path,
        causes,
    );
    let path = path.child("jobTemplate").child("spec");
    let job = &spec["jobTemplate"]["spec"];
    if read::is(job, "manualSelector") {
        causes.push(Cause::not_supported(
            path.child("manualSelector"),
            &json!(true),
            &["nil", "false"],
        ));
    }
    check_rest(job, &path, causes);
}
