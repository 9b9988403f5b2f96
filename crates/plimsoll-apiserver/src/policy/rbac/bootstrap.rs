//! The roles and bindings that a cluster begins with.

use serde_json::Value;

/// ClusterRoles and ClusterRoleBindings of a new cluster.
#[must_use]
pub fn bootstrap() -> Vec<Value> {
    Vec::new()
}
