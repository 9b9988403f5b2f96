//! Whether the node takes a pod that was bound to it.

use serde_json::Value;

use super::{PodWorker, status};
use crate::node::ground::Kind;

/// Why a pod is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rejection {
    reason: String,
    message: String,
}

impl PodWorker {
    /// Takes the pod, or tells why not.
    pub(super) async fn admit(&self) -> bool {
        let pod = self.pod();
        let rejection = match self.lacking(&pod).or_else(|| self.misplaced(&pod)) {
            Some(rejection) => rejection,
            None => match self.kubelet.devices.admit(&pod) {
                Ok(()) if self.has_processors(&pod) => return true,
                Ok(()) => {
                    self.kubelet.devices.release(&self.uid);
                    Rejection {
                        reason: "TopologyAffinityError".to_owned(),
                        message: "Resources cannot be allocated with Topology locality".to_owned(),
                    }
                }
                Err(reason) => Rejection {
                    reason: "UnexpectedAdmissionError".to_owned(),
                    message: format!("Allocate failed due to {reason}, which is unexpected"),
                },
            },
        };
        self.tell(Kind::Warning, &rejection.reason, &rejection.message)
            .await;
        if let Some(pod) = self.current() {
            let status = {
                let context = self.context(&|_| Vec::new());
                status::rejected(&pod, &rejection.reason, &rejection.message, &context)
            };
            self.write(&pod, status).await;
        }
        false
    }

    /// Whether the pod gets the processors that it is to have for itself, beside the devices that it was allocated.
    fn has_processors(&self, pod: &Value) -> bool {
        self.kubelet.processors.admit(pod, |container| {
            let held = self.kubelet.devices.held(&self.uid, container);
            let mut accelerators = self.kubelet.accelerators.iter();
            let device = accelerators.find(|accelerator| held.contains(&accelerator.uuid))?;
            Some(device.numa_node())
        })
    }

    /// What the node has too little of.
    fn lacking(&self, pod: &Value) -> Option<Rejection> {
        let group = &self.kubelet.group;
        let others: Vec<_> = self
            .ground
            .api
            .pods_on(&self.kubelet.name)
            .into_iter()
            .filter(|other| {
                let phase = &other["status"]["phase"];
                other["metadata"]["uid"] != self.uid.as_str() && phase != "Succeeded" && phase != "Failed"
            })
            .collect();
        if others.len() >= usize::try_from(group.max_pods).unwrap_or(usize::MAX) {
            let used = i64::try_from(others.len()).unwrap_or(i64::MAX);
            return Some(Rejection::out_of("pods", 1, used, i64::from(group.max_pods)));
        }
        let capacities = [
            ("cpu", i64::from(group.cpu) * 1000),
            ("memory", i64::from(group.memory_gib) << 30),
        ];
        capacities.into_iter().find_map(|(resource, capacity)| {
            let requested = request(pod, resource);
            let used = others.iter().map(|other| request(other, resource)).sum::<i64>();
            (requested > 0 && used + requested > capacity)
                .then(|| Rejection::out_of(resource, requested, used, capacity))
        })
    }

    /// Whether the pod does not want to be here.
    fn misplaced(&self, pod: &Value) -> Option<Rejection> {
        let node = self
            .ground
            .api
            .get(&plimsoll_apiserver::resources::NODES, None, &self.kubelet.name)?;
        let wanted = pod["spec"]["nodeSelector"].as_object().into_iter().flatten();
        let labels = &node["metadata"]["labels"];
        let mut wanted = wanted;
        wanted
            .any(|(key, value)| labels[key] != *value)
            .then(|| Rejection {
                reason: "NodeAffinity".to_owned(),
                message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
                    .to_owned(),
            })
    }
}

impl Rejection {
    fn out_of(resource: &str, requested: i64, used: i64, capacity: i64) -> Self {
        Self {
            reason: format!("OutOf{resource}"),
            message: format!(
                "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
            ),
        }
    }
}

/// How much of a resource the containers of a pod ask for that run at the same time: thousandths of processors, bytes.
fn request(pod: &Value, resource: &str) -> i64 {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let sidecars = pod["spec"]["initContainers"].as_array().into_iter().flatten();
    let sidecars = sidecars.filter(|container| container["restartPolicy"] == "Always");
    containers
        .chain(sidecars)
        .map(|container| quantity(&container["resources"]["requests"][resource], resource))
        .sum()
}

/// Reads a quantity, rounded up; processors in thousandths.
fn quantity(value: &Value, resource: &str) -> i64 {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return 0,
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = match suffix {
        "m" => 0.001,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => 1.0,
    };
    let scale = if resource == "cpu" { 1000.0 } else { 1.0 };
    // Amounts of real nodes are far below where this would lose anything.
    (number.parse::<f64>().unwrap_or_default() * factor * scale).ceil() as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_of_what_runs_together_add_up() {
        let asking = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}});
        let mut sidecar = asking("250m");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({"spec": {
            "initContainers": [asking("8"), sidecar], "containers": [asking("1"), asking("500m"), {}],
        }});
        assert_eq!(request(&pod, "cpu"), 1750);
        assert_eq!(request(&pod, "memory"), 3 << 30);
    }

    #[test]
    fn a_rejection_counts_as_the_kubelet_does() {
        let rejection = Rejection::out_of("cpu", 500, 31_800, 32_000);
        assert_eq!(rejection.reason, "OutOfcpu");
        assert_eq!(
            rejection.message,
            "Node didn't have enough resource: cpu, requested: 500, used: 31800, capacity: 32000"
        );
    }
}
