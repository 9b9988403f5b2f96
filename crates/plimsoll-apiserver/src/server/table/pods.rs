//! Pods and Events.

use jiff::Timestamp;
use serde_json::Value;

use super::{Always, Column, View, Wide, age, array, name, number, or_none, own_age, string};

pub(super) const VIEWS: &[View] = &[
    View {
        group: "",
        resource: "pods",
        columns: &[
            Column("Name", Always),
            Column("Ready", Always),
            Column("Status", Always),
            Column("Restarts", Always),
            Column("Age", Always),
            Column("IP", Wide),
            Column("Node", Wide),
            Column("Nominated Node", Wide),
            Column("Readiness Gates", Wide),
        ],
        cells: pod,
    },
    View {
        group: "",
        resource: "events",
        columns: &[
            Column("Last Seen", Always),
            Column("Type", Always),
            Column("Reason", Always),
            Column("Object", Always),
            Column("Subobject", Wide),
            Column("Source", Wide),
            Column("Message", Always),
            Column("First Seen", Wide),
            Column("Count", Wide),
            Column("Name", Wide),
        ],
        cells: event,
    },
];

fn pod(pod: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let statuses = array(&status["containerStatuses"]);
    let sidecars: Vec<&Value> = array(&spec["initContainers"])
        .iter()
        .filter(|container| container["restartPolicy"] == "Always")
        .collect();
    let is_sidecar = |own: &&Value| sidecars.iter().any(|container| container["name"] == own["name"]);
    let started_sidecars = array(&status["initContainerStatuses"]).iter().filter(is_sidecar);
    let mut ready = 0;
    let mut restarts = 0;
    for own in statuses.iter().chain(started_sidecars) {
        restarts += number(&own["restartCount"]);
        ready += usize::from(own["ready"] == true);
    }
    let total = array(&spec["containers"]).len() + sidecars.len();
    let gates = array(&spec["readinessGates"]);
    let passed = gates
        .iter()
        .filter(|gate| {
            array(&status["conditions"])
                .iter()
                .any(|condition| condition["type"] == gate["conditionType"] && condition["status"] == "True")
        })
        .count();
    vec![
        name(pod),
        format!("{ready}/{total}").into(),
        reason(pod).into(),
        restarts.to_string().into(),
        own_age(pod, now),
        or_none(string(&status["podIP"])),
        or_none(string(&spec["nodeName"])),
        or_none(string(&status["nominatedNodeName"])),
        if gates.is_empty() {
            "<none>".into()
        } else {
            format!("{passed}/{}", gates.len()).into()
        },
    ]
}

/// What a pod is doing, in a word.
fn reason(pod: &Value) -> String {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let mut reason = string(&status["phase"]).to_owned();
    if !string(&status["reason"]).is_empty() {
        string(&status["reason"]).clone_into(&mut reason);
    }
    let gated = array(&status["conditions"])
        .iter()
        .any(|condition| condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated");
    if gated {
        "SchedulingGated".clone_into(&mut reason);
    }
    let mut initialising = false;
    let inits = array(&spec["initContainers"]);
    for (at, own) in array(&status["initContainerStatuses"]).iter().enumerate() {
        let (terminated, waiting) = (&own["state"]["terminated"], &own["state"]["waiting"]);
        let sidecar = inits
            .iter()
            .any(|container| container["name"] == own["name"] && container["restartPolicy"] == "Always");
        if terminated.is_object() && number(&terminated["exitCode"]) == 0 {
            continue;
        }
        if sidecar && own["started"] == true {
            continue;
        }
        reason = if terminated.is_object() {
            format!("Init:{}", ended(terminated))
        } else if !string(&waiting["reason"]).is_empty() && waiting["reason"] != "PodInitializing" {
            format!("Init:{}", string(&waiting["reason"]))
        } else {
            format!("Init:{at}/{}", inits.len())
        };
        initialising = true;
        break;
    }
    if !initialising {
        let mut running = false;
        for own in array(&status["containerStatuses"]).iter().rev() {
            let state = &own["state"];
            if !string(&state["waiting"]["reason"]).is_empty() {
                string(&state["waiting"]["reason"]).clone_into(&mut reason);
            } else if state["terminated"].is_object() {
                reason = ended(&state["terminated"]);
            } else if own["ready"] == true && state["running"].is_object() {
                running = true;
            }
        }
        if reason == "Completed" && running {
            let ready = array(&status["conditions"])
                .iter()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
            (if ready { "Running" } else { "NotReady" }).clone_into(&mut reason);
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        if status["reason"] == "NodeLost" {
            return "Unknown".to_owned();
        }
        if !matches!(string(&status["phase"]), "Succeeded" | "Failed") {
            return "Terminating".to_owned();
        }
    }
    reason
}

fn ended(terminated: &Value) -> String {
    let reason = string(&terminated["reason"]);
    if !reason.is_empty() {
        reason.to_owned()
    } else if number(&terminated["signal"]) != 0 {
        format!("Signal:{}", number(&terminated["signal"]))
    } else {
        format!("ExitCode:{}", number(&terminated["exitCode"]))
    }
}

fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let seen = |field: &str| {
        let time = &event[field];
        if time.is_string() {
            age(time, now)
        } else {
            age(&event["eventTime"], now)
        }
    };
    let last = if event["series"].is_object() {
        age(&event["series"]["lastObservedTime"], now)
    } else {
        seen("lastTimestamp")
    };
    let count = match number(&event["series"]["count"]) {
        0 => number(&event["count"]).max(1),
        count => count,
    };
    let involved = &event["involvedObject"];
    let object = format!(
        "{}/{}",
        string(&involved["kind"]).to_ascii_lowercase(),
        string(&involved["name"])
    );
    let source = [&event["source"]["component"], &event["source"]["host"]]
        .map(string)
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ");
    vec![
        last.into(),
        event["type"].clone(),
        event["reason"].clone(),
        object.into(),
        string(&involved["fieldPath"]).into(),
        source.into(),
        string(&event["message"]).trim().into(),
        seen("firstTimestamp").into(),
        count.to_string().into(),
        name(event),
    ]
}
