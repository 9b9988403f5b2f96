//! Claims of storage that name no class get the default one.

use serde_json::json;

use super::{Operation, Request};
use crate::{
    policy::{View, fields::meta},
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
