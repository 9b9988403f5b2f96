//! What the cluster holds from its first moment: the lab's mark, DNS, and the roles of the lab's own processes.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client, Resource};
use plimsoll_defects::Allocation;
use plimsoll_vendors::Vendor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::coredns;
use super::credentials::{ACCELERATORS, COREDNS, GANG_CONTROLLER};
use crate::defects;
use crate::lab::Lab;

/// The label by which Plimsoll tells a lab from somebody's platform.
const LAB_LABEL: &str = "plimsoll.dev/lab";
const MANAGER: &str = "plimsoll-lab";
const SYSTEM: &str = "kube-system";

/// Why an object of the lab could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("could not apply the {kind} `{name}`")]
pub(crate) struct ApplyError {
    kind: String,
    name: String,
    source: Box<kube::Error>,
}

/// Applies everything. The namespaces that the API server makes at its start must be there.
pub(crate) async fn apply(client: &Client, lab: &Lab) -> Result<(), ApplyError> {
    let everywhere = |kind: &str| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind});
    for (user, rules) in roles() {
        let name = user;
        let role = with(
            everywhere("ClusterRole"),
            json!({"metadata": {"name": name}, "rules": rules}),
        );
        let binding = with(
            everywhere("ClusterRoleBinding"),
            json!({
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
            }),
        );
        apply_one(Api::<ClusterRole>::all(client.clone()), name, &role).await?;
        apply_one(Api::<ClusterRoleBinding>::all(client.clone()), name, &binding).await?;
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": SYSTEM, "labels": {LAB_LABEL: lab.state.name.as_str()}}});
    apply_one(Api::<Namespace>::all(client.clone()), SYSTEM, &namespace).await?;
    let (service, slice) = dns(lab);
    apply_one(namespaced::<Service>(client), "kube-dns", &service).await?;
    apply_one(namespaced::<EndpointSlice>(client), "kube-dns-lab", &slice).await?;
    for plugin in plugins(lab) {
        apply_one(namespaced::<DaemonSet>(client), plugin, &plugin_pods(plugin)).await?;
    }
    for manifest in defects::manifests(&lab.state.defects) {
        seed(client, &manifest).await?;
    }
    Ok(())
}

/// The device plugins of the lab's accelerators, each once.
fn plugins(lab: &Lab) -> BTreeSet<&'static str> {
    let by_plugin = lab
        .state
        .accelerators
        .iter()
        .filter(|request| request.allocation == Allocation::Plugin);
    by_plugin
        .filter_map(|request| Vendor::by_id(&request.vendor).ok()?.plugin())
        .collect()
}

/// The pods that a device plugin lives and dies with. They do nothing themselves: the plugin is a part of the node's
/// process and watches them.
fn plugin_pods(plugin: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": plugin});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": plugin, "namespace": SYSTEM, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "tolerations": [{"operator": "Exists"}],
                    "terminationGracePeriodSeconds": 1,
                    // A node that is short of anything must not lose its devices first.
                    "priorityClassName": "system-node-critical",
                    "containers": [{
                        "name": "plugin", "image": plimsoll_image::pause().reference(), "imagePullPolicy": "IfNotPresent",
                    }],
                },
            },
        },
    })
}

/// Applies an object that does not live in a namespace.
pub(super) async fn seed(client: &Client, manifest: &Value) -> Result<(), ApplyError> {
    let text = |pointer: &str| {
        manifest
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let params = PatchParams::apply(MANAGER).force();
    let applied = api.patch(&name, &params, &Patch::Apply(manifest)).await;
    applied.map(drop).map_err(|source| ApplyError {
        kind,
        name,
        source: Box::new(source),
    })
}

/// The lab's own users and what they may do.
fn roles() -> [(&'static str, Value); 3] {
    let watch = json!(["get", "list", "watch"]);
    let write = json!(["get", "list", "watch", "create", "update", "patch", "delete"]);
    [
        (
            COREDNS,
            json!([
                {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ]),
        ),
        (
            ACCELERATORS,
            json!([
                {"apiGroups": ["resource.k8s.io"], "resources": ["resourceslices", "deviceclasses"], "verbs": write},
                {"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims"], "verbs": watch},
                {"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims/status", "resourceclaims/driver"],
                 "verbs": ["get", "update", "patch", "arbitrary-node:update", "arbitrary-node:patch",
                           "associated-node:update", "associated-node:patch"]},
                {"apiGroups": [""], "resources": ["nodes", "pods", "namespaces"], "verbs": watch},
                {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]},
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
                {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "create", "patch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
                 "verbs": ["get", "create", "patch"]},
                {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
            ]),
        ),
        (
            GANG_CONTROLLER,
            json!([
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "update", "patch"]},
                {"apiGroups": [""], "resources": ["nodes"], "verbs": watch},
                {"apiGroups": ["resource.k8s.io"], "verbs": watch,
                 "resources": ["resourceslices", "resourceclaims", "resourceclaimtemplates", "deviceclasses"]},
                {"apiGroups": ["scheduling.k8s.io"], "resources": ["podgroups", "workloads"], "verbs": watch},
                {"apiGroups": ["scheduling.k8s.io"], "resources": ["podgroups/status"],
                 "verbs": ["get", "update", "patch"]},
                {"apiGroups": ["admissionregistration.k8s.io"], "verbs": write,
                 "resources": ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"]},
                {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
            ]),
        ),
    ]
}

/// The DNS Service and where it leads: to the process on the host.
fn dns(lab: &Lab) -> (Value, Value) {
    let plan = lab.plan();
    let ports = [("dns", "UDP"), ("dns-tcp", "TCP")];
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": SYSTEM, "labels": {
            "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS",
        }},
        "spec": {
            "clusterIP": plan.dns_service(),
            "ports": ports.map(|(name, protocol)| {
                json!({"name": name, "protocol": protocol, "port": 53, "targetPort": coredns::PORT})
            }),
        },
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns-lab", "namespace": SYSTEM,
            "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [plan.host()], "conditions": {"ready": true}}],
        "ports": ports.map(|(name, protocol)| json!({"name": name, "protocol": protocol, "port": coredns::PORT})),
    });
    (service, slice)
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn namespaced<K>(client: &Client) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), SYSTEM)
}

async fn apply_one<K>(api: Api<K>, name: &str, object: &Value) -> Result<(), ApplyError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let params = PatchParams::apply(MANAGER).force();
    api.patch(name, &params, &Patch::Apply(object))
        .await
        .map(drop)
        .map_err(|source| ApplyError {
            kind: K::kind(&()).into_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        })
}
