//! A pod's status as the kubelet writes it.

use serde_json::{Map, Value, json};

use super::{
    phase::{Outlook, Statuses, conditions, phase},
    restart::{Role, containers, name},
    state::{ContainerState, PodState},
};
use crate::node::{images::image_id, runtime::Container};

/// Conditions that are the kubelet's own.
const OWN: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

/// What a termination message may have, and what of the log may stand in for it.
const MESSAGE_BYTES: usize = 4096;
const LOG_BYTES: usize = 2048;

/// What else a status tells that the pod and its containers don't know themselves.
pub(super) struct Context<'a> {
    /// The node's address.
    pub(super) host_ip: String,
    /// Now, as the API writes it.
    pub(super) now: String,
    /// The kubelet's minor version.
    pub(super) minor: u32,
    /// How the devices of a container are.
    pub(super) device_health: &'a dyn Fn(&Value) -> Vec<Value>,
}

/// The whole status of a pod: the new one, with what others wrote into the old one.
pub(super) fn status(pod: &Value, state: &PodState, context: &Context<'_>) -> Value {
    let statuses = statuses(pod, state, context);
    let outlook = if state.is_over {
        Outlook::Over
    } else {
        Outlook::Open
    };
    let old = &pod["status"];
    let mut phase = match &state.verdict {
        Some(_) => "Failed",
        None => phase(pod, &statuses, outlook),
    };
    // Nobody comes back from the end.
    if let Some(end @ ("Succeeded" | "Failed")) = old["phase"].as_str() {
        phase = if end == "Failed" { "Failed" } else { "Succeeded" };
    }
    let has_sandbox = state.sandbox.as_ref().is_some_and(|sandbox| sandbox.is_alive);
    let old_conditions: Vec<Value> = old["conditions"].as_array().cloned().unwrap_or_default();
    let others: Vec<Value> = old_conditions
        .iter()
        .filter(|condition| !condition["type"].as_str().is_some_and(|kind| OWN.contains(&kind)))
        .cloned()
        .collect();
    let mut conditions = conditions(pod, &statuses, phase, has_sandbox, &others);
    for condition in &mut conditions {
        date(condition, &old_conditions, pod, context);
    }

    let mut status = old.as_object().cloned().unwrap_or_default();
    let mut set = |field: &str, value: Value| {
        status.insert(field.to_owned(), value);
    };
    // The end is told once nothing of the pod is left on its node.
    let is_withheld = has_sandbox && matches!(phase, "Succeeded" | "Failed") && old["phase"] != phase;
    if !is_withheld {
        set("phase", json!(phase));
    }
    set("conditions", json!(conditions));
    set("hostIP", json!(context.host_ip));
    set("hostIPs", json!([{"ip": context.host_ip}]));
    if let Some(start_time) = &state.start_time {
        set("startTime", json!(start_time));
    }
    if let Some(sandbox) = state.sandbox.as_ref().filter(|_| state.has_tried) {
        set("podIP", json!(sandbox.address));
        set("podIPs", json!([{"ip": sandbox.address}]));
    }
    if let Some(verdict) = state.verdict.as_ref().filter(|_| !is_withheld) {
        set("reason", json!(verdict.reason));
        set("message", json!(verdict.message));
    }
    if context.minor >= 34 {
        set("observedGeneration", pod["metadata"]["generation"].clone());
    }
    for (field, list) in [
        ("initContainerStatuses", statuses.init),
        ("containerStatuses", statuses.main),
        ("ephemeralContainerStatuses", statuses.ephemeral),
    ] {
        if !list.is_empty() {
            set(field, Value::Array(list));
        }
    }
    Value::Object(status)
}

/// A pod that the node did not take.
pub(super) fn rejected(pod: &Value, reason: &str, message: &str, context: &Context<'_>) -> Value {
    let mut status = pod["status"].as_object().cloned().unwrap_or_default();
    status.insert("phase".to_owned(), json!("Failed"));
    status.insert("reason".to_owned(), json!(reason));
    status.insert(
        "message".to_owned(),
        json!(format!("Pod was rejected: {message}")),
    );
    status.insert("startTime".to_owned(), json!(context.now));
    if context.minor >= 34 {
        let generation = pod["metadata"]["generation"].clone();
        status.insert("observedGeneration".to_owned(), generation);
    }
    Value::Object(status)
}

