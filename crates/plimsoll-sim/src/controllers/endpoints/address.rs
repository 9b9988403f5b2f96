//! What is said of one pod.

use serde_json::{Value, json};

use super::super::facts::{
    meta::{self, items},
    pod,
};

/// A pod's addresses.
pub(super) fn addresses(of: &Value) -> Vec<&str> {
    let listed: Vec<&str> = items(&of["status"]["podIPs"])
        .iter()
        .filter_map(|ip| ip["ip"].as_str())
        .collect();
    if listed.is_empty() {
        of["status"]["podIP"]
            .as_str()
            .filter(|ip| !ip.is_empty())
            .into_iter()
            .collect()
    } else {
        listed
    }
}

/// Whether it is to be found at all.
pub(super) fn is_there(of: &Value) -> bool {
    !pod::terminal(of) && !addresses(of).is_empty()
}

/// Its name within a headless Service.
pub(super) fn hostname<'a>(of: &'a Value, service: &Value) -> Option<&'a str> {
    let hostname = of["spec"]["hostname"]
        .as_str()
        .filter(|hostname| !hostname.is_empty())?;
    (of["spec"]["subdomain"] == meta::name(service)).then_some(hostname)
}

pub(super) fn reference(of: &Value) -> Value {
    json!({"kind": "Pod", "namespace": meta::namespace(of), "name": meta::name(of), "uid": meta::uid(of)})
}

/// The number of a Service's port on a pod; none where the pod has no port of that name.
pub(super) fn port_on(of: &Value, port: &Value) -> Option<i64> {
    match &port["targetPort"] {
        Value::String(name) => items(&of["spec"]["containers"])
            .iter()
            .chain(
                items(&of["spec"]["initContainers"])
                    .iter()
                    .filter(|own| own["restartPolicy"] == "Always"),
            )
            .flat_map(|container| items(&container["ports"]))
            .find(|own| {
                own["name"] == name.as_str() && own["protocol"].as_str().unwrap_or("TCP") == protocol(port)
            })
            .and_then(|own| own["containerPort"].as_i64()),
        Value::Number(number) => number.as_i64(),
        _ => port["port"].as_i64(),
    }
}

pub(super) fn protocol(port: &Value) -> &str {
    port["protocol"].as_str().unwrap_or("TCP")
}
