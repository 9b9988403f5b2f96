//! Claims of storage that name no class get the default one; a claim's class says whether it may grow.

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::{
    Quantity, Status,
    policy::{
        View,
        fields::{meta, text},
    },
    resources,
};

const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
const OLD_NAME: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) fn mutate(view: &dyn View, request: &mut Request) {
    if request.operation != Operation::Create || !request.is_about(&resources::PERSISTENT_VOLUME_CLAIMS) {
        return;
    }
    let Some(claim) = request.object.as_mut() else {
        return;
    };
    if !claim["spec"]["storageClassName"].is_null() || !claim["metadata"]["annotations"][OLD_NAME].is_null() {
        return;
    }
    // Of several, the youngest; of those of the same age, the first by name.
    let class = view
        .list(&resources::STORAGE_CLASSES, None)
        .into_iter()
        .filter(|class| class["metadata"]["annotations"][IS_DEFAULT] == "true")
        .max_by(|one, other| {
            let age = |class| meta(class, "creationTimestamp").to_owned();
            age(one)
                .cmp(&age(other))
                .then_with(|| meta(other, "name").cmp(meta(one, "name")))
        });
    if let Some(class) = class {
        claim["spec"]["storageClassName"] = json!(meta(&class, "name"));
    }
}

/// Only bound claims grow, and only where their class lets them.
pub(super) fn validate(view: &dyn View, request: &Request) -> Result<(), Status> {
    let (Some(claim), Some(old)) = (request.object.as_ref(), request.old.as_ref()) else {
        return Ok(());
    };
    let size = |claim: &Value| Quantity::read(&claim["spec"]["resources"]["requests"]["storage"]);
    if !request.is_about(&resources::PERSISTENT_VOLUME_CLAIMS) || size(claim) <= size(old) {
        return Ok(());
    }
    if text(&old["status"], "phase") != "Bound" {
        return Err(request.forbidden("Only bound persistent volume claims can be expanded"));
    }
    let class = |claim: &Value| text(&claim["spec"], "storageClassName").to_owned();
    let grows = class(claim) == class(old)
        && view
            .get(&resources::STORAGE_CLASSES, None, &class(claim))
            .is_some_and(|class| class["allowVolumeExpansion"] == true);
    if grows {
        return Ok(());
    }
    Err(request.forbidden(
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support \
         resize",
    ))
}
