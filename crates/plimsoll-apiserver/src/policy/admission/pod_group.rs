//! A PodGroup that is made of a workload's template needs both.

use super::{Operation, Request};
use crate::{
    Status,
    policy::{
        View,
        fields::{items, text},
    },
    resources,
};

pub(super) fn validate(view: &dyn View, request: &Request) -> Result<(), Status> {
    let Some(group) = request.object.as_ref() else {
        return Ok(());
    };
    let reference = &group["spec"]["podGroupTemplateRef"]["workload"];
    if request.operation != Operation::Create
        || !request.is_about(&resources::POD_GROUPS)
        || reference.is_null()
    {
        return Ok(());
    }
    let (name, template) = (
        text(reference, "workloadName"),
        text(reference, "podGroupTemplateName"),
    );
    let Some(workload) = view.get(&resources::WORKLOADS, request.namespace.as_deref(), name) else {
        return Err(request.forbidden(&format!("PodGroup rejected: Workload {name:?} not found")));
    };
    if !workload["metadata"]["deletionTimestamp"].is_null() {
        return Err(request.forbidden(&format!("PodGroup rejected: Workload {name:?} is being deleted")));
    }
    if items(&workload["spec"], "podGroupTemplates").any(|own| text(own, "name") == template) {
        return Ok(());
    }
    Err(request.forbidden(&format!(
        "PodGroup rejected: PodGroupTemplate {template:?} not found in Workload {name:?}"
    )))
}
