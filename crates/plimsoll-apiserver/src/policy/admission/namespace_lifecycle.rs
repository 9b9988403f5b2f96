//! Nothing is made where there is no namespace, or in one that is going.

use serde_json::json;

use super::{Operation, Request};
use crate::{
    GroupResource, Status,
    policy::{View, fields::text, refusal},
    resources,
};

const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// Telling whether a namespace is there would tell whoever may not know.
const ACCESS_REVIEW: GroupResource = GroupResource::new("authorization.k8s.io", "localsubjectaccessreviews");

pub(super) fn admit(view: &dyn View, request: &Request) -> Result<(), Status> {
    if request.is_namespace() {
        if request.operation == Operation::Delete && IMMORTAL.contains(&request.name.as_str()) {
            let why = "this namespace may not be deleted";
            return Err(refusal::forbidden(&request.of, &request.name, why));
        }
        return Ok(());
    }
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let judged = matches!(request.operation, Operation::Create | Operation::Update);
    if namespace.is_empty() || !judged || request.of == ACCESS_REVIEW {
        return Ok(());
    }
    let found = view
        .get(&resources::NAMESPACES, None, namespace)
        .ok_or_else(|| refusal::not_found(&resources::NAMESPACES, namespace))?;
    if request.operation != Operation::Create || text(&found["status"], "phase") != "Terminating" {
        return Ok(());
    }
    let mut status = request.forbidden(&format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    ));
    status.details["causes"] = json!([{
        "reason": "NamespaceTerminating",
        "message": format!("namespace {namespace} is being terminated"),
        "field": "metadata.namespace",
    }]);
    Err(status)
}
