//! The controller manager.

use super::credentials::Credentials;
use super::{feature_gates, file_flag, kubernetes};
use crate::defects;
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

pub(super) fn process(lab: &Lab, credentials: &Credentials) -> ProcessSpec {
    let flags = vec![
        format!("--bind-address={}", lab.plan().host()),
        file_flag("kubeconfig", &credentials.controller_manager),
        file_flag("authentication-kubeconfig", &credentials.controller_manager),
        file_flag("authorization-kubeconfig", &credentials.controller_manager),
        file_flag("client-ca-file", &credentials.authority_files.certificate),
        file_flag("root-ca-file", &credentials.authority_files.certificate),
        file_flag(
            "cluster-signing-cert-file",
            &credentials.authority_files.certificate,
        ),
        file_flag("cluster-signing-key-file", &credentials.authority_files.key),
        file_flag(
            "service-account-private-key-file",
            &credentials.service_accounts.private,
        ),
        "--use-service-account-credentials=true".to_owned(),
        "--leader-elect=false".to_owned(),
        // It starts by making an account for each controller; by default its own limit stretches that to 4 s.
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
        "--allocate-node-cidrs=false".to_owned(),
        // The default lies outside the lab's folder.
        format!(
            "--flex-volume-plugin-dir={}",
            lab.folder.control_plane().join("volume-plugins").display()
        ),
        feature_gates(true, defects::scheduler_enforces_gangs(&lab.state.defects)),
    ];
    kubernetes(lab, "kube-controller-manager", flags, ReadySignal::Started)
}
