//! Pod networking: a cable for each pod, routed by its node, addresses out of the node's range.
//!
//! `ptp` rather than `bridge`: packets between pods of one node then pass the node's packet filter, so that
//! Services work between them without the bridge filter's help.

use serde_json::json;

use super::Node;
use crate::files::{self, FileError};
use crate::lab::Lab;

/// Where containerd looks for the configuration.
pub(super) const FOLDER: &str = "cni/net.d";

pub(super) fn configure(lab: &Lab, node: &Node) -> Result<(), FileError> {
    let config = json!({
        "cniVersion": "1.0.0",
        "name": "plimsoll-lab",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "dataDir": node.folder.path("cni/addresses"),
                    "ranges": [[{"subnet": lab.plan().pods(node.index).to_string()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true},
        ],
    });
    files::write_json(
        &node.folder.path(FOLDER).join("10-plimsoll-lab.conflist"),
        &config,
    )
}
