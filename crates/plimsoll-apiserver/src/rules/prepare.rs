//! What the server itself says of an object, and what it doesn't let a request say.

use serde_json::{Map, Value, json};

use super::{
    Features,
    default::{at, complete, fill_at, list_mut, set},
    read, type_of,
};

/// Makes an object fit to be created: its status, its generated selector; fields of features that are off go.
///
/// It has its name and uid by now. Timestamps, generation and resourceVersion are the store's.
pub fn prepare_create(object: &mut Value, features: &Features) {
    drop_disabled(object, None, features);
    match type_of(object) {
        ("", "Pod") => {
            let is_negative = |seconds: i64| seconds < 0;
            if read::whole(&object["spec"], GRACE).is_some_and(is_negative) {
                at(object, "/spec", |spec| set(spec, GRACE, 1));
            }
            let mut status = json!({"phase": "Pending", "qosClass": super::pod::qos_class(&object["spec"])});
            if !read::list(&object["spec"], "schedulingGates").is_empty() {
                status["conditions"] = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                    "message": "Scheduling is blocked due to non-empty scheduling gates"}]);
            }
            set(object, "status", status);
        }
        ("batch", "Job") => generate_selector(object),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            set(
                object,
                "status",
                json!({"desiredReplicas": 0, "currentMetrics": null}),
            );
        }
        _ => {}
    }
}

const GRACE: &str = "terminationGracePeriodSeconds";

/// Counts the changes of a daemon set's template, in the way of old.
pub(super) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Makes an object fit to replace `old`: keeps what a request can't change by itself.
pub fn prepare_update(object: &mut Value, old: &Value, subresource: Option<&str>, features: &Features) {
    drop_disabled(object, Some(old), features);
    if type_of(object) == ("apps", "DaemonSet") && subresource.is_none() {
        let of = |set: &Value| {
            set["metadata"]["annotations"][TEMPLATE_GENERATION]
                .as_str()?
                .parse()
                .ok()
        };
        let before: u64 = of(old).unwrap_or_default();
        let is_other = object["spec"]["template"] != old["spec"]["template"];
        let count = (before + u64::from(is_other)).to_string();
        fill_at(object, "/metadata", &json!({"annotations": {}}));
        at(object, "/metadata/annotations", |all| {
            set(all, TEMPLATE_GENERATION, count)
        });
    }
    if type_of(object) == ("", "Pod") {
        if let Some(class) = old.pointer("/status/qosClass")
            && object.get("status").is_some_and(Value::is_object)
        {
            at(object, "/status", |status| set(status, "qosClass", class.clone()));
        }
        // A binding that was made stays.
        if subresource == Some("status") {
            set(object, "spec", old["spec"].clone());
        }
    }
}

/// A job's pods have labels of their own, unless the request brings a selector.
fn generate_selector(job: &mut Value) {
    if read::is(&job["spec"], "manualSelector") {
        return;
    }
    let (name, uid) = (
        read::text_at(job, "/metadata/name").to_owned(),
        read::text_at(job, "/metadata/uid").to_owned(),
    );
    if !job["spec"].is_object() {
        return;
    }
    fill_at(
        job,
        "/spec",
        &json!({"template": {"metadata": {"labels": {}}}, "selector": {"matchLabels": {}}}),
    );
    let labels: Map<String, Value> = [
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
    ]
    .into_iter()
    .map(|(label, value)| (label.to_owned(), value.as_str().into()))
    .collect();
    if let Some(own) = job
        .pointer_mut("/spec/template/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        complete(own, &labels);
    }
    at(job, "/spec/selector/matchLabels", |labels| {
        set(labels, "batch.kubernetes.io/controller-uid", uid)
    });
    // A job without labels has those of its pods.
    if read::entries(&job["metadata"], "labels").next().is_none()
        && let Some(labels) = job.pointer("/spec/template/metadata/labels").cloned()
    {
        at(job, "/metadata", |metadata| set(metadata, "labels", labels));
    }
}

/// Kubernetes honours admin access to devices from this minor version on without being told to.
const ADMIN_ACCESS: u32 = 34;

/// Takes out fields whose feature is off, unless they are stored already.
fn drop_disabled(object: &mut Value, old: Option<&Value>, features: &Features) {
    if features.minor < ADMIN_ACCESS {
        drop_admin_access(object, old);
    }
    if type_of(object).0 == "scheduling.k8s.io" {
        drop_disabled_of_groups(object, old, features);
    }
    if features.generic_workload {
        return;
    }
    for pointer in [
        "/spec",
        "/template/spec",
        "/spec/template/spec",
        "/spec/jobTemplate/spec/template/spec",
    ] {
        let is_in = |of: &Value, name: &str| of.pointer(pointer).is_some_and(|spec| read::has(spec, name));
        for name in ["schedulingGroup", "workloadRef"] {
            let is_stored = old.is_some_and(|old| is_in(old, name));
            if !is_stored && let Some(spec) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
                spec.remove(name);
            }
        }
    }
}

fn drop_admin_access(object: &mut Value, old: Option<&Value>) {
    for pointer in ["/spec/devices/requests", "/spec/spec/devices/requests"] {
        let asks = |request: &Value| request.pointer("/exactly/adminAccess").is_some();
        let stored = old.and_then(|old| old.pointer(pointer)).and_then(Value::as_array);
        if stored.is_some_and(|stored| stored.iter().any(asks)) {
            continue;
        }
        let requests = object.pointer_mut(pointer).and_then(Value::as_array_mut);
        for request in requests.into_iter().flatten() {
            if let Some(exactly) = request.get_mut("exactly").and_then(Value::as_object_mut) {
                exactly.remove("adminAccess");
            }
        }
    }
}

/// Takes out of groups of pods what is still in the making.
fn drop_disabled_of_groups(object: &mut Value, old: Option<&Value>, features: &Features) {
    let mut fields = vec!["resourceClaims"];
    if !features.topology_aware {
        fields.push("schedulingConstraints");
    }
    if features.minor <= 36 {
        fields.extend(["disruptionMode", "priorityClassName", "priority"]);
    }
    let drop = |of: &mut Value, old: Option<&Value>| {
        let Some(of) = of.as_object_mut() else { return };
        for field in &fields {
            if !old.is_some_and(|old| read::has(old, field)) {
                of.remove(*field);
            }
        }
    };
    at(object, "/spec", |spec| {
        drop(spec, old.and_then(|old| old.get("spec")));
        for (index, template) in list_mut(spec, "podGroupTemplates").enumerate() {
            drop(
                template,
                old.and_then(|old| old.pointer(&format!("/spec/podGroupTemplates/{index}"))),
            );
        }
    });
}
