//! Configuration, accounts, roles, quotas and storage.

use jiff::Timestamp;
use serde_json::Value;

use super::{Always, Column, View, Wide, array, cluster::count, labels, name, or_none, own_age, string};

pub(super) const VIEWS: &[View] = &[
    View {
        group: "",
        resource: "configmaps",
        columns: &[
            Column("Name", Always),
            Column("Data", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            let data = ["data", "binaryData"].map(|field| count(&object[field]).as_u64().unwrap_or_default());
            vec![name(object), (data[0] + data[1]).into(), own_age(object, now)]
        },
    },
    View {
        group: "",
        resource: "secrets",
        columns: &[
            Column("Name", Always),
            Column("Type", Always),
            Column("Data", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            vec![
                name(object),
                object["type"].clone(),
                count(&object["data"]),
                own_age(object, now),
            ]
        },
    },
    View {
        group: "",
        resource: "serviceaccounts",
        columns: &[
            Column("Name", Always),
            Column("Secrets", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            vec![
                name(object),
                array(&object["secrets"]).len().into(),
                own_age(object, now),
            ]
        },
    },
    View {
        group: "",
        resource: "resourcequotas",
        columns: &[
            Column("Name", Always),
            Column("Request", Always),
            Column("Limit", Always),
            Column("Age", Always),
        ],
        cells: quota,
    },
    View {
        group: "coordination.k8s.io",
        resource: "leases",
        columns: &[
            Column("Name", Always),
            Column("Holder", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            vec![
                name(object),
                string(&object["spec"]["holderIdentity"]).into(),
                own_age(object, now),
            ]
        },
    },
    View {
        group: "rbac.authorization.k8s.io",
        resource: "rolebindings",
        columns: BINDING,
        cells: binding,
    },
    View {
        group: "rbac.authorization.k8s.io",
        resource: "clusterrolebindings",
        columns: BINDING,
        cells: binding,
    },
    View {
        group: "",
        resource: "persistentvolumeclaims",
        columns: &[
            Column("Name", Always),
            Column("Status", Always),
            Column("Volume", Always),
            Column("Capacity", Always),
            Column("Access Modes", Always),
            Column("StorageClass", Always),
            Column("VolumeAttributesClass", Always),
            Column("Age", Always),
            Column("VolumeMode", Wide),
        ],
        cells: volume_claim,
    },
    View {
        group: "networking.k8s.io",
        resource: "networkpolicies",
        columns: &[
            Column("Name", Always),
            Column("Pod-Selector", Always),
            Column("Age", Always),
        ],
        cells: |object, now| {
            vec![
                name(object),
                labels(&object["spec"]["podSelector"]["matchLabels"]),
                own_age(object, now),
            ]
        },
    },
];

const BINDING: &[Column] = &[
    Column("Name", Always),
    Column("Role", Always),
    Column("Age", Always),
    Column("Users", Wide),
    Column("Groups", Wide),
    Column("ServiceAccounts", Wide),
];

fn binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let role = &object["roleRef"];
    let subjects = |kind: &str| -> Value {
        let names: Vec<String> = array(&object["subjects"])
            .iter()
            .filter(|subject| subject["kind"] == kind)
            .map(|subject| match string(&subject["namespace"]) {
                "" => string(&subject["name"]).to_owned(),
                namespace => format!("{namespace}/{}", string(&subject["name"])),
            })
            .collect();
        names.join(", ").into()
    };
    vec![
        name(object),
        format!("{}/{}", string(&role["kind"]), string(&role["name"])).into(),
        own_age(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let (hard, used) = (&object["status"]["hard"], &object["status"]["used"]);
    let mut requests = Vec::new();
    let mut limits = Vec::new();
    for (resource, bound) in hard.as_object().into_iter().flatten() {
        let used = match string(&used[resource]) {
            "" => "0",
            used => used,
        };
        let shown = format!("{resource}: {used}/{}", string(bound));
        if resource.starts_with("limits.") {
            limits.push(shown);
        } else {
            requests.push(shown);
        }
    }
    vec![
        name(object),
        requests.join(", ").into(),
        limits.join(", ").into(),
        own_age(object, now),
    ]
}

fn volume_claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let modes: Vec<&str> = array(&status["accessModes"])
        .iter()
        .map(|mode| match string(mode) {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            other => other,
        })
        .collect();
    let phase = if object["metadata"]["deletionTimestamp"].is_string() {
        "Terminating"
    } else {
        string(&status["phase"])
    };
    let unset = |text: &str| Value::from(if text.is_empty() { "<unset>" } else { text });
    vec![
        name(object),
        phase.into(),
        string(&spec["volumeName"]).into(),
        string(&status["capacity"]["storage"]).into(),
        modes.join(",").into(),
        string(&spec["storageClassName"]).into(),
        unset(string(&spec["volumeAttributesClassName"])),
        own_age(object, now),
        or_none(string(&spec["volumeMode"])),
    ]
}
