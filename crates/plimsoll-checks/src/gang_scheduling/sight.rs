//! What one look at a pod shows.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::bench::GANG;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// The gang it belongs to.
    pub gang: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's identity: a pod made again under the same name is another member.
    pub uid: String,
    /// The node it is bound to.
    pub node: Option<String>,
    /// Whether its container runs or has run.
    pub started: bool,
    /// Whether it came to its end.
    pub ended: bool,
    /// Whether that was a good one.
    pub succeeded: bool,
    /// Whether it is gone from the API; the other fields are then its last known state.
    pub gone: bool,
}

impl Sight {
    /// Reads a pod; one that is `gone` in its last known state.
    pub(super) fn of(pod: &Pod, gone: bool) -> Self {
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        let states = status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default();
        let started = states
            .iter()
            .filter_map(|container| container.state.as_ref())
            .any(|state| state.running.is_some() || state.terminated.is_some());
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        Self {
            gang: pod.labels().get(GANG).cloned().unwrap_or_default(),
            pod: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            node: node.filter(|node| !node.is_empty()),
            started,
            ended: matches!(phase, Some("Succeeded" | "Failed")),
            succeeded: phase == Some("Succeeded"),
            gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sight(pod: Value) -> Sight {
        Sight::of(&serde_json::from_value(pod).unwrap(), false)
    }

    #[test]
    fn a_pod_without_a_status_is_neither_bound_nor_started() {
        let seen = sight(
            json!({"metadata": {"name": "p", "labels": {GANG: "g"}}, "spec": {"containers": [], "nodeName": ""}}),
        );
        assert_eq!(
            seen,
            Sight {
                gang: "g".to_owned(),
                pod: "p".to_owned(),
                ..Sight::default()
            }
        );
    }

    #[test]
    fn a_failed_pod_has_started_and_ended_but_not_well() {
        let states = json!([{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                             "state": {"terminated": {"exitCode": 1}}}]);
        let seen = sight(
            json!({"metadata": {}, "spec": {"containers": [], "nodeName": "n"},
                                "status": {"phase": "Failed", "containerStatuses": states}}),
        );
        assert_eq!((seen.started, seen.ended, seen.succeeded), (true, true, false));
        assert_eq!(seen.node.as_deref(), Some("n"));
    }
}
