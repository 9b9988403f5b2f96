//! Whether a container that ended is started again.

use serde_json::Value;

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs to its end before the others.
    Init,
    /// Runs beside the others, from before them on.
    Sidecar,
    /// What the pod is for.
    Main,
    /// Put into a pod that runs already.
    Ephemeral,
}

impl Role {
    /// The part of a pod's spec that such a container is in, as events name it.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Init | Self::Sidecar => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

/// All containers of a pod with their roles, in the order in which they are started.
pub(super) fn containers(pod: &Value) -> Vec<(&Value, Role)> {
    let list = |name: &str| pod["spec"][name].as_array().into_iter().flatten();
    let init = list("initContainers").map(|container| {
        let role = if container["restartPolicy"] == "Always" {
            Role::Sidecar
        } else {
            Role::Init
        };
        (container, role)
    });
    let ephemeral = list("ephemeralContainers").map(|container| (container, Role::Ephemeral));
    let main = list("containers").map(|container| (container, Role::Main));
    init.chain(ephemeral).chain(main).collect()
}

/// A container's name.
pub(super) fn name(container: &Value) -> &str {
    container["name"].as_str().unwrap_or_default()
}

/// Whether a container that ended so is started again.
pub(super) fn is_restarted(pod: &Value, container: &Value, role: Role, code: i32) -> bool {
    for rule in container["restartPolicyRules"].as_array().into_iter().flatten() {
        let mut values = rule["exitCodes"]["values"].as_array().into_iter().flatten();
        let listed = values.any(|value| *value == code);
        let fits = match rule["exitCodes"]["operator"].as_str() {
            Some("NotIn") => !listed,
            Some(_) | None => listed,
        };
        if fits && rule["action"] == "Restart" {
            return true;
        }
    }
    let of_pod = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    let own = container["restartPolicy"].as_str();
    match role {
        Role::Sidecar => true,
        Role::Ephemeral => false,
        Role::Init => own.unwrap_or(of_pod) != "Never" && code != 0,
        Role::Main => match own.unwrap_or(of_pod) {
            "Never" => false,
            "OnFailure" => code != 0,
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn restarted(policy: &str, container: Value, role: Role, code: i32) -> bool {
        let pod = json!({"spec": {"restartPolicy": policy}});
        is_restarted(&pod, &container, role, code)
    }

    #[test]
    fn a_container_is_restarted_as_its_pod_says_unless_it_says_otherwise() {
        assert!(restarted("Always", json!({}), Role::Main, 0));
        assert!(!restarted("OnFailure", json!({}), Role::Main, 0));
        assert!(restarted("OnFailure", json!({}), Role::Main, 1));
        assert!(!restarted("Never", json!({}), Role::Main, 1));
        assert!(restarted(
            "Never",
            json!({"restartPolicy": "Always"}),
            Role::Main,
            0
        ));
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
        let ruled = json!({"restartPolicy": "Never", "restartPolicyRules": rules});
        assert!(restarted("Never", ruled.clone(), Role::Main, 42));
        assert!(!restarted("Never", ruled, Role::Main, 1));
    }

    #[test]
    fn sidecars_always_come_again_and_init_containers_until_they_end_well() {
        assert!(restarted(
            "Never",
            json!({"restartPolicy": "Always"}),
            Role::Sidecar,
            0
        ));
        assert!(restarted("Always", json!({}), Role::Init, 1));
        assert!(!restarted("Always", json!({}), Role::Init, 0));
        assert!(!restarted("Never", json!({}), Role::Init, 1));
        assert!(!restarted("Always", json!({}), Role::Ephemeral, 1));
    }
}
