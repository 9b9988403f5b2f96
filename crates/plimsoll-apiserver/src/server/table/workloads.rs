//! Deployments and other controllers of pods.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Always, Column, View, Wide, array, containers, elapsed, labels, name, number, or_none, own_age, string,
};

pub(super) const VIEWS: &[View] = &[
    View {
        group: "apps",
        resource: "deployments",
        columns: &[
            Column("Name", Always),
            Column("Ready", Always),
            Column("Up-to-date", Always),
            Column("Available", Always),
            Column("Age", Always),
            Column("Containers", Wide),
            Column("Images", Wide),
            Column("Selector", Wide),
        ],
        cells: deployment,
    },
    View {
        group: "apps",
        resource: "replicasets",
        columns: &[
            Column("Name", Always),
            Column("Desired", Always),
            Column("Current", Always),
            Column("Ready", Always),
            Column("Age", Always),
            Column("Containers", Wide),
            Column("Images", Wide),
            Column("Selector", Wide),
        ],
        cells: replica_set,
    },
    View {
        group: "apps",
        resource: "statefulsets",
        columns: &[
            Column("Name", Always),
            Column("Ready", Always),
            Column("Age", Always),
            Column("Containers", Wide),
            Column("Images", Wide),
        ],
        cells: stateful_set,
    },
    View {
        group: "apps",
        resource: "daemonsets",
        columns: &[
            Column("Name", Always),
            Column("Desired", Always),
            Column("Current", Always),
            Column("Ready", Always),
            Column("Up-to-date", Always),
            Column("Available", Always),
            Column("Node Selector", Always),
            Column("Age", Always),
            Column("Containers", Wide),
            Column("Images", Wide),
            Column("Selector", Wide),
        ],
        cells: daemon_set,
    },
    View {
        group: "batch",
        resource: "jobs",
        columns: &[
            Column("Name", Always),
            Column("Status", Always),
            Column("Completions", Always),
            Column("Duration", Always),
            Column("Age", Always),
            Column("Containers", Wide),
            Column("Images", Wide),
            Column("Selector", Wide),
        ],
        cells: job,
    },
    View {
        group: "batch",
        resource: "cronjobs",
        columns: &[
            Column("Name", Always),
            Column("Schedule", Always),
            Column("Timezone", Always),
            Column("Suspend", Always),
            Column("Active", Always),
            Column("Last Schedule", Always),
            Column("Age", Always),
        ],
        cells: cron_job,
    },
    View {
        group: "autoscaling",
        resource: "horizontalpodautoscalers",
        columns: &[
            Column("Name", Always),
            Column("Reference", Always),
            Column("Targets", Always),
            Column("MinPods", Always),
            Column("MaxPods", Always),
            Column("Replicas", Always),
            Column("Age", Always),
        ],
        cells: autoscaler,
    },
    View {
        group: "policy",
        resource: "poddisruptionbudgets",
        columns: &[
            Column("Name", Always),
            Column("Min Available", Always),
            Column("Max Unavailable", Always),
            Column("Allowed Disruptions", Always),
            Column("Age", Always),
        ],
        cells: disruption_budget,
    },
];

fn with_template(mut cells: Vec<Value>, object: &Value) -> Vec<Value> {
    cells.extend(containers(&object["spec"]["template"]["spec"]));
    cells.push(labels(&object["spec"]["selector"]["matchLabels"]));
    cells
}

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let status = &object["status"];
    let ready = format!(
        "{}/{}",
        number(&status["readyReplicas"]),
        number(&object["spec"]["replicas"])
    );
    let cells = vec![
        name(object),
        ready.into(),
        number(&status["updatedReplicas"]).into(),
        number(&status["availableReplicas"]).into(),
        own_age(object, now),
    ];
    with_template(cells, object)
}

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let status = &object["status"];
    let cells = vec![
        name(object),
        number(&object["spec"]["replicas"]).into(),
        number(&status["replicas"]).into(),
        number(&status["readyReplicas"]).into(),
        own_age(object, now),
    ];
    with_template(cells, object)
}

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = format!(
        "{}/{}",
        number(&object["status"]["readyReplicas"]),
        number(&object["spec"]["replicas"])
    );
    let mut cells = vec![name(object), ready.into(), own_age(object, now)];
    cells.extend(containers(&object["spec"]["template"]["spec"]));
    cells
}

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let status = &object["status"];
    let mut cells = vec![name(object)];
    let counts = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ];
    cells.extend(counts.map(|field| Value::from(number(&status[field]))));
    cells.push(labels(&object["spec"]["template"]["spec"]["nodeSelector"]));
    cells.push(own_age(object, now));
    with_template(cells, object)
}

fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let is = |kind: &str| {
        array(&status["conditions"])
            .iter()
            .any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    let state = if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if object["metadata"]["deletionTimestamp"].is_string() {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let succeeded = number(&status["succeeded"]);
    let completions = match (spec["completions"].as_i64(), number(&spec["parallelism"])) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let time = |field: &str| string(&status[field]).parse::<Timestamp>().ok();
    let duration = time("startTime").map_or_else(String::new, |start| {
        let end = time("completionTime").unwrap_or(now);
        elapsed(end.as_second() - start.as_second())
    });
    let cells = vec![
        name(object),
        state.into(),
        completions.into(),
        duration.into(),
        own_age(object, now),
    ];
    with_template(cells, object)
}

fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let last = &status["lastScheduleTime"];
    vec![
        name(object),
        spec["schedule"].clone(),
        or_none(string(&spec["timeZone"])),
        if spec["suspend"] == true {
            "True".into()
        } else {
            "False".into()
        },
        array(&status["active"]).len().into(),
        if last.is_string() {
            super::age(last, now).into()
        } else {
            "<none>".into()
        },
        own_age(object, now),
    ]
}

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let reference = format!(
        "{}/{}",
        string(&spec["scaleTargetRef"]["kind"]),
        string(&spec["scaleTargetRef"]["name"])
    );
    let current = array(&status["currentMetrics"]);
    let targets: Vec<String> = array(&spec["metrics"])
        .iter()
        .enumerate()
        .map(|(at, metric)| target(metric, current.get(at).unwrap_or(&Value::Null)))
        .collect();
    vec![
        name(object),
        reference.into(),
        or_none(&targets.join(", ")),
        spec["minReplicas"]
            .as_i64()
            .map_or_else(|| "<unset>".into(), |least| least.to_string().into()),
        number(&spec["maxReplicas"]).into(),
        number(&status["currentReplicas"]).into(),
        own_age(object, now),
    ]
}

/// `now/wanted` of one metric.
fn target(metric: &Value, current: &Value) -> String {
    let kind = string(&metric["type"]);
    let field = match kind {
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        "ContainerResource" => "containerResource",
        _ => "resource",
    };
    let (wanted, present) = (&metric[field]["target"], &current[field]["current"]);
    let (unit, shown) = if wanted["averageUtilization"].is_number() {
        ("%", "averageUtilization")
    } else if wanted["averageValue"].is_null() {
        ("", "value")
    } else {
        ("", "averageValue")
    };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format!("{number}{unit}")),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let present = text(&present[shown]).unwrap_or_else(|| "<unknown>".to_owned());
    let wanted = text(&wanted[shown]).unwrap_or_else(|| "<auto>".to_owned());
    let average = if shown == "averageValue" && matches!(kind, "Object" | "External") {
        " (avg)"
    } else {
        ""
    };
    let label = if field == "resource" {
        format!("{}: ", string(&metric[field]["name"]))
    } else {
        String::new()
    };
    format!("{label}{present}/{wanted}{average}")
}

fn disruption_budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = |field: &str| match &object["spec"][field] {
        Value::Null => "N/A".into(),
        Value::String(text) => text.clone().into(),
        other => Value::from(other.to_string()),
    };
    vec![
        name(object),
        bound("minAvailable"),
        bound("maxUnavailable"),
        number(&object["status"]["disruptionsAllowed"]).into(),
        own_age(object, now),
    ]
}
