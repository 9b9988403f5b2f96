//! Deployments and the like: their selectors and templates.

use serde_json::Value;

use super::{formed, immutable, names, not_negative, one_of, pod, printed, quoting, read, selector};
use crate::schema::{Cause, CauseReason, path::Path};

/// What is wrong with a Deployment, ReplicaSet, StatefulSet or DaemonSet.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let kind = read::text(object, "kind");
    for field in [
        "replicas",
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
    ] {
        not_negative(spec, field, &path, causes);
    }
    check_selector(spec, kind, &path, causes);
    check_template(spec, kind, &path, causes);
    match kind {
        "Deployment" => check_deployment(spec, &path, causes),
        "StatefulSet" => check_stateful_set(spec, &path, causes),
        "DaemonSet" => {
            let strategy = path.child("updateStrategy");
            one_of(
                &spec["updateStrategy"],
                "type",
                &["RollingUpdate", "OnDelete"],
                &strategy,
                causes,
            );
        }
        _ => {}
    }
    if let Some(old) = old {
        let old = &old["spec"];
        match kind {
            "StatefulSet" => check_stateful_set_update(spec, old, &path, causes),
            _ => immutable(
                &spec["selector"],
                &old["selector"],
                &path.child("selector"),
                causes,
            ),
        }
    }
}

/// What is wrong with a ReplicationController, whose selector is a plain map.
pub(super) fn check_replication_controller(object: &Value, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    not_negative(spec, "replicas", &path, causes);
    let selector = &spec["selector"];
    if selector.as_object().is_none_or(serde_json::Map::is_empty) {
        causes.push(Cause::required(path.child("selector"), ""));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if !read::entries(spec, "selector").all(|(key, value)| labels.get(key) == Some(value)) {
        let at = path.child("template").child("metadata").child("labels");
        causes.push(Cause::invalid(
            at,
            labels,
            "`selector` does not match template `labels`",
        ));
    }
    check_template(spec, "ReplicaSet", &path, causes);
}

fn check_selector(spec: &Value, kind: &str, path: &Path, causes: &mut Vec<Cause>) {
    let own = &spec["selector"];
    if own.is_null() {
        causes.push(Cause::required(path.child("selector"), ""));
    }
    selector::check(own, &path.child("selector"), causes);
    if !own.is_null() && selector::is_empty(own) {
        let of = match kind {
            "StatefulSet" => "statefulset",
            "DaemonSet" => "daemonset",
            _ => "deployment",
        };
        let detail = format!("empty selector is invalid for {of}");
        causes.push(Cause::invalid(path.child("selector"), own, &detail));
    }
    if own.is_null() || !selector::matches(own, &spec["template"]["metadata"]["labels"]) {
        let at = path.child("template").child("metadata").child("labels");
        let labels = &spec["template"]["metadata"]["labels"];
        causes.push(Cause::invalid(
            at,
            labels,
            "`selector` does not match template `labels`",
        ));
    }
}

fn check_template(spec: &Value, kind: &str, path: &Path, causes: &mut Vec<Cause>) {
    let path = path.child("template");
    pod::check_template(&spec["template"], &path, causes);
    let path = path.child("spec");
    let template = &spec["template"]["spec"];
    let policy = read::text(template, "restartPolicy");
    if policy != "Always" {
        causes.push(Cause::not_supported(
            path.child("restartPolicy"),
            &policy.into(),
            &["Always"],
        ));
    }
    if read::has(template, "activeDeadlineSeconds") {
        let kind = if kind == "Deployment" { "ReplicaSet" } else { kind };
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        causes.push(Cause::forbidden(path.child("activeDeadlineSeconds"), &detail));
    }
}

fn check_deployment(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let strategy = &spec["strategy"];
    let at = path.child("strategy");
    match read::text(strategy, "type") {
        "RollingUpdate" => {
            check_rolling_update(&strategy["rollingUpdate"], &at.child("rollingUpdate"), causes)
        }
        "Recreate" if read::has(strategy, "rollingUpdate") => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            causes.push(Cause::forbidden(at.child("rollingUpdate"), detail));
        }
        "Recreate" => {}
        _ => causes.push(Cause::quoting(
            CauseReason::NotSupported,
            at,
            &printed::printed(&printed::STRATEGY, strategy),
            "supported values: \"Recreate\", \"RollingUpdate\"",
        )),
    }
    let (deadline, ready) = (
        read::whole(spec, "progressDeadlineSeconds"),
        read::whole(spec, "minReadySeconds"),
    );
    if let Some(deadline) = deadline.filter(|deadline| *deadline <= ready.unwrap_or_default()) {
        let detail = "must be greater than minReadySeconds";
        causes.push(Cause::invalid(
            path.child("progressDeadlineSeconds"),
            &deadline.into(),
            detail,
        ));
    }
}

fn check_rolling_update(rolling: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for field in ["maxUnavailable", "maxSurge"] {
        match &rolling[field] {
            Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
                let detail = "must be greater than or equal to 0";
                causes.push(Cause::invalid(path.child(field), &rolling[field], detail));
            }
            Value::String(text) => {
                let digits = text.strip_suffix('%').unwrap_or_default();
                if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. \
                                  '1%',  or '93%', regex used for validation is '[0-9]+%')";
                    causes.push(Cause::invalid(path.child(field), &rolling[field], detail));
                }
            }
            _ => {}
        }
    }
    let is_zero = |field: &str| matches!(&rolling[field], value if *value == 0 || *value == "0%");
    if is_zero("maxUnavailable") && is_zero("maxSurge") {
        let detail = "may not be 0 when `maxSurge` is 0";
        causes.push(Cause::invalid(
            path.child("maxUnavailable"),
            &rolling["maxUnavailable"],
            detail,
        ));
    }
}

fn check_stateful_set(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let policy = read::text(spec, "podManagementPolicy");
    if !matches!(policy, "OrderedReady" | "Parallel") {
        let detail = "must be 'OrderedReady' or 'Parallel'";
        causes.push(Cause::invalid(
            path.child("podManagementPolicy"),
            &policy.into(),
            detail,
        ));
    }
    let strategy = &spec["updateStrategy"];
    if !matches!(read::text(strategy, "type"), "RollingUpdate" | "OnDelete") {
        let detail = "must be 'RollingUpdate' or 'OnDelete'";
        let at = path.child("updateStrategy");
        causes.push(quoting(&printed::STRATEGY, strategy, &at, detail));
    }
    let service = read::text(spec, "serviceName");
    if !service.is_empty() {
        formed(
            service,
            names::dns1123_label(service),
            &path.child("serviceName"),
            causes,
        );
    }
}

fn check_stateful_set_update(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    const MUTABLE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let rest = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|name, _| !MUTABLE.contains(&name.as_str()));
        }
        spec
    };
    if rest(spec) != rest(old) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                      'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                      'minReadySeconds' are forbidden";
        causes.push(Cause::forbidden(path, detail));
    }
}
