//! What a cluster has from its beginning.

use serde_json::{Value, json};

use super::Inner;
use crate::policy::{admission, rbac};

/// Puts it there.
pub(super) fn fill(server: &Inner) {
    for object in namespaces().chain(rbac::bootstrap()).chain(others()) {
        // They are well formed and of kinds that every version serves.
        let _ = server.load(object);
    }
}

fn namespaces() -> impl Iterator<Item = Value> {
    ["default", "kube-node-lease", "kube-public", "kube-system"]
        .into_iter()
        .map(|name| {
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            })
        })
}

/// The API server's own Service, and the classes of what the system itself runs.
fn others() -> impl Iterator<Item = Value> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "type": "ClusterIP", "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
        "status": {"loadBalancer": {}},
    });
    admission::system_classes().into_iter().chain([service])
}
