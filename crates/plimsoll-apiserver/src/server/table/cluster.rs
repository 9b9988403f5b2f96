//! Nodes, namespaces, devices, classes and definitions.

use jiff::Timestamp;
use serde_json::Value;

use super::{Always, Column, NAME_AND_AGE, View, Wide, array, name, name_and_age, or_none, own_age, string};

pub(super) const VIEWS: &[View] = &[
    View {
        group: "",
        resource: "nodes",
        columns: &[
            Column("Name", Always),
            Column("Status", Always),
            Column("Roles", Always),
            Column("Age", Always),
            Column("Version", Always),
            Column("Internal-IP", Wide),
            Column("External-IP", Wide),
            Column("OS-Image", Wide),
            Column("Kernel-Version", Wide),
            Column("Container-Runtime", Wide),
        ],
        cells: node,
    },
    View {
        group: "",
        resource: "namespaces",
        columns: &[
            Column("Name", Always),
            Column("Status", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            vec![
                name(object),
                object["status"]["phase"].clone(),
                own_age(object, now),
            ]
        },
    },
    View {
        group: "resource.k8s.io",
        resource: "resourceclaims",
        columns: &[
            Column("Name", Always),
            Column("State", Always),
            Column("Age", Always),
        ],
        cells: |object, now| vec![name(object), claim_state(object).into(), own_age(object, now)],
    },
    View {
        group: "resource.k8s.io",
        resource: "deviceclasses",
        columns: NAME_AND_AGE,
        cells: name_and_age,
    },
    View {
        group: "resource.k8s.io",
        resource: "resourceclaimtemplates",
        columns: NAME_AND_AGE,
        cells: name_and_age,
    },
    View {
        group: "resource.k8s.io",
        resource: "resourceslices",
        columns: &[
            Column("Name", Always),
            Column("Node", Always),
            Column("Driver", Always),
            Column("Pool", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            let spec = &object["spec"];
            let node = if spec["allNodes"] == true {
                "<all>"
            } else {
                string(&spec["nodeName"])
            };
            vec![
                name(object),
                node.into(),
                spec["driver"].clone(),
                spec["pool"]["name"].clone(),
                own_age(object, now),
            ]
        },
    },
    View {
        group: "scheduling.k8s.io",
        resource: "priorityclasses",
        columns: &[
            Column("Name", Always),
            Column("Value", Always),
            Column("Global-Default", Always),
            Column("Age", Always),
            Column("PreemptionPolicy", Always),
        ],
        cells: |object, now| {
            vec![
                name(object),
                object["value"].clone(),
                (object["globalDefault"] == true).into(),
                own_age(object, now),
                object["preemptionPolicy"].clone(),
            ]
        },
    },
    View {
        group: "node.k8s.io",
        resource: "runtimeclasses",
        columns: &[
            Column("Name", Always),
            Column("Handler", Always),
            Column("Age", Always),
        ],
        cells: |object, now| vec![name(object), object["handler"].clone(), own_age(object, now)],
    },
    View {
        group: "storage.k8s.io",
        resource: "storageclasses",
        columns: &[
            Column("Name", Always),
            Column("Provisioner", Always),
            Column("ReclaimPolicy", Always),
            Column("VolumeBindingMode", Always),
            Column("AllowVolumeExpansion", Always),
            Column("Age", Always),
        ],
        cells: storage_class,
    },
];

fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&node["spec"], &node["status"]);
    let ready = array(&status["conditions"])
        .iter()
        .find(|condition| condition["type"] == "Ready");
    let mut state = match ready {
        Some(condition) if condition["status"] == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if spec["unschedulable"] == true {
        state.push_str(",SchedulingDisabled");
    }
    let roles: Vec<&str> = node["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(
            |(label, value)| match label.strip_prefix("node-role.kubernetes.io/") {
                Some("") => None,
                Some(role) => Some(role),
                None => (label == "kubernetes.io/role").then(|| string(value)),
            },
        )
        .collect();
    let address = |kind: &str| {
        let found = array(&status["addresses"])
            .iter()
            .find(|address| address["type"] == kind);
        or_none(found.map_or("", |address| string(&address["address"])))
    };
    let info = |field: &str| {
        let text = string(&status["nodeInfo"][field]);
        if text.is_empty() {
            "<unknown>".into()
        } else {
            text.into()
        }
    };
    vec![
        name(node),
        state.into(),
        or_none(&roles.join(",")),
        own_age(node, now),
        string(&status["nodeInfo"]["kubeletVersion"]).into(),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn claim_state(claim: &Value) -> String {
    let mut states = Vec::new();
    if claim["metadata"]["deletionTimestamp"].is_string() {
        states.push("deleted");
    }
    if claim["status"]["allocation"].is_null() {
        if claim["metadata"]["deletionTimestamp"].is_null() {
            states.push("pending");
        }
    } else {
        states.push("allocated");
        states.push(if array(&claim["status"]["reservedFor"]).is_empty() {
            ""
        } else {
            "reserved"
        });
    }
    states.retain(|state| !state.is_empty());
    states.join(",")
}

fn storage_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let default = object["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true";
    let mut shown = string(&object["metadata"]["name"]).to_owned();
    if default {
        shown.push_str(" (default)");
    }
    let or = |field: &str, default: &str| {
        let text = string(&object[field]);
        Value::from(if text.is_empty() { default } else { text })
    };
    vec![
        shown.into(),
        object["provisioner"].clone(),
        or("reclaimPolicy", "Delete"),
        or("volumeBindingMode", "Immediate"),
        (object["allowVolumeExpansion"] == true).into(),
        own_age(object, now),
    ]
}

/// How many of something, for other tables.
pub(super) fn count(value: &Value) -> Value {
    value.as_object().map_or(0, serde_json::Map::len).into()
}
