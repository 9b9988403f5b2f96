//! The pod around probe containers.

use serde_json::{Map, Value, json};

use super::{ClaimSource, Placement, ProbeContainer};
use crate::Probe;

/// What the kubelet does when a container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// Nothing: the pod ends with its containers.
    #[default]
    Never,
    /// Starts it again.
    Always,
}

/// Writes the manifest of a pod that runs the probe.
///
/// It asks for no processor or memory, mounts no token, is never pinned by `nodeName` (which would skip the
/// scheduler, and with it the allocation of claims) and goes within a second when deleted: with none, the API
/// would forget it while it still holds its devices.
#[derive(Clone, Debug)]
pub struct ProbePod {
    name: String,
    image: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    placement: Placement,
    restart: Restart,
    claims: Vec<(String, ClaimSource)>,
    init: Vec<ProbeContainer>,
    containers: Vec<ProbeContainer>,
    fields: Map<String, Value>,
}

impl ProbePod {
    /// A pod called `name`, without containers as yet.
    #[must_use]
    pub fn new(name: impl Into<String>, probe: &Probe) -> Self {
        Self {
            name: name.into(),
            image: probe.image.clone(),
            labels: Map::new(),
            annotations: Map::new(),
            placement: Placement::anywhere(),
            restart: Restart::Never,
            claims: Vec::new(),
            init: Vec::new(),
            containers: Vec::new(),
            fields: Map::new(),
        }
    }

    /// Says where it may run.
    #[must_use]
    pub fn placed(mut self, placement: &Placement) -> Self {
        self.placement = placement.clone();
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Gives the pod a claim, known inside it as `name`; a container gets it by [`super::Grant::Claim`].
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, source: ClaimSource) -> Self {
        self.claims.push((name.into(), source));
        self
    }

    /// Adds a container.
    #[must_use]
    pub fn container(mut self, container: ProbeContainer) -> Self {
        self.containers.push(container);
        self
    }

    /// Adds an init container or, if it is one, a native sidecar.
    #[must_use]
    pub fn init(mut self, container: ProbeContainer) -> Self {
        self.init.push(container);
        self
    }

    /// Says what happens when a container ends.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Runs it by a RuntimeClass.
    #[must_use]
    pub fn runtime_class(self, name: &str) -> Self {
        self.field("runtimeClassName", json!(name))
    }

    /// Sets a further field of the spec, such as `schedulerName` or `schedulingGroup`.
    #[must_use]
    pub fn field(mut self, key: impl Into<String>, value: Value) -> Self {
        self.fields.insert(key.into(), value);
        self
    }

    /// The Pod.
    #[must_use]
    pub fn manifest(&self) -> Value {
        let mut pod = self.template();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(self.name);
        pod
    }

    /// The pod template, for controllers that make pods of it.
    #[must_use]
    pub fn template(&self) -> Value {
        let mut metadata = Map::new();
        if !self.labels.is_empty() {
            metadata.insert("labels".to_owned(), Value::Object(self.labels.clone()));
        }
        if !self.annotations.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(self.annotations.clone()));
        }
        json!({"metadata": metadata, "spec": self.spec()})
    }

    fn spec(&self) -> Value {
        let containers = |list: &[ProbeContainer]| -> Vec<Value> {
            list.iter()
                .map(|container| container.manifest(&self.image))
                .collect()
        };
        let mut spec = json!({
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 1,
            "restartPolicy": match self.restart { Restart::Never => "Never", Restart::Always => "Always" },
            "containers": containers(&self.containers),
        });
        let mut set = |key: &str, list: Vec<Value>| {
            if !list.is_empty() {
                spec[key] = Value::Array(list);
            }
        };
        set("initContainers", containers(&self.init));
        set(
            "resourceClaims",
            self.claims
                .iter()
                .map(|(name, source)| source.entry(name))
                .collect(),
        );
        set("volumes", self.volumes());
        set("tolerations", self.placement.tolerations());
        spec["nodeSelector"] = self.placement.node_selector();
        for (key, value) in &self.fields {
            spec[key] = value.clone();
        }
        spec
    }

    /// One empty folder for each volume that a container mounts.
    fn volumes(&self) -> Vec<Value> {
        let mut names: Vec<&str> = self
            .init
            .iter()
            .chain(&self.containers)
            .flat_map(ProbeContainer::volumes)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| json!({"name": name, "emptyDir": {}}))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe_pod::Grant;

    fn pod() -> ProbePod {
        ProbePod::new(
            "p",
            &Probe {
                image: "probe:1".to_owned(),
            },
        )
        .container(ProbeContainer::new("probe", ["devices"]))
    }

    #[test]
    fn a_pod_is_never_pinned_past_the_scheduler() {
        let spec = &pod().manifest()["spec"];
        assert_eq!(spec.get("nodeName"), None);
        assert_eq!(spec["nodeSelector"], json!({"kubernetes.io/os": "linux"}));
    }

    #[test]
    fn a_pod_has_no_token_and_no_service_links() {
        let spec = &pod().manifest()["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["enableServiceLinks"], false);
    }

    #[test]
    fn a_claim_is_listed_by_the_pod_and_referred_to_by_the_container() {
        let pod = pod()
            .claim("own", ClaimSource::Template("t".to_owned()))
            .container(ProbeContainer::new("second", ["devices"]).grant(Grant::Claim {
                name: "own".to_owned(),
            }));
        let spec = &pod.manifest()["spec"];
        assert_eq!(
            spec["resourceClaims"],
            json!([{"name": "own", "resourceClaimTemplateName": "t"}])
        );
        assert_eq!(spec["containers"][0]["resources"], json!({}));
        assert_eq!(
            spec["containers"][1]["resources"]["claims"],
            json!([{"name": "own"}])
        );
    }

    #[test]
    fn each_mounted_volume_is_made_once() {
        let mounting = |name: &str| ProbeContainer::new(name, ["pause"]).mount("shared", "/x");
        let pod = pod().init(mounting("a")).container(mounting("b"));
        assert_eq!(
            pod.manifest()["spec"]["volumes"],
            json!([{"name": "shared", "emptyDir": {}}])
        );
    }

    #[test]
    fn a_template_has_no_name_of_its_own() {
        let template = pod().label("a", "b").template();
        assert_eq!(template["metadata"], json!({"labels": {"a": "b"}}));
        assert_eq!(template.get("kind"), None);
    }
}
