//! containerd.

use serde_json::{Map, Value, json};

use super::{Node, cni, images};
use crate::accelerators::process::OciRuntimes;
use crate::build::packages;
use crate::files::{self, FileError};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

/// Parts that a lab's nodes do not use, several of which would look for things of the host at start.
const DISABLED: &[&str] = &[
    "io.containerd.nri.v1.nri",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.erofs",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.opt",
];

pub(super) fn process(lab: &Lab, node: &Node, runtimes: &OciRuntimes) -> Result<ProcessSpec, FileError> {
    let path = node.folder.path("containerd.toml");
    let text = toml::to_string(&configuration(node, runtimes))
        .unwrap_or_else(|error| panic!("containerd's configuration is plain data: {error}"));
    files::write(&path, text)?;
    let args = vec!["--config".to_owned(), path.display().to_string()];
    Ok(node.process(
        "containerd",
        lab.binaries.path("containerd"),
        args,
        ReadySignal::Notified,
    ))
}

fn configuration(node: &Node, runtimes: &OciRuntimes) -> Value {
    let runtime = |executable: &str| {
        json!({
            "runtime_type": "io.containerd.runc.v2",
            "pod_annotations": runtimes.annotations,
            "options": {"BinaryName": executable, "SystemdCgroup": false},
        })
    };
    let by_handler = runtimes.by_handler.iter();
    let mut handlers: Map<String, Value> = by_handler
        .map(|(handler, executable)| (handler.clone(), runtime(executable)))
        .collect();
    handlers.insert("runc".to_owned(), runtime(&runtimes.default));
    json!({
        "version": 3,
        "root": node.folder.path("containerd/root"),
        "state": node.folder.path("containerd/state"),
        "disabled_plugins": DISABLED,
        "grpc": {"address": node.folder.containerd_socket()},
        "plugins": {
            "io.containerd.cri.v1.images": {
                "snapshotter": "overlayfs",
                "pinned_images": {"sandbox": images::sandbox()},
            },
            "io.containerd.cri.v1.runtime": {
                "cdi_spec_dirs": [node.folder.cdi()],
                // Without CAP_SYS_RESOURCE no score can be lowered, and every sandbox would fail.
                "restrict_oom_score_adj": true,
                "netns_mounts_under_state_dir": true,
                "containerd": {
                    "default_runtime_name": "runc",
                    "runtimes": handlers,
                },
                "cni": {
                    "bin_dirs": [packages::network_plugins()],
                    "conf_dir": node.folder.path(cni::FOLDER),
                },
            },
        },
    })
}
