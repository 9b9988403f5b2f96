//! What a pod's claims are, and who still needs a claim.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::facts::{meta, pod};

/// How many users a claim can have.
const MOST_USERS: usize = 256;

/// One claim of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodClaim<'a> {
    /// Its name within the pod.
    pub(super) name: &'a str,
    /// The template that promises it.
    pub(super) template: Option<&'a str>,
    /// The claim's object, as far as it is known.
    pub(super) claim: Option<&'a str>,
    /// It was found out that none is needed.
    pub(super) not_needed: bool,
}

/// The claims that a pod's spec names.
pub(super) fn claims(pod: &Value) -> Vec<PodClaim<'_>> {
    meta::items(&pod["spec"]["resourceClaims"])
        .iter()
        .filter_map(|claim| {
            let name = claim["name"].as_str()?;
            let template = claim["resourceClaimTemplateName"].as_str();
            let known = meta::items(&pod["status"]["resourceClaimStatuses"])
                .iter()
                .find(|status| status["name"] == name);
            Some(PodClaim {
                name,
                template,
                claim: claim["resourceClaimName"]
                    .as_str()
                    .or_else(|| known.and_then(|status| status["resourceClaimName"].as_str())),
                not_needed: known.is_some_and(|status| status["resourceClaimName"].is_null()),
            })
        })
        .collect()
}

/// The claim that the scheduler made for a pod's extended resources.
pub(super) fn extended_claim(pod: &Value) -> Option<&str> {
    pod["status"]["extendedResourceClaimStatus"]["resourceClaimName"].as_str()
}

/// Whether a pod runs, or may come to.
pub(super) fn needs_claims(pod: &Value) -> bool {
    !is_done(pod)
}

/// Whether a pod is over: it ended, or it goes before it was bound to a node.
pub(super) fn is_done(pod: &Value) -> bool {
    pod::terminal(pod) || (meta::deleting(pod) && pod::node(pod).is_none())
}

pub(super) fn is_reserved_for(claim: &Value, pod: &Value) -> bool {
    meta::items(&claim["status"]["reservedFor"])
        .iter()
        .any(|entry| entry["uid"] == meta::uid(pod))
}

pub(super) fn can_be_reserved(claim: &Value) -> bool {
    meta::items(&claim["status"]["reservedFor"]).len() < MOST_USERS
}

/// The pod that a claim was made for, as name and uid.
pub(super) fn made_for(claim: &Value) -> Option<(&str, &str)> {
    let owner = meta::owners(claim)
        .iter()
        .find(|owner| owner["apiVersion"] == "v1" && owner["kind"] == "Pod" && owner["controller"] == true)?;
    Some((owner["name"].as_str()?, owner["uid"].as_str()?))
}

/// The pod's `resourceClaimStatuses` with those added, in the order of its spec.
pub(super) fn with_statuses(pod: &Value, fresh: &BTreeMap<String, String>) -> Value {
    let known = meta::items(&pod["status"]["resourceClaimStatuses"]);
    let statuses = meta::items(&pod["spec"]["resourceClaims"])
        .iter()
        .filter_map(|claim| {
            let name = claim["name"].as_str()?;
            match fresh.get(name) {
                Some(claim) => Some(json!({"name": name, "resourceClaimName": claim})),
                None => known.iter().find(|status| status["name"] == name).cloned(),
            }
        });
    Value::Array(statuses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_claims_are_named_outright_or_by_its_status() {
        let pod = json!({
            "spec": {"resourceClaims": [
                {"name": "a", "resourceClaimName": "mine"},
                {"name": "b", "resourceClaimTemplateName": "t"},
                {"name": "c", "resourceClaimTemplateName": "t"},
                {"name": "d", "resourceClaimTemplateName": "t"}]},
            "status": {"resourceClaimStatuses": [{"name": "b", "resourceClaimName": "b-x"}, {"name": "c"}]},
        });
        let claims = claims(&pod);
        assert_eq!(
            claims.iter().map(|claim| claim.claim).collect::<Vec<_>>(),
            [Some("mine"), Some("b-x"), None, None]
        );
        assert_eq!(
            claims.iter().map(|claim| claim.not_needed).collect::<Vec<_>>(),
            [false, false, true, false]
        );
        let fresh = BTreeMap::from([("d".to_owned(), "d-y".to_owned())]);
        assert_eq!(
            with_statuses(&pod, &fresh),
            json!([
            {"name": "b", "resourceClaimName": "b-x"}, {"name": "c"}, {"name": "d", "resourceClaimName": "d-y"}])
        );
    }

    #[test]
    fn a_pod_that_goes_before_it_was_bound_is_over() {
        let mut pod = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}, "status": {"phase": "Pending"}});
        assert!(is_done(&pod));
        pod["spec"]["nodeName"] = json!("n");
        assert!(!is_done(&pod));
        pod["status"]["phase"] = json!("Failed");
        assert!(is_done(&pod));
    }
}
