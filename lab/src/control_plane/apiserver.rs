//! The API server.

use super::credentials::{Credentials, FRONT_PROXY};
use super::{etcd, feature_gates, file_flag, kubernetes};
use crate::defects;
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

/// Versions that Kubernetes 1.36 knows but does not serve by itself: the gang API, and the DRA API's older
/// versions, so that clients which only speak those can be tried as well.
const EXTRA_VERSIONS: &[&str] = &[
    "resource.k8s.io/v1alpha3",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1beta2",
    "scheduling.k8s.io/v1alpha2",
];

pub(super) fn process(lab: &Lab, credentials: &Credentials) -> ProcessSpec {
    let plan = lab.plan();
    let versions: Vec<_> = EXTRA_VERSIONS
        .iter()
        .map(|version| format!("{version}=true"))
        .collect();
    let flags = vec![
        format!("--bind-address={}", plan.host()),
        format!("--advertise-address={}", plan.host()),
        "--secure-port=6443".to_owned(),
        format!("--etcd-servers={}", etcd::endpoint(lab)),
        format!("--service-cluster-ip-range={}", plan.services()),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged=true".to_owned(),
        file_flag("client-ca-file", &credentials.authority_files.certificate),
        file_flag("tls-cert-file", &credentials.api_server.certificate),
        file_flag("tls-private-key-file", &credentials.api_server.key),
        file_flag(
            "kubelet-certificate-authority",
            &credentials.authority_files.certificate,
        ),
        file_flag(
            "kubelet-client-certificate",
            &credentials.kubelet_client.certificate,
        ),
        file_flag("kubelet-client-key", &credentials.kubelet_client.key),
        // Node names are nowhere in the host's DNS.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        file_flag("service-account-key-file", &credentials.service_accounts.public),
        file_flag(
            "service-account-signing-key-file",
            &credentials.service_accounts.private,
        ),
        file_flag("requestheader-client-ca-file", &credentials.front_proxy_authority),
        format!("--requestheader-allowed-names={FRONT_PROXY}"),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        file_flag(
            "proxy-client-cert-file",
            &credentials.front_proxy_client.certificate,
        ),
        file_flag("proxy-client-key-file", &credentials.front_proxy_client.key),
        // No kube-proxy on the host: the API server reaches Services by their endpoints.
        "--enable-aggregator-routing=true".to_owned(),
        format!("--runtime-config={}", versions.join(",")),
        // The API is served also where the scheduler is seeded not to enforce it; but where somebody else looks after gangs,
        // nobody promises them a domain.
        feature_gates(true, defects::scheduler_enforces_gangs(&lab.state.defects)),
    ];
    kubernetes(lab, "kube-apiserver", flags, ReadySignal::Notified)
}
