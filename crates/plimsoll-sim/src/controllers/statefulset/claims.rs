//! The storage of a StatefulSet's pods.

use plimsoll_apiserver::{Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use super::{super::facts::meta, identity};

/// Makes the claims that a pod needs and that aren't there yet.
///
/// # Errors
/// As the API refuses it, or a claim is on its way out.
pub(super) async fn provide(api: &Direct, component: &str, set: &Object, pod: &Value) -> Result<(), Status> {
    for template in meta::items(&set["spec"]["volumeClaimTemplates"]) {
        let name = identity::claim_name(template, meta::name(pod));
        let namespace = meta::namespace(set);
        if let Some(claim) = api.get(&resources::PERSISTENT_VOLUME_CLAIMS, Some(namespace), &name) {
            if meta::deleting(&claim) {
                return Err(Status::new(
                    Reason::Conflict,
                    format!("pvc {name} is being deleted"),
                ));
            }
            continue;
        }
        let mut claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace}, "spec": template["spec"],
        });
        for field in ["labels", "annotations"] {
            if template["metadata"][field].is_object() {
                claim["metadata"][field] = template["metadata"][field].clone();
            }
        }
        for (label, value) in set["spec"]["selector"]["matchLabels"]
            .as_object()
            .into_iter()
            .flatten()
        {
            super::super::pods::template::mark(&mut claim, "labels", label, value.clone());
        }
        let (pod, set_name) = (meta::name(pod), meta::name(set));
        match api.create(claim).await {
            Ok(_) => {
                let message = format!("Create Claim {name} Pod {pod} in StatefulSet {set_name} success");
                api.event(set, component, "Normal", "SuccessfulCreate", &message)
                    .await;
            }
            Err(refusal) => {
                let message = format!(
                    "Create Claim {name} for Pod {pod} in StatefulSet {set_name} failed error: {refusal}"
                );
                api.event(set, component, "Warning", "FailedCreate", &message)
                    .await;
                return Err(Status {
                    message: format!("failed to create PVC {name}: {refusal}"),
                    ..refusal
                });
            }
        }
    }
    Ok(())
}

/// Lets claims belong to the set or to their pod, as the set's policy for them says.
///
/// # Errors
/// As the API refuses it.
pub(super) async fn own(api: &Direct, set: &Object, pod: &Object, condemned: bool) -> Result<(), Status> {
    let policy = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
    let deletes = |field: &str| policy[field] == "Delete";
    for template in meta::items(&set["spec"]["volumeClaimTemplates"]) {
        let name = identity::claim_name(template, meta::name(pod));
        let Some(claim) = api.get(
            &resources::PERSISTENT_VOLUME_CLAIMS,
            Some(meta::namespace(set)),
            &name,
        ) else {
            continue;
        };
        let mut owners: Vec<Value> = meta::owners(&claim)
            .iter()
            .filter(|owner| owner["uid"] != meta::uid(set) && owner["uid"] != meta::uid(pod))
            .cloned()
            .collect();
        if condemned && deletes("whenScaled") {
            owners.push(meta::controlled_by(pod));
        } else if deletes("whenDeleted") {
            owners.push(meta::controlled_by(set));
        }
        if owners == meta::owners(&claim) {
            continue;
        }
        let owners = if owners.is_empty() {
            Value::Null
        } else {
            json!(owners)
        };
        let patch = json!({"metadata": {"uid": meta::uid(&claim), "ownerReferences": owners}});
        api.merge(
            &resources::PERSISTENT_VOLUME_CLAIMS,
            Some(meta::namespace(set)),
            &name,
            None,
            patch,
        )
        .await?;
    }
    Ok(())
}
