//! Defaults that depend on other fields, or that the schemas of built-in kinds don't say.

mod pod;
mod workload;

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{prepare::TEMPLATE_GENERATION, read, type_of};

/// Fills in what depends on other fields, after the schema's defaults.
pub fn default(object: &mut Value) {
    let (group, kind) = type_of(object);
    let (group, kind) = (group.to_owned(), kind.to_owned());
    match (group.as_str(), kind.as_str()) {
        ("", "Pod") => at(object, "/spec", pod::default),
        ("", "PodTemplate") => at(object, "/template/spec", pod::template),
        ("", "Service") => at(object, "/spec", service),
        ("", "Secret") => secret(object),
        ("", "Namespace") => {
            let name = read::text_at(object, "/metadata/name").to_owned();
            if !name.is_empty() {
                at(object, "/metadata", |metadata| fill_object(metadata, "labels"));
                at(object, "/metadata/labels", |labels| {
                    set(labels, "kubernetes.io/metadata.name", name)
                });
            }
        }
        ("", "PersistentVolumeClaim") => fill_at(object, "/spec", &json!({"volumeMode": "Filesystem"})),
        ("", "PersistentVolume") => fill_at(
            object,
            "/spec",
            &json!({"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"}),
        ),
        ("", "LimitRange") => at(object, "/spec", limits),
        ("", "Node") => {
            let capacity = object.pointer("/status/capacity").cloned();
            if let Some(capacity) = capacity {
                fill_at(object, "/status", &json!({"allocatable": capacity}));
            }
        }
        ("", "ReplicationController") | ("apps" | "batch", _) => {
            if kind == "DaemonSet" {
                fill_at(
                    object,
                    "/metadata",
                    &json!({"annotations": {TEMPLATE_GENERATION: "1"}}),
                );
            }
            workload::default(object, &kind);
        }
        ("autoscaling", "HorizontalPodAutoscaler") => at(object, "/spec", autoscaler),
        ("resource.k8s.io", "ResourceClaim") => at(object, "/spec", claim),
        ("resource.k8s.io", "ResourceClaimTemplate") => at(object, "/spec/spec", claim),
        ("networking.k8s.io", "NetworkPolicy") => at(object, "/spec", network_policy),
        ("storage.k8s.io", "StorageClass") => {
            fill(
                object,
                &json!({"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
            );
        }
        ("storage.k8s.io", "CSIDriver") => fill_at(
            object,
            "/spec",
            &json!({"attachRequired": true, "podInfoOnMount": false, "storageCapacity": false,
                "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
                "requiresRepublish": false, "seLinuxMount": false}),
        ),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => binding(object),
        ("scheduling.k8s.io", "PriorityClass") => {
            fill(object, &json!({"preemptionPolicy": "PreemptLowerPriority"}))
        }
        ("admissionregistration.k8s.io", _) => admission(object),
        ("discovery.k8s.io", "EndpointSlice") => {
            for port in list_mut(object, "ports") {
                fill(port, &json!({"name": "", "protocol": "TCP"}));
            }
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        _ => {}
    }
}

/// Gives fields the values that they have in `defaults`, where they are missing; objects are filled, not replaced.
pub(super) fn fill(value: &mut Value, defaults: &Value) {
    let (Some(fields), Some(defaults)) = (value.as_object_mut(), defaults.as_object()) else {
        return;
    };
    for (name, default) in defaults {
        match fields.get_mut(name) {
            Some(present @ Value::Object(_)) => fill(present, default),
            None | Some(Value::Null) => {
                fields.insert(name.clone(), default.clone());
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {}
        }
    }
}

/// Fills what is at a place, if there is something.
pub(super) fn fill_at(value: &mut Value, pointer: &str, defaults: &Value) {
    at(value, pointer, |value| fill(value, defaults));
}

/// Does something with what is at a place, if there is something.
pub(super) fn at(value: &mut Value, pointer: &str, change: impl FnOnce(&mut Value)) {
    if let Some(value) = value.pointer_mut(pointer) {
        change(value);
    }
}

/// Gives a field of an object a value.
pub(super) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Makes a field an object where it is missing.
pub(super) fn fill_object(value: &mut Value, name: &str) {
    fill(value, &json!({name: {}}));
}

/// The elements of a list, to be changed.
pub(super) fn list_mut<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value
        .get_mut(name)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn service(spec: &mut Value) {
    fill(spec, &json!({"sessionAffinity": "None", "type": "ClusterIP"}));
    match read::text(spec, "sessionAffinity") {
        "ClientIP" => fill(
            spec,
            &json!({"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
        ),
        _ => {
            if let Some(spec) = spec.as_object_mut() {
                spec.remove("sessionAffinityConfig");
            }
        }
    }
    for port in list_mut(spec, "ports") {
        fill(port, &json!({"protocol": "TCP"}));
        let is_open = port
            .get("targetPort")
            .is_none_or(|target| *target == json!(0) || *target == json!(""));
        if is_open && let Some(number) = port.get("port").cloned() {
            set(port, "targetPort", number);
        }
    }
    let kind = read::text(spec, "type").to_owned();
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        fill(spec, &json!({"externalTrafficPolicy": "Cluster"}));
    }
    if kind == "LoadBalancer" {
        fill(spec, &json!({"allocateLoadBalancerNodePorts": true}));
    }
    if kind != "ExternalName" {
        fill(spec, &json!({"internalTrafficPolicy": "Cluster"}));
    }
}

/// What is given as text is kept as bytes.
fn secret(object: &mut Value) {
    fill(object, &json!({"type": "Opaque"}));
    let texts = object
        .as_object_mut()
        .and_then(|fields| fields.remove("stringData"));
    if let Some(Value::Object(texts)) = texts
        && !texts.is_empty()
    {
        fill_object(object, "data");
        for (key, text) in texts {
            let text = BASE64.encode(text.as_str().unwrap_or_default());
            at(object, "/data", |data| set(data, &key, text));
        }
    }
}

fn limits(spec: &mut Value) {
    for limit in list_mut(spec, "limits").filter(|limit| limit["type"] == "Container") {
        let of = |limit: &Value, name: &str| limit.get(name).cloned().unwrap_or_else(|| json!({}));
        let max = of(limit, "max");
        fill(limit, &json!({"default": max}));
        let (default, min) = (of(limit, "default"), of(limit, "min"));
        fill(limit, &json!({"defaultRequest": default}));
        fill(limit, &json!({"defaultRequest": min}));
    }
}

fn autoscaler(spec: &mut Value) {
    fill(spec, &json!({"minReplicas": 1}));
    if read::list(spec, "metrics").is_empty() {
        let metric = json!({"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 80}}});
        set(spec, "metrics", vec![metric]);
    }
    if read::has(spec, "behavior") {
        fill(
            spec,
            &json!({"behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                    {"type": "Percent", "value": 100, "periodSeconds": 15}]},
                "scaleDown": {"selectPolicy": "Max", "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 15}]},
            }}),
        );
    }
}

fn claim(spec: &mut Value) {
    let count = |request: &mut Value| {
        fill(request, &json!({"allocationMode": "ExactCount"}));
        if request["allocationMode"] == "ExactCount" && read::whole(request, "count").unwrap_or_default() == 0
        {
            set(request, "count", 1);
        }
    };
    let Some(devices) = spec.get_mut("devices") else {
        return;
    };
    for request in list_mut(devices, "requests") {
        if let Some(exact) = request.get_mut("exactly") {
            count(exact);
        }
        list_mut(request, "firstAvailable").for_each(count);
    }
}

fn network_policy(spec: &mut Value) {
    if read::list(spec, "policyTypes").is_empty() {
        let has_egress = !read::list(spec, "egress").is_empty();
        set(
            spec,
            "policyTypes",
            if has_egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            },
        );
    }
    for direction in ["ingress", "egress"] {
        for rule in list_mut(spec, direction) {
            for port in list_mut(rule, "ports") {
                fill(port, &json!({"protocol": "TCP"}));
            }
        }
    }
}

fn binding(object: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if read::text_at(object, "/roleRef/apiGroup").is_empty() && read::has(object, "roleRef") {
        at(object, "/roleRef", |role| set(role, "apiGroup", GROUP));
    }
    for subject in list_mut(object, "subjects") {
        if matches!(read::text(subject, "kind"), "User" | "Group") {
            fill(subject, &json!({"apiGroup": GROUP}));
        }
    }
}

fn admission(object: &mut Value) {
    let webhook = json!({"failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {},
        "objectSelector": {}, "timeoutSeconds": 10});
    let is_mutating = object["kind"] == "MutatingWebhookConfiguration";
    for hook in list_mut(object, "webhooks") {
        fill(hook, &webhook);
        if is_mutating {
            fill(hook, &json!({"reinvocationPolicy": "Never"}));
        }
        if let Some(service) = hook.pointer_mut("/clientConfig/service") {
            fill(service, &json!({"port": 443}));
        }
        list_mut(hook, "rules").for_each(|rule| fill(rule, &json!({"scope": "*"})));
    }
    let kind = read::text(object, "kind").to_owned();
    if let Some(spec) = object.get_mut("spec") {
        if kind.ends_with("Policy") {
            fill(spec, &json!({"failurePolicy": "Fail"}));
        }
        for name in ["matchConstraints", "matchResources"] {
            if let Some(constraints) = spec.get_mut(name).filter(|constraints| constraints.is_object()) {
                fill(
                    constraints,
                    &json!({"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}),
                );
                for rules in ["resourceRules", "excludeResourceRules"] {
                    list_mut(constraints, rules).for_each(|rule| fill(rule, &json!({"scope": "*"})));
                }
            }
        }
    }
}

fn definition(object: &mut Value) {
    let Some(names) = object.pointer_mut("/spec/names") else {
        return;
    };
    let kind = read::text(names, "kind").to_owned();
    if read::text(names, "singular").is_empty() {
        set(names, "singular", kind.to_lowercase());
    }
    if read::text(names, "listKind").is_empty() && !kind.is_empty() {
        set(names, "listKind", format!("{kind}List"));
    }
    fill_at(object, "/spec", &json!({"conversion": {"strategy": "None"}}));
}

/// What one map has and another doesn't.
pub(super) fn complete(target: &mut Map<String, Value>, source: &Map<String, Value>) {
    for (name, value) in source {
        if !target.contains_key(name) {
            target.insert(name.clone(), value.clone());
        }
    }
}
