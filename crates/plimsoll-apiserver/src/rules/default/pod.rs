//! Defaults of pods and of the templates for them.

use serde_json::{Value, json};

use super::{super::read, at, complete, fill, list_mut, set};

/// Those of a pod's spec.
pub(super) fn default(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    template(spec);
    for list in ["containers", "initContainers"] {
        for container in list_mut(spec, list) {
            at(container, "/resources", requests);
        }
    }
    pod_level_requests(spec);
    fill(spec, &json!({"enableServiceLinks": true}));
}

/// Those of a template's spec: requests are only filled in once it is a pod.
pub(super) fn template(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    fill(
        spec,
        &json!({"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
            "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler"}),
    );
    let host_network = read::is(spec, "hostNetwork");
    list_mut(spec, "volumes").for_each(volume);
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for each in list_mut(spec, list) {
            container(each, host_network && list != "ephemeralContainers");
        }
    }
    // The older name of the account is kept for older clients.
    let account = read::text(spec, "serviceAccountName").to_owned();
    let older = read::text(spec, "serviceAccount").to_owned();
    match (account.as_str(), older.as_str()) {
        ("", "") => {}
        ("", older) => set(spec, "serviceAccountName", older),
        (account, _) => set(spec, "serviceAccount", account),
    }
}

fn container(container: &mut Value, host_network: bool) {
    if !container.is_object() {
        return;
    }
    let policy = if is_latest(read::text(container, "image")) {
        "Always"
    } else {
        "IfNotPresent"
    };
    fill(
        container,
        &json!({"imagePullPolicy": policy, "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "resources": {}}),
    );
    for port in list_mut(container, "ports") {
        fill(port, &json!({"protocol": "TCP"}));
        if host_network && read::whole(port, "hostPort").unwrap_or_default() == 0 {
            let number = port.get("containerPort").cloned().unwrap_or_default();
            set(port, "hostPort", number);
        }
    }
    for variable in list_mut(container, "env") {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            fill(field, &json!({"apiVersion": "v1"}));
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(name).filter(|probe| probe.is_object()) {
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                if read::whole(probe, field).unwrap_or_default() == 0 {
                    set(probe, field, value);
                }
            }
            http_get(probe);
            if let Some(grpc) = probe.get_mut("grpc") {
                fill(grpc, &json!({"service": ""}));
            }
        }
    }
    for name in ["postStart", "preStop"] {
        if let Some(handler) = container.pointer_mut(&format!("/lifecycle/{name}")) {
            http_get(handler);
        }
    }
}

fn http_get(handler: &mut Value) {
    if let Some(get) = handler.get_mut("httpGet") {
        fill(get, &json!({"path": "/", "scheme": "HTTP"}));
    }
}

/// Whether an image is named without a tag or digest, or by `latest`.
fn is_latest(image: &str) -> bool {
    let (name, digest) = image
        .split_once('@')
        .map_or((image, ""), |(name, digest)| (name, digest));
    let last = name.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => digest.is_empty(),
    }
}

fn volume(volume: &mut Value) {
    let has_source = volume
        .as_object()
        .is_some_and(|fields| fields.keys().any(|field| field != "name"));
    if volume.is_object() && !has_source {
        set(volume, "emptyDir", json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(source) {
            fill(source, &json!({"defaultMode": 420}));
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        fill(path, &json!({"type": ""}));
    }
    if let Some(image) = volume.get_mut("image") {
        let policy = if is_latest(read::text(image, "reference")) {
            "Always"
        } else {
            "IfNotPresent"
        };
        fill(image, &json!({"pullPolicy": policy}));
    }
    if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
        fill(claim, &json!({"volumeMode": "Filesystem"}));
    }
    let fields = volume
        .get_mut("downwardAPI")
        .into_iter()
        .flat_map(|source| list_mut(source, "items"));
    for item in fields {
        if let Some(field) = item.get_mut("fieldRef") {
            fill(field, &json!({"apiVersion": "v1"}));
        }
    }
    if let Some(projected) = volume.get_mut("projected") {
        for source in list_mut(projected, "sources") {
            if let Some(token) = source.get_mut("serviceAccountToken") {
                fill(token, &json!({"expirationSeconds": 3600}));
            }
            if let Some(downward) = source.get_mut("downwardAPI") {
                for item in list_mut(downward, "items") {
                    if let Some(field) = item.get_mut("fieldRef") {
                        fill(field, &json!({"apiVersion": "v1"}));
                    }
                }
            }
        }
    }
}

/// What is limited and not requested is requested as much.
fn requests(resources: &mut Value) {
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    super::fill_object(resources, "requests");
    if let Some(requests) = resources.get_mut("requests").and_then(Value::as_object_mut) {
        complete(requests, &limits);
    }
}

fn pod_level_requests(spec: &mut Value) {
    let Some(limits) = spec
        .pointer("/resources/limits")
        .and_then(Value::as_object)
        .cloned()
    else {
        return;
    };
    let supported = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    let mut sums: std::collections::BTreeMap<String, crate::Quantity> = std::collections::BTreeMap::new();
    for container in read::list(spec, "containers") {
        for (name, amount) in read::entries(&container["resources"], "requests") {
            if let Some(amount) = crate::Quantity::read(amount).filter(|_| supported(name)) {
                let sum = sums.entry(name.clone()).or_default();
                *sum = *sum + amount;
            }
        }
    }
    at(spec, "/resources", |resources| {
        super::fill_object(resources, "requests")
    });
    if let Some(requests) = spec
        .pointer_mut("/resources/requests")
        .and_then(Value::as_object_mut)
    {
        let sums = sums
            .into_iter()
            .filter(|(name, _)| !name.starts_with("hugepages-"));
        complete(
            requests,
            &sums.map(|(name, sum)| (name, sum.to_string().into())).collect(),
        );
        complete(
            requests,
            &limits.into_iter().filter(|(name, _)| supported(name)).collect(),
        );
    }
}