/// Says since when a condition is so.
fn date(condition: &mut Value, old: &[Value], pod: &Value, context: &Context<'_>) {
    let before = old.iter().find(|before| before["type"] == condition["type"]);
    let unchanged = before.filter(|before| before["status"] == condition["status"]);
    let since = unchanged
        .and_then(|before| before.get("lastTransitionTime"))
        .cloned();
    condition["lastTransitionTime"] = since.unwrap_or_else(|| json!(context.now));
    condition["lastProbeTime"] = Value::Null;
    if context.minor >= 34 {
        condition["observedGeneration"] = pod["metadata"]["generation"].clone();
    }
}

fn statuses(pod: &Value, state: &PodState, context: &Context<'_>) -> Statuses {
    let has_init = pod["spec"]["initContainers"]
        .as_array()
        .is_some_and(|list| !list.is_empty());
    let mut statuses = Statuses::default();
    for (container, role) in containers(pod) {
        let status = of_container(container, role, state, has_init, context);
        match role {
            Role::Init | Role::Sidecar => statuses.init.push(status),
            Role::Main => statuses.main.push(status),
            Role::Ephemeral => statuses.ephemeral.push(status),
        }
    }
    // Those of init containers stay in their order.
    statuses.main.sort_by(|one, other| name(one).cmp(name(other)));
    statuses
}

fn of_container(
    container: &Value,
    role: Role,
    state: &PodState,
    has_init: bool,
    context: &Context<'_>,
) -> Value {
    let unknown = ContainerState::default();
    let own = state.containers.get(name(container)).unwrap_or(&unknown);
    let image = container["image"].as_str().unwrap_or_default();
    let mut status = Map::from_iter([
        ("name".to_owned(), container["name"].clone()),
        ("image".to_owned(), json!(image)),
        ("imageID".to_owned(), json!("")),
        ("restartCount".to_owned(), json!(own.restarts)),
        ("started".to_owned(), json!(false)),
        ("ready".to_owned(), json!(false)),
        ("lastState".to_owned(), json!({})),
    ]);
    let mut set = |field: &str, value: Value| {
        status.insert(field.to_owned(), value);
    };
    let policy = &container["terminationMessagePolicy"];
    let mut shown = match &own.current {
        Some(current) => {
            set("containerID", json!(container_id(current)));
            set("imageID", json!(image_id(image)));
            state_of(current, policy)
        }
        None => {
            let waiting = if has_init && role != Role::Ephemeral {
                "PodInitializing"
            } else {
                "ContainerCreating"
            };
            json!({"waiting": {"reason": waiting}})
        }
    };
    if let Some(previous) = &own.previous {
        set("lastState", state_of(previous, policy));
    }
    if let Some((reason, message)) = &own.waiting {
        if shown.get("terminated").is_some() {
            set("lastState", shown);
        }
        let mut waiting = json!({"reason": reason});
        if !message.is_empty() {
            waiting["message"] = json!(message);
        }
        shown = json!({"waiting": waiting});
    }
    let is_running = shown.get("running").is_some();
    let ended_well = shown.pointer("/terminated/exitCode") == Some(&json!(0));
    set("started", json!(is_running && own.is_started));
    let ready = match role {
        Role::Init => ended_well,
        Role::Sidecar | Role::Main => is_running && own.is_ready,
        Role::Ephemeral => false,
    };
    set("ready", json!(ready));
    set("state", shown);
    extras(container, own, context, &mut set);
    Value::Object(status)
}

