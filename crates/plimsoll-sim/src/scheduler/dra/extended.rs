//! Claims for what a pod asks for as extended resources, where DeviceClasses stand for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::request::{ClaimRequest, Class};
use crate::scheduler::{amount::Amount, pod::Pod};

/// What the implicit resource of a class is called, before the class's name.
const IMPLICIT: &str = "deviceclass.resource.kubernetes.io/";

/// The minor version of Kubernetes from which on classes may stand for extended resources.
pub(in crate::scheduler) const SINCE: u32 = 36;

/// The class that stands for each extended resource.
pub(in crate::scheduler) fn classes_by_resource(
    classes: &BTreeMap<String, Class>,
) -> BTreeMap<String, String> {
    let mut by_resource: BTreeMap<String, &Class> = BTreeMap::new();
    for class in classes.values() {
        if let Some(resource) = &class.resource {
            // Of several the one made last stands for it; of those made at once, the first by name.
            let stands = by_resource
                .get(resource)
                .is_none_or(|other| other.created < class.created);
            if stands {
                by_resource.insert(resource.clone(), class);
            }
        }
    }
    let explicit = by_resource
        .into_iter()
        .map(|(resource, class)| (resource, class.name().to_owned()));
    let implicit = classes
        .keys()
        .map(|name| (format!("{IMPLICIT}{name}"), name.clone()));
    implicit.chain(explicit).collect()
}

/// A claim that is yet to be made for a pod.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct ExtendedClaim {
    pub(in crate::scheduler) spec: Value,
    /// Which container's resource became which request.
    pub(in crate::scheduler) mappings: Value,
    pub(in crate::scheduler) request: ClaimRequest,
}

/// The claim for those of a pod's extended resources that are `wanted`; none where it asks for none of them.
pub(in crate::scheduler) fn claim(
    pod: &Pod,
    classes: &BTreeMap<String, String>,
    wanted: &BTreeSet<&str>,
) -> Option<ExtendedClaim> {
    let spec = &pod.object["spec"];
    let list = |key: &str| spec[key].as_array().into_iter().flatten();
    let mut requests = Vec::new();
    let mut mappings = Vec::new();
    for (at, container) in list("initContainers").chain(list("containers")).enumerate() {
        let limits = container["resources"]["limits"].as_object();
        let asked = container["resources"]["requests"]
            .as_object()
            .or(limits)
            .into_iter()
            .flatten();
        let mut number = 0;
        for (resource, amount) in asked.filter(|(resource, _)| wanted.contains(resource.as_str())) {
            let count = Amount::read(amount).map_or(0, Amount::ceiling);
            let (Some(class), true) = (classes.get(resource), count > 0) else {
                continue;
            };
            let name = format!("container-{at}-request-{number}");
            number += 1;
            requests.push(json!({"name": name, "exactly": {
                "deviceClassName": class, "allocationMode": "ExactCount", "count": count,
            }}));
            mappings.push(json!({
                "containerName": container["name"], "resourceName": resource, "requestName": name,
            }));
        }
    }
    if requests.is_empty() {
        return None;
    }
    let spec = json!({"devices": {"requests": requests}});
    let title = format!("{}/{}-extended-resources", pod.namespace, pod.name);
    Some(ExtendedClaim {
        request: ClaimRequest::read(&title, &spec),
        spec,
        mappings: Value::Array(mappings),
    })
}

/// The object of such a claim.
pub(in crate::scheduler) fn object(pod: &Pod, spec: &Value) -> Value {
    json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "namespace": pod.namespace,
            "generateName": format!("{}-extended-resources-", pod.name),
            "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": &*pod.uid,
                "controller": true,
            }],
        },
        "spec": spec,
    })
}
