//! What makes a pod that of its ordinal.

use serde_json::{Value, json};

use super::super::{
    facts::meta,
    pods::template::{mark, pod_of, suffix_after},
};

/// Which revision a pod is of; a label.
pub(super) const HASH: &str = "controller-revision-hash";
/// The hash of a revision's template; a label of the revision.
pub(super) const REVISION_HASH: &str = "controller.kubernetes.io/hash";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// A pod's ordinal, if its name is one of the set's.
pub(super) fn ordinal(set: &Value, pod: &Value) -> Option<i64> {
    let suffix = suffix_after(meta::name(pod), meta::name(set))?;
    let is_number = !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| suffix.parse().ok())?
}

/// The first ordinal of a set.
pub(super) fn first(set: &Value) -> i64 {
    meta::number(&set["spec"]["ordinals"]["start"], 0)
}

/// The name of a pod's claim.
pub(super) fn claim_name(claim: &Value, pod_name: &str) -> String {
    format!("{}-{pod_name}", meta::name(claim))
}

/// The pod of an ordinal, of that revision's template.
pub(super) fn pod(set: &Value, template: &Value, revision: &str, ordinal: i64) -> Value {
    let mut pod = pod_of(set, template);
    let name = format!("{}-{ordinal}", meta::name(set));
    pod["metadata"]["name"] = json!(name);
    mark(&mut pod, "labels", POD_NAME, name.clone());
    mark(&mut pod, "labels", POD_INDEX, ordinal.to_string());
    mark(&mut pod, "labels", HASH, revision);
    pod["spec"]["hostname"] = json!(name);
    if let Some(service) = set["spec"]["serviceName"]
        .as_str()
        .filter(|service| !service.is_empty())
    {
        pod["spec"]["subdomain"] = json!(service);
    }
    let claims = meta::items(&set["spec"]["volumeClaimTemplates"]);
    if !claims.is_empty() {
        let mut volumes: Vec<Value> = claims
            .iter()
            .map(|claim| {
                let source = json!({"claimName": claim_name(claim, &name)});
                json!({"name": meta::name(claim), "persistentVolumeClaim": source})
            })
            .collect();
        let others = meta::items(&pod["spec"]["volumes"]).iter();
        let replaced = |volume: &Value| claims.iter().any(|claim| volume["name"] == meta::name(claim));
        volumes.extend(others.filter(|volume| !replaced(volume)).cloned());
        pod["spec"]["volumes"] = Value::Array(volumes);
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_set_have_an_ordinal() {
        let set = json!({"metadata": {"name": "db"}});
        let ordinal = |name: &str| ordinal(&set, &json!({"metadata": {"name": name}}));
        assert_eq!(ordinal("db-12"), Some(12));
        assert_eq!(ordinal("db-x"), None);
        assert_eq!(ordinal("db-a-1"), None);
        assert_eq!(ordinal("other-1"), None);
    }
}
