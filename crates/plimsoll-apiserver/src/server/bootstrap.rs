//! What a cluster has from its beginning.

use serde_json::{Value, json};

use super::Inner;

/// Puts it there.
pub(super) fn fill(server: &Inner) {
    for object in namespaces() {
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
