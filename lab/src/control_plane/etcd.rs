//! etcd, reachable by a socket in the lab's folder only, so that no pod can talk to it.

use super::host_process;
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

/// Where etcd listens, as a URL.
pub(super) fn endpoint(lab: &Lab) -> String {
    format!(
        "unix://{}",
        lab.folder.control_plane().join("etcd.sock").display()
    )
}

pub(super) fn process(lab: &Lab) -> ProcessSpec {
    let folder = lab.folder.control_plane();
    let peers = format!("unix://{}", folder.join("etcd-peers.sock").display());
    // etcd wants addresses here; nobody dials a lone member by what it advertises.
    let nobody = "http://127.0.0.1:2380";
    let args = vec![
        "--name=lab".to_owned(),
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={}", endpoint(lab)),
        format!("--advertise-client-urls={nobody}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={nobody}"),
        format!("--initial-cluster=lab={nobody}"),
        // A lab is thrown away: its data need not survive a power cut.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    host_process(lab, "etcd", "etcd", args, ReadySignal::Notified)
}
