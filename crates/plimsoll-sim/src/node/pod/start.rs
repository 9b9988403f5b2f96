//! Starting one container.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_apiserver::{Object, elapse};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    PodWorker,
    environment::{References, expand, hostname},
    restart::{Role, name},
    sync::RELIST,
};
use crate::{
    drivers::uuid,
    node::{
        device::{Privileges, VisibleMount},
        ground::Kind,
        images::Content,
        runtime::{Container, ContainerLog, MountedVolume, Order, Program, Surroundings, create},
    },
    platform::Latencies,
};

/// Why something is not there yet.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// When to try again, if not after the usual time.
    pub(super) again: Option<Instant>,
}

impl Problem {
    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            again: None,
        }
    }

    /// The same, to be tried again then.
    pub(super) fn again_at(self, at: Instant) -> Self {
        Self {
            again: Some(at),
            ..self
        }
    }
}

impl PodWorker {
    /// Starts a container, for the first time or again.
    pub(super) async fn start(&self, pod: &Object, container: &Value, role: Role) -> Result<(), Problem> {
        self.ensure_image(container, role).await?;
        let (program, around, id) = match self.make(pod, container) {
            Ok(made) => made,
            Err(problem) => {
                let message = format!("Error: {}", problem.message);
                self.tell_of(container, role, Kind::Warning, "Failed", &message)
                    .await;
                return Err(problem);
            }
        };
        let newer = self.kubelet.minor >= 35;
        let own = name(container);
        let created = if newer {
            "Container created".to_owned()
        } else {
            format!("Created container: {own}")
        };
        self.tell_of(container, role, Kind::Normal, "Created", &created)
            .await;
        elapse(Latencies::of(self.ground.latencies.container_start_ms)).await;
        if let Program::Absent(program) = &program {
            let message = format!(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create \
                 failed: unable to start container process: error during container init: exec: \"{program}\": \
                 executable file not found in $PATH"
            );
            self.kubelet.ledger().release(&id);
            let user = around.view.privileges().user;
            if let Some(state) = self.state().containers.get_mut(own) {
                state.begin(Container::failed(id, &message, around.clock.now()));
                state.user = Some(user);
            }
            self.tell_of(
                container,
                role,
                Kind::Warning,
                "Failed",
                &format!("Error: {message}"),
            )
            .await;
            return Err(Problem::new("RunContainerError", message).again_at(Instant::now() + RELIST));
        }
        let user = around.view.privileges().user;
        let running = Container::start(&self.ground.tasks, id, program, around);
        if let Some(state) = self.state().containers.get_mut(own) {
            state.begin(running.clone());
            state.user = Some(user);
            state.is_started = container["startupProbe"].is_null();
            state.is_ready = state.is_started && container["readinessProbe"].is_null();
        }
        let started = if newer {
            "Container started".to_owned()
        } else {
            format!("Started container {own}")
        };
        self.tell_of(container, role, Kind::Normal, "Started", &started)
            .await;
        self.watch(&running);
        self.probe(container, role, &running);
        Ok(())
    }

    /// Takes note when a container ends.
    fn watch(&self, container: &Container) {
        let (container, latest) = (container.clone(), self.latest.clone());
        let (kubelet, id) = (Arc::clone(&self.kubelet), container.id.clone());
        self.ground.tasks.spawn(async move {
            container.end().await;
            kubelet.ledger().release(&id);
            // Whoever waits for news of the pod has some.
            latest.send_modify(|_| {});
        });
    }

