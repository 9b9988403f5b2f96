//! Autoscalers of pods.

use serde_json::Value;

use super::{one_of, read};
use crate::schema::{Cause, path::Path};

/// Each type of metric and the field that describes it.
const METRICS: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

/// What is wrong with an autoscaler's spec.
pub(super) fn check(spec: &Value, old: Option<&Value>, path: &Path, causes: &mut Vec<Cause>) {
    let least = read::whole(spec, "minReplicas").unwrap_or(1);
    let most = read::whole(spec, "maxReplicas").unwrap_or_default();
    if least < 1 {
        let detail = "must be greater than or equal to 1";
        causes.push(Cause::invalid(path.child("minReplicas"), &least.into(), detail));
    }
    if most == 0 {
        let detail = "must be set and greater than 0";
        causes.push(Cause::required(path.child("maxReplicas"), detail));
    } else if most < 0 {
        let detail = "must be greater than or equal to 1";
        causes.push(Cause::invalid(path.child("maxReplicas"), &most.into(), detail));
    }
    if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        causes.push(Cause::invalid(path.child("maxReplicas"), &most.into(), detail));
    }
    for field in ["kind", "name"] {
        if read::text(&spec["scaleTargetRef"], field).is_empty() {
            causes.push(Cause::required(path.child("scaleTargetRef").child(field), ""));
        }
    }
    let of = read::text(&spec["scaleTargetRef"], "apiVersion");
    let was = old.map(|old| read::text(&old["scaleTargetRef"], "apiVersion"));
    if !of.contains('/') && was != Some(of) {
        causes.push(Cause::invalid(
            path.child("scaleTargetRef").child("apiVersion"),
            &of.into(),
            "apiVersion must specify API group",
        ));
    }
    for (index, metric) in read::list(spec, "metrics").iter().enumerate() {
        check_metric(metric, &path.child("metrics").index(index), causes);
    }
    for direction in ["scaleUp", "scaleDown"] {
        let rules = &spec["behavior"][direction];
        let path = path.child("behavior").child(direction);
        if rules.is_null() {
            continue;
        }
        if let Some(seconds) = read::whole(rules, "stabilizationWindowSeconds").filter(|seconds| *seconds < 0)
        {
            let detail = "must be greater than or equal to zero";
            let at = path.child("stabilizationWindowSeconds");
            causes.push(Cause::invalid(at, &seconds.into(), detail));
        }
        if read::whole(rules, "stabilizationWindowSeconds").is_some_and(|seconds| seconds > 3600) {
            let detail = "must be less than or equal to 3600";
            let at = path.child("stabilizationWindowSeconds");
            causes.push(Cause::invalid(at, &rules["stabilizationWindowSeconds"], detail));
        }
        if read::has(rules, "selectPolicy") {
            one_of(rules, "selectPolicy", &["Disabled", "Max", "Min"], &path, causes);
        }
        for (index, policy) in read::list(rules, "policies").iter().enumerate() {
            let path = path.child("policies").index(index);
            one_of(policy, "type", &["Percent", "Pods"], &path, causes);
            for field in ["value", "periodSeconds"] {
                let number = read::whole(policy, field).unwrap_or_default();
                if number <= 0 {
                    causes.push(Cause::invalid(
                        path.child(field),
                        &number.into(),
                        "must be greater than zero",
                    ));
                }
            }
        }
    }
}

fn check_metric(metric: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let kind = read::text(metric, "type");
    if kind.is_empty() {
        causes.push(Cause::required(
            path.child("type"),
            "must specify a metric source type",
        ));
        return;
    }
    let Some((_, field)) = METRICS.iter().find(|(known, _)| *known == kind) else {
        let supported: Vec<&str> = METRICS.iter().map(|(kind, _)| *kind).collect();
        causes.push(Cause::not_supported(path.child("type"), &kind.into(), &supported));
        return;
    };
    if !read::has(metric, field) {
        let detail = "must populate information for the given metric source";
        causes.push(Cause::required(path.child(field), detail));
        return;
    }
    for (_, other) in METRICS
        .iter()
        .filter(|(known, field)| *known != kind && read::has(metric, field))
    {
        let detail = "must populate the given metric source only";
        causes.push(Cause::forbidden(path.child(other), detail));
    }
    let (source, path) = (&metric[*field], path.child(field));
    if kind.ends_with("Resource") {
        if read::text(source, "name").is_empty() {
            causes.push(Cause::required(
                path.child("name"),
                "must specify a resource name",
            ));
        }
    } else if read::text(&source["metric"], "name").is_empty() {
        causes.push(Cause::required(
            path.child("metric").child("name"),
            "must specify a metric name",
        ));
    }
    let (target, path) = (&source["target"], path.child("target"));
    if read::text(target, "type").is_empty() {
        causes.push(Cause::required(
            path.child("type"),
            "must specify a metric target type",
        ));
    }
    if !matches!(
        read::text(target, "type"),
        "AverageValue" | "Utilization" | "Value"
    ) {
        let detail = "must be either Utilization, Value, or AverageValue";
        causes.push(Cause::invalid(path.child("type"), &target["type"], detail));
    }
    let (field, others, detail) = match kind {
        "Pods" => (
            "averageValue",
            &[][..],
            "must specify a positive target averageValue",
        ),
        "Object" => (
            "averageValue",
            &["value"][..],
            "must set either a target value or averageValue",
        ),
        "External" => (
            "averageValue",
            &["value"][..],
            "must set either a target value for metric or a per-pod target",
        ),
        _ => (
            "averageUtilization",
            &["averageValue"][..],
            "must set either a target raw value or a target utilization",
        ),
    };
    if !read::has(target, field) && !others.iter().any(|field| read::has(target, field)) {
        causes.push(Cause::required(path.child(field), detail));
    }
}
