//! Pods in namespaces whose quota wants to know what each container needs.
//!
//! Probe pods say nothing of processor and memory, so that room is never the reason for a refusal. A ResourceQuota on
//! these takes no pod that is silent about them, and names what it wants to hear; then it is told of as little as does.

use serde_json::{Value, json};

/// What is asked for of a resource, and allowed at the most.
const LITTLE: [(&str, &str, &str); 3] = [
    ("cpu", "10m", "1"),
    ("memory", "16Mi", "256Mi"),
    ("ephemeral-storage", "1Mi", "64Mi"),
];

/// The pod with what a quota's refusal says that it must specify; `None` where the refusal is about something else, or
/// nothing can be done about it.
pub(super) fn specified(manifest: &Value, refusal: &str) -> Option<Value> {
    if manifest.get("kind").and_then(Value::as_str) != Some("Pod") {
        return None;
    }
    let (_, wanted) = refusal
        .split_once("failed quota: ")?
        .1
        .split_once("must specify ")?;
    let mut pod = manifest.clone();
    // `requests.cpu for: a,b; limits.memory for: a`; before Kubernetes 1.23 `limits.cpu,limits.memory`.
    for clause in wanted.split(';') {
        let names = clause.split(" for: ").next().unwrap_or_default();
        for name in names.split(',') {
            specify(&mut pod, name.trim())?;
        }
    }
    (pod != *manifest).then_some(pod)
}

fn specify(pod: &mut Value, name: &str) -> Option<()> {
    let (side, resource) = match name.split_once('.') {
        Some((side @ ("requests" | "limits"), resource)) => (side, resource),
        Some(_) => return None,
        None => ("requests", name),
    };
    let (_, request, limit) = LITTLE.iter().find(|(known, _, _)| *known == resource)?;
    let spec = pod.get_mut("spec")?.as_object_mut()?;
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let resources = &mut container
                .as_object_mut()?
                .entry("resources")
                .or_insert_with(|| json!({}));
            let mut say = |side: &str, amount: &str| {
                let side = resources
                    .as_object_mut()?
                    .entry(side)
                    .or_insert_with(|| json!({}));
                side.as_object_mut()?
                    .entry(resource)
                    .or_insert_with(|| json!(amount));
                Some(())
            };
            // A limit alone would be taken for the request as well.
            say("requests", request)?;
            if side == "limits" {
                say("limits", limit)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({"kind": "Pod", "spec": {
            "initContainers": [{"name": "a"}],
            "containers": [{"name": "b", "resources": {"limits": {"x.com/gpu": "1"}}}],
        }})
    }

    fn refused(wanted: &str) -> String {
        format!("pods \"p\" is forbidden: failed quota: small: must specify {wanted}")
    }

    #[test]
    fn a_pod_is_told_what_the_quota_names_and_keeps_what_it_has() {
        let met = specified(&pod(), &refused("limits.memory for: b; requests.cpu for: a,b")).unwrap();
        assert_eq!(
            met["spec"]["containers"][0]["resources"],
            json!({"limits": {"x.com/gpu": "1", "memory": "256Mi"}, "requests": {"cpu": "10m", "memory": "16Mi"}})
        );
        assert_eq!(
            met["spec"]["initContainers"][0]["resources"]["requests"],
            json!({"cpu": "10m", "memory": "16Mi"})
        );
    }

    #[test]
    fn older_words_are_understood() {
        let met = specified(&pod(), &refused("cpu,limits.cpu")).unwrap();
        assert_eq!(
            met["spec"]["initContainers"][0]["resources"],
            json!({"limits": {"cpu": "1"}, "requests": {"cpu": "10m"}})
        );
    }

    #[test]
    fn nothing_else_is_answered() {
        let exceeded = "pods \"p\" is forbidden: exceeded quota: small, requested: pods=1";
        assert_eq!(specified(&pod(), exceeded), None);
        assert_eq!(specified(&pod(), &refused("requests.x.com/gpu for: b")), None);
        assert_eq!(
            specified(&json!({"kind": "ResourceClaim"}), &refused("cpu")),
            None
        );
        assert_eq!(specified(&json!({"kind": "Pod"}), &refused("cpu")), None);
        let said = specified(&pod(), &refused("cpu")).unwrap();
        assert_eq!(specified(&said, &refused("cpu")), None, "once is enough");
    }
}