    /// All that a container is made of.
    fn make(&self, pod: &Object, container: &Value) -> Result<(Program, Surroundings, String), Problem> {
        let privileges = Privileges::read(&pod["spec"], container);
        let own = name(container);
        if privileges.user == 0 && runs_as_non_root(pod, container) {
            return Err(Problem::new(
                "CreateContainerConfigError",
                format!(
                    "container has runAsNonRoot and image will run as root (pod: \"{}\", container: {own})",
                    self.title()
                ),
            ));
        }
        let Some(sandbox) = self.state().sandbox.clone() else {
            return Err(Problem::new(
                "CreateContainerError",
                "sandbox container is not running",
            ));
        };
        let references = References {
            api: &self.ground.api,
            pod,
            pod_ip: sandbox.address.to_string(),
            host_ip: self.kubelet.address().to_string(),
        };
        let variables = references
            .variables(container)
            .map_err(|reason| Problem::new("CreateContainerConfigError", reason))?;
        let program = self.program(container, &variables);
        let restarts = self.state().containers.get(own).map_or(0, |own| own.restarts);
        let id = container_id(&format!("{}/{own}/{restarts}", self.uid), &self.ground.seed());
        let mut devices = self.kubelet.devices.names(&self.uid, container);
        devices.extend(self.kubelet.claims.names(pod, container));
        let order = Order {
            id: id.clone(),
            pod: self.uid.clone(),
            name: own.to_owned(),
            privileges,
            mounts: mounts(pod, container),
            handler: self.handler(pod),
            variables,
            annotations: annotations(pod),
            node_labels: node_labels(pod),
            devices,
            on_first_node: self.kubelet.number == 0,
        };
        let (mut view, variables) = {
            let registry = self.kubelet.registry();
            create(
                &order,
                &self.kubelet.machine,
                &registry,
                &self.kubelet.accelerators,
                &mut self.kubelet.ledger(),
                &self.ground.faults,
            )
        }
        .map_err(|error| Problem::new("CreateContainerError", error.to_string()))?;
        for (path, text) in self.kubelet.processors.files(&self.uid, own) {
            view.bring(path, text);
        }
        let around = Surroundings {
            view,
            clock: self.ground.clock(),
            log: ContainerLog::default(),
            endpoint: sandbox.endpoint,
            names: self.ground.names.clone(),
            volumes: self.volumes(container),
            variables,
            hostname: hostname(pod),
            namespace: self.namespace.clone(),
        };
        Ok((program, around, id))
    }

    fn program(&self, container: &Value, variables: &[(String, String)]) -> Program {
        let image = container["image"].as_str().unwrap_or_default();
        let Content::Probe(first) = self.ground.images.content(image) else {
            return Program::Inert;
        };
        let words = |field: &str| -> Vec<String> {
            let words = container[field].as_array().into_iter().flatten();
            words
                .filter_map(Value::as_str)
                .map(|word| expand(word, variables))
                .collect()
        };
        Program::of_probe_image(first, &words("command"), &words("args"))
    }

    fn volumes(&self, container: &Value) -> Vec<MountedVolume> {
        let state = self.state();
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        mounts
            .filter_map(|mount| {
                Some(MountedVolume {
                    path: mount["mountPath"].as_str()?.trim_end_matches('/').to_owned(),
                    volume: state.volumes.get(name(mount))?.clone(),
                    read_only: mount["readOnly"] == true,
                })
            })
            .collect()
    }
}

fn runs_as_non_root(pod: &Value, container: &Value) -> bool {
    let own = &container["securityContext"]["runAsNonRoot"];
    let wanted = if own.is_null() {
        &pod["spec"]["securityContext"]["runAsNonRoot"]
    } else {
        own
    };
    *wanted == true
}

fn mounts(pod: &Value, container: &Value) -> Vec<VisibleMount> {
    let volumes: BTreeMap<&str, &Value> = pod["spec"]["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|volume| (name(volume), volume))
        .collect();
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    mounts
        .map(|mount| {
            let volume = volumes.get(name(mount));
            let host_path = volume.and_then(|volume| volume["hostPath"]["path"].as_str());
            VisibleMount {
                path: mount["mountPath"].as_str().unwrap_or_default().to_owned(),
                host_path: host_path.map(str::to_owned),
            }
        })
        .collect()
}

/// The labels by which a pod selects its node.
fn node_labels(pod: &Value) -> BTreeSet<String> {
    let selector = pod["spec"]["nodeSelector"].as_object();
    selector
        .into_iter()
        .flatten()
        .map(|(label, _)| label.clone())
        .collect()
}

fn annotations(pod: &Value) -> BTreeMap<String, String> {
    let annotations = pod["metadata"]["annotations"].as_object().into_iter().flatten();
    annotations
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Sixty-four digits, as runtimes name containers.
fn container_id(place: &str, seed: &plimsoll_apiserver::Seed) -> String {
    let salt = seed.number();
    let digits: String = [
        uuid(&format!("{place}/{salt}")),
        uuid(&format!("{place}/{salt}/id")),
    ]
    .concat()
    .chars()
    .filter(char::is_ascii_hexdigit)
    .collect();
    digits
}
