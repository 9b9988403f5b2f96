//! Access to devices that others use, for namespaces that are marked for it.

use super::{Operation, Request};
use crate::{
    Status,
    policy::{View, fields::items},
    resources,
    schema::{Cause, invalid},
};

/// The label that a namespace needs.
const LABEL: &str = "resource.kubernetes.io/admin-access";

/// What `minor` of Kubernetes first honoured the field without being told to.
const SINCE: u32 = 34;

pub(super) fn validate(view: &dyn View, minor: u32, request: &Request) -> Result<(), Status> {
    let Some(object) = request.object.as_ref().filter(|_| minor >= SINCE) else {
        return Ok(());
    };
    let field = if request.is_about(&resources::RESOURCE_CLAIMS) && request.operation == Operation::Create {
        asked(items(&object["spec"]["devices"], "requests"), |request| {
            &request["exactly"]
        })
        .map(|at| format!("spec.devices.requests[{at}].adminAccess"))
    } else if request.is_about(&resources::RESOURCE_CLAIM_TEMPLATES) && request.operation == Operation::Create
    {
        asked(items(&object["spec"]["spec"]["devices"], "requests"), |request| {
            &request["exactly"]
        })
        .map(|at| format!("spec.devices.requests[{at}].adminAccess"))
    } else if request.of == resources::RESOURCE_CLAIMS && request.subresource.as_deref() == Some("status") {
        let granted = |claim: &serde_json::Value| {
            asked(
                items(&claim["status"]["allocation"]["devices"], "results"),
                |result| result,
            )
        };
        let before = request.old.as_ref().and_then(|old| granted(old));
        granted(object)
            .filter(|_| before.is_none())
            .map(|at| format!("status.allocation.devices.results[{at}].adminAccess"))
    } else {
        None
    };
    let Some(field) = field else {
        return Ok(());
    };
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let marked = view
        .get(&resources::NAMESPACES, None, namespace)
        .is_some_and(|namespace| namespace["metadata"]["labels"][LABEL] == "true");
    if marked {
        return Ok(());
    }
    let why =
        format!("admin access to devices requires the `{LABEL}: true` label on the containing namespace");
    Err(invalid(
        &request.of.group,
        &request.kind,
        &request.shown_name(),
        &[Cause::forbidden(field, &why)],
    ))
}

/// The first of the list that asks for admin access.
fn asked<'a>(
    list: impl Iterator<Item = &'a serde_json::Value>,
    part: impl Fn(&'a serde_json::Value) -> &'a serde_json::Value,
) -> Option<usize> {
    list.map(part).position(|part| part["adminAccess"] == true)
}
