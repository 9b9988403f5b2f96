//! The kubelet.

use serde_json::json;

use super::{Node, NodeError, cgroups, configuration};
use crate::control_plane::{Credentials, context};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;
use crate::pki::Subject;

pub(super) fn process(lab: &Lab, node: &Node, credentials: &Credentials) -> Result<ProcessSpec, NodeError> {
    let (name, address) = (node.name(), lab.plan().node(node.index));
    let user = format!("system:node:{name}");
    let kubeconfig = lab.folder.pki().join(format!("{name}.conf"));
    let client = Subject::client(&user, Some("system:nodes"));
    credentials
        .authority
        .kubeconfig(&kubeconfig, &context(lab), &lab.server(), &client)?;
    let server = Subject {
        addresses: &[address],
        names: std::slice::from_ref(&name),
        ..client
    };
    let serving = credentials.authority.issue_files(&name, &server)?;
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": credentials.authority_files.certificate},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": serving.certificate,
        "tlsPrivateKeyFile": serving.key,
        "containerRuntimeEndpoint": format!("unix://{}", node.folder.containerd_socket().display()),
        "clusterDNS": [lab.plan().dns_service()],
        "clusterDomain": "cluster.local",
        "resolvConf": node.folder.path("resolv.conf"),
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": node.folder.path("volume-plugins"),
        // A plugin's devices become allocatable at the next update, by default up to ten seconds later. Only
        // changes are sent, so looking more often costs little.
        "nodeStatusUpdateFrequency": "1s",
        "nodeStatusReportFrequency": "5m",
        // Nodes share the machine's cgroups: each keeps below its own, and none claims the machine's resources.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups::path(&lab.state.name, &name),
        "cgroupsPerQOS": true,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        // Without CAP_SYS_RESOURCE it could not be lowered.
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": false,
        // A developer's disk may be fuller than a server's, and images cannot be pulled again.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
    });
    let config = configuration(node, "kubelet.json", &config)?;
    let flags = vec![
        format!("--config={}", config.display()),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--hostname-override={name}"),
        format!("--node-ip={address}"),
        format!("--root-dir={}", node.folder.kubelet_root().display()),
        format!("--cert-dir={}", lab.folder.pki().display()),
    ];
    Ok(node.kubernetes(lab, "kubelet", flags, ReadySignal::Notified))
}
