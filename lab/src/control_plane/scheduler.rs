//! The scheduler.

use serde_json::json;

use super::credentials::Credentials;
use super::{feature_gates, file_flag, kubernetes};
use crate::defects;
use crate::files::{self, FileError};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

pub(super) fn process(lab: &Lab, credentials: &Credentials) -> Result<ProcessSpec, FileError> {
    let config = lab.folder.control_plane().join("scheduler.json");
    files::write_json(
        &config,
        &json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": credentials.scheduler},
            "leaderElection": {"leaderElect": false},
            "podMaxBackoffSeconds": 1,
        }),
    )?;
    let flags = vec![
        file_flag("config", &config),
        format!("--bind-address={}", lab.plan().host()),
        file_flag("authentication-kubeconfig", &credentials.scheduler),
        file_flag("authorization-kubeconfig", &credentials.scheduler),
        file_flag("client-ca-file", &credentials.authority_files.certificate),
        // Else 1.36 tries the members of a gang that waits again and again without a pause, which takes a whole core.
        feature_gates(
            defects::scheduler_enforces_gangs(&lab.state.defects),
            defects::scheduler_enforces_topology(&lab.state.defects),
        ) + ",SchedulerPopFromBackoffQ=false",
    ];
    Ok(kubernetes(lab, "kube-scheduler", flags, ReadySignal::Started))
}
