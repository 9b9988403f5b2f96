//! kube-proxy, with nftables in the node's own network namespace: the host's packet filter is not touched.

use serde_json::json;

use super::{Node, NodeError, configuration};
use crate::control_plane::Credentials;
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

pub(super) fn process(lab: &Lab, node: &Node, credentials: &Credentials) -> Result<ProcessSpec, NodeError> {
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": credentials.kube_proxy},
        "hostnameOverride": node.name(),
        "clusterCIDR": lab.plan().all_pods().to_string(),
        "bindAddress": lab.plan().node(node.index),
        "oomScoreAdj": 0,
        // The table's size is the machine's, not the namespace's, to set.
        "conntrack": {"maxPerCore": 0, "min": 0},
    });
    let config = configuration(node, "kube-proxy.json", &config)?;
    let flags = vec![format!("--config={}", config.display())];
    Ok(node.kubernetes(lab, "kube-proxy", flags, ReadySignal::Started))
}
