//! The other people on a platform: pods that run already, and those that hold accelerators.

use futures::StreamExt;
use plimsoll_apiserver::{Direct, Status, resources};
use plimsoll_vendors::Vendor;
use serde_json::{Value, json};

use crate::platform::{Accelerators, Allocation, PlatformSpec};

/// Whose pods they are.
const NAMESPACE: &str = "tenants";

/// What they run.
pub(super) const IMAGE: &str = "example.org/tenants/work:1.0";

/// Pods that have been running all along, spread over the nodes; to be loaded with their status. They are made one by
/// one: together they would take more memory than the platform.
pub(super) fn background(spec: &PlatformSpec) -> impl Iterator<Item = Value> {
    let nodes: Vec<String> = spec.node_names().map(|(name, _)| name).collect();
    let pods = (0..spec.background_pods)
        .zip(nodes.into_iter().cycle())
        .map(|(index, node)| running_pod(index, &node));
    (spec.background_pods > 0).then(namespace).into_iter().chain(pods)
}

fn namespace() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
    })
}

/// As a pod looks that has been running for a while.
fn running_pod(index: u32, node: &str) -> Value {
    const SINCE: &str = "2026-01-05T07:00:00Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": SINCE});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("background-{index}"), "namespace": NAMESPACE,
            "creationTimestamp": SINCE, "labels": {"app": "background"},
        },
        "spec": {
            "nodeName": node, "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
            "containers": [{
                "name": "work", "image": IMAGE,
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            }],
        },
        "status": {
            "phase": "Running", "startTime": SINCE, "qosClass": "Burstable",
            "podIP": format!("10.{}.{}.{}", 128 + index / 65_000 % 64, index / 250 % 256, index % 250 + 1),
            "conditions": [
                condition("PodScheduled"), condition("Initialized"), condition("ContainersReady"), condition("Ready"),
            ],
            "containerStatuses": [{
                "name": "work", "image": IMAGE, "imageID": "", "containerID": format!("simulated://{index:064x}"),
                "ready": true, "started": true, "restartCount": 0,
                "state": {"running": {"startedAt": SINCE}}, "lastState": {},
            }],
        },
    })
}

/// Lets people take the accelerators that the platform's file says are busy, the way people do, and waits until they
/// have them: nobody sees the platform before.
pub(super) async fn occupy(admin: &Direct, spec: &PlatformSpec) -> Result<(), (String, Status)> {
    let mut wanted = Vec::new();
    for (node, group) in spec.node_names() {
        let busy = group.accelerators.iter().filter(|entry| entry.busy > 0);
        wanted.extend(busy.map(|entry| (node.clone(), entry)));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    if admin.get(&resources::NAMESPACES, None, NAMESPACE).is_none() {
        create(admin, namespace()).await?;
    }
    let mut changes = admin.watch(&[resources::PODS]);
    for (node, entry) in &wanted {
        for object in holder(node, entry, spec.kubernetes) {
            create(admin, object).await?;
        }
    }
    let mut waiting = wanted.len();
    while waiting > 0 {
        // The store never ends a component's watch.
        let Some(change) = changes.next().await else { break };
        let runs = |object: &Value| {
            object["status"]["phase"] == "Running" && object["metadata"]["labels"]["app"] == "holder"
        };
        if let plimsoll_apiserver::Change::Modified { old, new, .. } = &change
            && runs(new)
            && !runs(old)
        {
            waiting -= 1;
        }
    }
    Ok(())
}

async fn create(admin: &Direct, object: Value) -> Result<(), (String, Status)> {
    let what = format!("let somebody use accelerators ({})", object["kind"]);
    admin
        .create(object)
        .await
        .map(drop)
        .map_err(|status| (what, status))
}

/// A pod that holds the busy ones of a node, and its claim.
fn holder(node: &str, entry: &Accelerators, kubernetes: u32) -> Vec<Value> {
    let Ok(vendor) = Vendor::by_id(&entry.vendor) else {
        return Vec::new();
    };
    let name = format!("{}-{node}", entry.vendor);
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": "holder"}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "work", "image": IMAGE}],
        },
    });
    match entry.allocation {
        Allocation::Plugin | Allocation::ExtendedResource => {
            let suffix = match entry.sharing {
                Some(sharing) if sharing.renamed => ".shared",
                Some(_) | None => "",
            };
            let resource = format!("{}{suffix}", vendor.resource().unwrap_or_default());
            pod["spec"]["containers"][0]["resources"] = json!({"limits": {resource: entry.busy.to_string()}});
            vec![pod]
        }
        Allocation::Dra => {
            let class = vendor.dra.as_ref().and_then(|dra| dra.device_classes.first());
            let api = if kubernetes < 34 {
                "resource.k8s.io/v1beta2"
            } else {
                "resource.k8s.io/v1"
            };
            let claim = json!({
                "apiVersion": api, "kind": "ResourceClaim",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"devices": {"requests": [
                    {"name": "work", "exactly": {"deviceClassName": class, "count": entry.busy}},
                ]}},
            });
            pod["spec"]["resourceClaims"] = json!([{"name": "work", "resourceClaimName": name}]);
            pod["spec"]["containers"][0]["resources"] = json!({"claims": [{"name": "work"}]});
            vec![claim, pod]
        }
    }
}
