//! Autoscalers: version 1 only knows the load of processors, and keeps the rest in annotations.

use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

pub(super) fn to_v1(object: &mut Map<String, Value>) {
    let mut annotations = Vec::new();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        if let Some(Value::Array(mut metrics)) = spec.remove("metrics") {
            if let Some((index, target)) = find(&metrics, "/resource/target/averageUtilization") {
                spec.insert("targetCPUUtilizationPercentage".to_owned(), target);
                metrics.remove(index);
            }
            annotations.push((METRICS, Value::Array(metrics)));
        }
        annotations.extend(spec.remove("behavior").map(|behavior| (BEHAVIOR, behavior)));
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        if let Some(Value::Array(mut metrics)) = status.remove("currentMetrics") {
            if let Some((index, current)) = find(&metrics, "/resource/current/averageUtilization") {
                // What else is known of it goes the long way.
                if metrics[index].pointer("/resource/current/averageValue").is_none() {
                    status.insert("currentCPUUtilizationPercentage".to_owned(), current);
                    metrics.remove(index);
                }
            }
            annotations.push((CURRENT_METRICS, Value::Array(metrics)));
        }
        annotations.extend(
            status
                .remove("conditions")
                .map(|conditions| (CONDITIONS, conditions)),
        );
    }
    for (name, value) in annotations {
        if value.as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(name.to_owned(), value.to_string().into());
            }
        }
    }
}

pub(super) fn from_v1(object: &mut Map<String, Value>) {
    let mut taken = |name: &str| -> Option<Value> {
        let annotations = object
            .get_mut("metadata")?
            .get_mut("annotations")?
            .as_object_mut()?;
        let text = annotations.get(name)?.as_str()?;
        let value = serde_json::from_str(text).ok()?;
        annotations.remove(name);
        Some(value)
    };
    let [metrics, current_metrics, conditions, behavior] =
        [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR].map(&mut taken);
    let is_empty = object
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"))
        .and_then(Value::as_object)
        .is_some_and(Map::is_empty);
    if is_empty && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("annotations");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let mut all = listed(metrics);
        if let Some(percentage) = spec.remove("targetCPUUtilizationPercentage") {
            let target = json!({"type": "Utilization", "averageUtilization": percentage});
            all.insert(
                0,
                json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}),
            );
        }
        put(spec, "metrics", all);
        if let Some(behavior) = behavior {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let mut all = listed(current_metrics);
        if let Some(percentage) = status.remove("currentCPUUtilizationPercentage") {
            let current = json!({"averageUtilization": percentage});
            all.insert(
                0,
                json!({"type": "Resource", "resource": {"name": "cpu", "current": current}}),
            );
        }
        put(status, "currentMetrics", all);
        put(status, "conditions", listed(conditions));
    }
}

/// The metric of processors, if it has the value at that path.
fn find(metrics: &[Value], path: &str) -> Option<(usize, Value)> {
    metrics.iter().enumerate().find_map(|(index, metric)| {
        let is_cpu = metric["type"] == "Resource" && metric.pointer("/resource/name") == Some(&json!("cpu"));
        is_cpu
            .then(|| metric.pointer(path).cloned())
            .flatten()
            .map(|value| (index, value))
    })
}

fn listed(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))
        | None => Vec::new(),
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, items: Vec<Value>) {
    if !items.is_empty() {
        fields.insert(name.to_owned(), items.into());
    }
}
