//! One container of a probe pod.

use serde_json::{Map, Value, json};

use super::grant::{Grant, resources};

/// What a probe container may do beyond reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Privilege {
    /// An unprivileged user, as the strictest Pod Security level demands.
    #[default]
    None,
    /// Root without capabilities: what it can open is up to the device cgroup alone, not to file modes.
    Root,
    /// Root that may make device nodes (`CAP_MKNOD`), as most runtimes give it to everybody by default.
    MakeNodes,
}

impl Privilege {
    fn security_context(self) -> Value {
        let mut context = json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        match self {
            Self::None => {
                context["runAsNonRoot"] = json!(true);
                context["runAsUser"] = json!(65_532);
            }
            Self::Root => context["runAsUser"] = json!(0),
            Self::MakeNodes => {
                context["runAsUser"] = json!(0);
                context["capabilities"]["add"] = json!(["MKNOD"]);
            }
        }
        context
    }
}

/// A container that runs the probe with the given arguments.
#[derive(Clone, Debug)]
pub struct ProbeContainer {
    name: String,
    args: Vec<String>,
    env: Vec<Value>,
    ports: Vec<u16>,
    mounts: Vec<(String, String)>,
    grants: Vec<Grant>,
    privilege: Privilege,
    processors: Option<u32>,
    sidecar: bool,
}

impl ProbeContainer {
    /// A container called `name`.
    #[must_use]
    pub fn new<A: Into<String>>(name: impl Into<String>, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            name: name.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            grants: Vec::new(),
            privilege: Privilege::None,
            processors: None,
            sidecar: false,
        }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push(json!({"name": name.into(), "value": value.into()}));
        self
    }

    /// Sets an environment variable to a field of the pod, such as `status.podIP`.
    #[must_use]
    pub fn env_field(mut self, name: impl Into<String>, path: &str) -> Self {
        self.env
            .push(json!({"name": name.into(), "valueFrom": {"fieldRef": {"fieldPath": path}}}));
        self
    }

    /// Names a port it listens on.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Mounts the pod's volume `volume` at `path`.
    #[must_use]
    pub fn mount(mut self, volume: impl Into<String>, path: impl Into<String>) -> Self {
        self.mounts.push((volume.into(), path.into()));
        self
    }

    /// Asks for accelerators.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grants.push(grant);
        self
    }

    /// Says what it may do.
    #[must_use]
    pub fn privilege(mut self, privilege: Privilege) -> Self {
        self.privilege = privilege;
        self
    }

    /// Asks for whole processors and some memory as both requests and limits, as a container of a Guaranteed pod does that
    /// wants processors for itself.
    #[must_use]
    pub fn whole_processors(mut self, count: u32) -> Self {
        self.processors = Some(count);
        self
    }

    /// Makes an init container a native sidecar, which runs beside the others until they end.
    #[must_use]
    pub fn sidecar(mut self) -> Self {
        self.sidecar = true;
        self
    }

    /// The volumes it mounts.
    pub(super) fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().map(|(volume, _)| volume.as_str())
    }

    pub(super) fn manifest(&self, image: &str) -> Value {
        let mut container = Map::new();
        let mut set = |key: &str, value: Value| container.insert(key.to_owned(), value);
        set("name", json!(self.name));
        set("image", json!(image));
        set("imagePullPolicy", json!("IfNotPresent"));
        set("args", json!(self.args));
        set("securityContext", self.privilege.security_context());
        let mut resources = resources(&self.grants);
        if let Some(count) = self.processors {
            for kind in ["limits", "requests"] {
                resources[kind]["cpu"] = json!(count.to_string());
                resources[kind]["memory"] = json!("128Mi");
            }
        }
        set("resources", resources);
        if !self.env.is_empty() {
            set("env", json!(self.env));
        }
        if !self.ports.is_empty() {
            let ports: Vec<Value> = self
                .ports
                .iter()
                .map(|port| json!({"containerPort": port}))
                .collect();
            set("ports", json!(ports));
        }
        if !self.mounts.is_empty() {
            let mounts: Vec<Value> = self
                .mounts
                .iter()
                .map(|(name, path)| json!({"name": name, "mountPath": path}))
                .collect();
            set("volumeMounts", json!(mounts));
        }
        if self.sidecar {
            set("restartPolicy", json!("Always"));
        }
        Value::Object(container)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_dropped_unless_nodes_are_to_be_made() {
        for privilege in [Privilege::None, Privilege::Root, Privilege::MakeNodes] {
            let manifest = ProbeContainer::new("p", ["devices"])
                .privilege(privilege)
                .manifest("i");
            let capabilities = &manifest["securityContext"]["capabilities"];
            assert_eq!(capabilities["drop"], json!(["ALL"]), "{privilege:?}");
            let added = (privilege == Privilege::MakeNodes).then(|| json!(["MKNOD"]));
            assert_eq!(capabilities.get("add").cloned(), added, "{privilege:?}");
        }
    }

    #[test]
    fn whole_processors_are_asked_for_as_a_guaranteed_pod_does() {
        let grant = Grant::Resource {
            name: "x.com/y".to_owned(),
            count: 1,
        };
        let container = ProbeContainer::new("p", ["pause"])
            .grant(grant)
            .whole_processors(2);
        let resources = &container.manifest("i")["resources"];
        assert_eq!(resources["requests"], json!({"cpu": "2", "memory": "128Mi"}));
        assert_eq!(
            resources["limits"],
            json!({"cpu": "2", "memory": "128Mi", "x.com/y": "1"})
        );
    }

    #[test]
    fn only_a_sidecar_restarts_on_its_own() {
        let plain = ProbeContainer::new("p", ["pause"]);
        assert_eq!(plain.clone().manifest("i").get("restartPolicy"), None);
        assert_eq!(plain.sidecar().manifest("i")["restartPolicy"], "Always");
    }
}