/// What newer kubelets add.
fn extras(container: &Value, own: &ContainerState, context: &Context<'_>, set: &mut dyn FnMut(&str, Value)) {
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    let mounts: Vec<Value> = mounts
        .map(|mount| {
            let mut status = json!({"name": mount["name"], "mountPath": mount["mountPath"]});
            if mount["readOnly"] == true {
                status["readOnly"] = json!(true);
                status["recursiveReadOnly"] = json!("Disabled");
            }
            status
        })
        .collect();
    if !mounts.is_empty() {
        set("volumeMounts", Value::Array(mounts));
    }
    if own.current.is_some() {
        let resources = &container["resources"];
        if context.minor >= 33 {
            set(
                "resources",
                if resources.is_null() {
                    json!({})
                } else {
                    resources.clone()
                },
            );
            if let Some(requests) = resources.get("requests") {
                set("allocatedResources", requests.clone());
            }
        }
        if let Some(user) = own.user {
            let linux = json!({"uid": user, "gid": 0, "supplementalGroups": [0]});
            set("user", json!({"linux": linux}));
        }
    }
    if context.minor >= 36 {
        let health = (context.device_health)(container);
        if !health.is_empty() {
            set("allocatedResourcesStatus", Value::Array(health));
        }
    }
}

fn state_of(container: &Container, policy: &Value) -> Value {
    let started = second(container.started);
    let Some(ended) = container.ended() else {
        return json!({"running": {"startedAt": started}});
    };
    let reason = match ended.code {
        _ if !ended.has_run => "StartError",
        0 => "Completed",
        _ => "Error",
    };
    let mut terminated = json!({
        "exitCode": ended.code, "reason": reason,
        "startedAt": started, "finishedAt": second(ended.at), "containerID": container_id(container),
    });
    let mut message = ended.message.unwrap_or_default();
    if message.is_empty() && ended.code != 0 && policy == "FallbackToLogsOnError" {
        message = container.log.tail(LOG_BYTES);
    }
    if !message.is_empty() {
        let cut: String = message.chars().take(MESSAGE_BYTES).collect();
        terminated["message"] = json!(cut);
    }
    json!({"terminated": terminated})
}

fn container_id(container: &Container) -> String {
    format!("containerd://{}", container.id)
}

/// A moment as the API writes it: in whole seconds.
pub(super) fn second(at: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::pod::state::Verdict;

    fn context(minor: u32) -> Context<'static> {
        Context {
            host_ip: "172.16.0.2".to_owned(),
            now: "2026-10-01T08:00:00Z".to_owned(),
            minor,
            device_health: &|_| Vec::new(),
        }
    }

    fn pod() -> Value {
        json!({
            "metadata": {"name": "p", "generation": 3},
            "spec": {"containers": [{"name": "b", "image": "i"}, {"name": "a", "image": "i"}]},
            "status": {"phase": "Pending", "qosClass": "BestEffort", "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-10-01T07:00:00Z"},
                {"type": "example.com/other", "status": "True"},
            ]},
        })
    }

    #[test]
    fn a_new_pod_waits_for_its_containers() {
        let told = status(&pod(), &PodState::default(), &context(36));
        assert_eq!(told["phase"], "Pending");
        assert_eq!(told["qosClass"], "BestEffort");
        assert_eq!(told["observedGeneration"], 3);
        assert_eq!(told["containerStatuses"][0]["name"], "a");
        assert_eq!(
            told["containerStatuses"][0]["state"],
            json!({"waiting": {"reason": "ContainerCreating"}})
        );
        let scheduled = &told["conditions"][5];
        assert_eq!(scheduled["type"], "PodScheduled");
        assert_eq!(scheduled["lastTransitionTime"], "2026-10-01T07:00:00Z");
        assert_eq!(told["conditions"][0]["type"], "example.com/other");
    }

    #[test]
    fn older_kubelets_know_no_observed_generation() {
        let told = status(&pod(), &PodState::default(), &context(33));
        assert_eq!(told.get("observedGeneration"), None);
        assert_eq!(told["conditions"][1].get("observedGeneration"), None);
    }

    #[test]
    fn an_end_is_final() {
        let mut ended = pod();
        ended["status"]["phase"] = json!("Succeeded");
        let told = status(&ended, &PodState::default(), &context(36));
        assert_eq!(told["phase"], "Succeeded");
        let state = PodState {
            verdict: Some(Verdict {
                reason: "DeadlineExceeded".to_owned(),
                message: "m".to_owned(),
            }),
            ..PodState::default()
        };
        let told = status(&pod(), &state, &context(36));
        assert_eq!(
            (&told["phase"], &told["reason"]),
            (&json!("Failed"), &json!("DeadlineExceeded"))
        );
    }
}
