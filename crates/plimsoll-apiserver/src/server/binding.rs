//! Binding pods to nodes.

use serde_json::{Value, json};

use super::{Inner, Target, metadata, refusal};
use crate::Status;

/// The minor version from which on the condition says of which generation it is, and a bound pod has no nominated node.
const DATED_SINCE: u32 = 34;

impl Inner {
    /// Binds the pod that `target` names, of that uid if one is given.
    pub(crate) async fn bind(
        &self,
        target: &Target<'_>,
        node: &str,
        uid: Option<&str>,
    ) -> Result<(), Status> {
        let now = metadata::time(self.config.clock.now());
        self.change(target, |pod| {
            let refuse = |why: String| {
                let of = crate::GroupResource::new("", "pods/binding");
                Err(refusal::conflict(&of, &target.name, &why))
            };
            let name = &target.name;
            if uid.is_some_and(|uid| uid != metadata::text(pod, "uid")) {
                return refuse(format!(
                    "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                    uid.unwrap_or_default(),
                    metadata::text(pod, "uid")
                ));
            }
            if metadata::is_deleting(pod) {
                return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
            }
            if let Some(bound) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
                return refuse(format!("pod {name} is already assigned to node \"{bound}\""));
            }
            if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
                return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
            }
            let mut pod = pod.clone();
            pod["spec"]["nodeName"] = node.into();
            let mut condition =
                json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
            if self.config.minor >= DATED_SINCE {
                if let Some(generation) = pod["metadata"]["generation"].as_i64() {
                    condition["observedGeneration"] = generation.into();
                }
                if let Some(status) = pod["status"].as_object_mut() {
                    status.remove("nominatedNodeName");
                }
            }
            set_condition(&mut pod, condition);
            Ok(pod)
        })
        .await
        .map(drop)
    }
}

fn set_condition(pod: &mut Value, condition: Value) {
    if !pod["status"]["conditions"].is_array() {
        pod["status"]["conditions"] = json!([]);
    }
    if let Some(conditions) = pod["status"]["conditions"].as_array_mut() {
        match conditions.iter_mut().find(|own| own["type"] == condition["type"]) {
            Some(own) => *own = condition,
            None => conditions.push(condition),
        }
    }
}
