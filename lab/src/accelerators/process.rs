//! The process that offers a node's accelerators, and what stands before runc when a defect asks for it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plimsoll_accelerator::oci_runtime::{self, RuntimeConfig};
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

/// The OCI runtimes that a node's containerd runs, each an executable.
#[derive(Debug)]
pub(crate) struct OciRuntimes {
    /// What runs all that names no RuntimeClass.
    pub(crate) default: String,
    /// What runs those that name one, by its handler.
    pub(crate) by_handler: BTreeMap<String, String>,
    /// The annotations of pods that they are shown, as patterns.
    pub(crate) annotations: Vec<String>,
}

/// runc itself, or scripts that break it as chosen defects say.
pub(crate) fn oci_runtimes(
    lab: &Lab,
    node: &Node,
    devices: &[DeviceConfig],
) -> Result<OciRuntimes, FileError> {
    let runc = lab.binaries.path("runc");
    let broken = defects::chosen(&lab.state.defects)
        .filter_map(Defect::on_lab)
        .any(|lab| lab.component == Component::ContainerRuntime);
    if !broken {
        return Ok(OciRuntimes {
            default: runc.display().to_string(),
            by_handler: BTreeMap::new(),
            annotations: Vec::new(),
        });
    }
    let config = |handler: Option<&str>| RuntimeConfig {
        node: node.name(),
        runc: runc.clone(),
        state: node.folder.path("oci-runtime-ledger.json"),
        devices: devices.to_vec(),
        cdi_dir: node.folder.cdi(),
        handler: handler.map(str::to_owned),
        defects: lab.state.defects.clone(),
    };
    let by_handler = oci_runtime::handlers().map(|handler| {
        let name = format!("oci-runtime-{handler}");
        Ok((
            handler.to_owned(),
            script(lab, node, &name, &config(Some(handler)))?,
        ))
    });
    Ok(OciRuntimes {
        default: script(lab, node, "oci-runtime", &config(None))?,
        by_handler: by_handler.collect::<Result<_, FileError>>()?,
        annotations: vec![format!("{}*", oci_runtime::CDI_ANNOTATIONS)],
    })
}

/// Writes an OCI runtime's configuration, and the script that is it: containerd passes nothing but runc's own arguments.
fn script(lab: &Lab, node: &Node, name: &str, config: &RuntimeConfig) -> Result<String, FileError> {
    let path = node.folder.path(&format!("{name}.json"));
    files::write_json(&path, config)?;
    let script = node.folder.path(name);
    let text = format!(
        "#!/bin/sh\nexec '{}' oci-runtime --config '{}' -- \"$@\"\n",
        lab.program.display(),
        path.display()
    );
    files::write_executable(&script, &text)?;
    Ok(script.display().to_string())
}
