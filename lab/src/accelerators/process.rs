//! The process that offers a node's accelerators, and what stands before runc when a defect asks for it.

use std::net::IpAddr;

use plimsoll_accelerator::oci_runtime::RuntimeConfig;
use plimsoll_accelerator::{DeviceConfig, NodeConfig};
use plimsoll_defects::{Component, Defect};

use super::loop_devices::{self, LoopError};
use crate::control_plane::Credentials;
use crate::defects;
use crate::files::{self, FileError};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;
use crate::node::Node;

/// Makes the node's devices.
pub(crate) async fn create_devices(lab: &Lab, node: &Node) -> Result<Vec<DeviceConfig>, LoopError> {
    loop_devices::create(&node.folder.path("accelerators"), &lab.state.accelerators).await
}

/// The process that offers them; the node must be registered.
pub(crate) fn process(
    lab: &Lab,
    node: &Node,
    credentials: &Credentials,
    devices: Vec<DeviceConfig>,
) -> Result<ProcessSpec, FileError> {
    let path = node.folder.path("accelerators.json");
    let config = NodeConfig {
        node: node.name(),
        kubeconfig: credentials.accelerators.clone(),
        kubelet_root: node.folder.kubelet_root(),
        cdi_dir: node.folder.cdi(),
        exporter_address: Some(IpAddr::V4(lab.plan().node(node.index))),
        devices,
        defects: lab.state.defects.clone(),
    };
    files::write_json(&path, &config)?;
    let args = vec![
        "accelerators".to_owned(),
        "--config".to_owned(),
        path.display().to_string(),
    ];
    Ok(node.process("accelerators", lab.program.clone(), args, ReadySignal::Started))
}

/// The OCI runtime that a node's containerd runs: runc itself, or a script that breaks it as chosen defects say.
pub(crate) fn oci_runtime(lab: &Lab, node: &Node, devices: &[DeviceConfig]) -> Result<String, FileError> {
    let runc = lab.binaries.path("runc");
    let broken = defects::chosen(&lab.state.defects)
        .filter_map(Defect::on_lab)
        .any(|lab| lab.component == Component::ContainerRuntime);
    if !broken {
        return Ok(runc.display().to_string());
    }
    let path = node.folder.path("oci-runtime.json");
    let config = RuntimeConfig {
        node: node.name(),
        runc,
        state: node.folder.path("oci-runtime-ledger.json"),
        devices: devices.to_vec(),
        defects: lab.state.defects.clone(),
    };
    files::write_json(&path, &config)?;
    // containerd passes nothing but runc's own arguments, so the rest is in a script.
    let script = node.folder.path("oci-runtime");
    let text = format!(
        "#!/bin/sh\nexec '{}' oci-runtime --config '{}' -- \"$@\"\n",
        lab.program.display(),
        path.display()
    );
    files::write_executable(&script, &text)?;
    Ok(script.display().to_string())
}
