//! A claim from a template, for one pod.

use serde_json::{Value, json};

use super::super::facts::meta;

/// Says for which of the pod's claims it was made.
pub(super) const ANNOTATION: &str = "resource.kubernetes.io/pod-claim-name";
/// The longest first part of a name of 63 characters, whose end is generated.
const LONGEST_BASE: usize = 57;

/// The claim that a template promises a pod.
pub(super) fn claim(pod: &Value, name: &str, template: &Value) -> Value {
    let inner = &template["spec"]["metadata"];
    let mut annotations = inner["annotations"].clone();
    if !annotations.is_object() {
        annotations = json!({});
    }
    annotations[ANNOTATION] = json!(name);
    let mut metadata = json!({
        "generateName": base(meta::name(pod), name),
        "namespace": meta::namespace(pod),
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": "v1", "kind": "Pod", "name": meta::name(pod), "uid": meta::uid(pod),
            "controller": true,
        }],
    });
    if inner["labels"].is_object() {
        metadata["labels"] = inner["labels"].clone();
    }
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
        "metadata": metadata, "spec": template["spec"]["spec"],
    })
}

/// `POD-CLAIM-`; where that is too long both are cut in proportion, so that something of each is left to read.
fn base(pod: &str, claim: &str) -> String {
    let whole = format!("{pod}-{claim}-");
    if whole.len() <= LONGEST_BASE {
        return whole;
    }
    let cut = |part: &str| part[..part.len() * LONGEST_BASE / whole.len()].to_owned();
    format!("{}-{}", cut(pod), cut(claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_leave_something_of_both() {
        assert_eq!(base("pod", "gpu"), "pod-gpu-");
        let long = base(&"p".repeat(60), &"c".repeat(20));
        assert!(long.len() <= LONGEST_BASE, "{long}");
        assert!(long.starts_with('p') && long.ends_with('c'));
    }

    #[test]
    fn a_claim_is_the_pods_and_as_the_template_says() {
        let pod = json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}});
        let template = json!({"spec": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"devices": {"requests": []}}}});
        let claim = claim(&pod, "gpu", &template);
        assert_eq!(claim["metadata"]["labels"], json!({"a": "b"}));
        assert_eq!(claim["metadata"]["annotations"], json!({ANNOTATION: "gpu"}));
        assert_eq!(claim["spec"], json!({"devices": {"requests": []}}));
        assert_eq!(meta::controller_uid(&claim), Some("u"));
    }
}
