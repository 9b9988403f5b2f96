//! What a node sees differently from the host: folders of its own where programs insist on fixed paths, and
//! kernel settings that the kubelet wants changed but that belong to the whole machine.

use std::path::{Path, PathBuf};

use super::NodeFolder;
use crate::addresses::NodeIndex;
use crate::files::{self, FileError};
use crate::folder;
use crate::keeper::protocol::{KeeperConfig, PrivateMount};
use crate::lab::Lab;

/// Settings that the kubelet would write if they were different. Within a node they look as it wants them, so
/// that the machine keeps its own.
const WANTED_BY_KUBELET: &[(&str, &str)] = &[
    ("/proc/sys/kernel/keys/root_maxbytes", "25000000"),
    ("/proc/sys/kernel/keys/root_maxkeys", "1000000"),
    ("/proc/sys/kernel/panic", "10"),
    ("/proc/sys/kernel/panic_on_oops", "1"),
    ("/proc/sys/vm/overcommit_memory", "1"),
    ("/proc/sys/vm/panic_on_oom", "0"),
];

/// Fixed paths of programs, and the folder of the node that they find there.
const OWN_FOLDERS: &[(&str, &str)] = &[
    (CNI_RESULTS, "cni/results"),
    (KUBELET, "kubelet"),
    ("/var/log", "var-log"),
];

/// Where containerd's network library keeps its results; not configurable.
const CNI_RESULTS: &str = "/var/lib/cni";
/// Where device plugins look for the kubelet, whatever its root.
const KUBELET: &str = "/var/lib/kubelet";

/// Folders that the host may not have had, and that nodes see as theirs.
pub(crate) const MOUNT_POINTS: &[&str] = &[CNI_RESULTS, KUBELET];

/// Makes the node's folders and describes its keeper.
pub(super) fn prepare(lab: &Lab, node: NodeIndex, folder: &NodeFolder) -> Result<KeeperConfig, FileError> {
    for inside in ["logs", "containerd", "kubelet", "cdi", "var-log/pods"] {
        files::create_folder(&folder.path(inside))?;
    }
    let mut mounts = vec![PrivateMount::Empty {
        target: "/run".into(),
    }];
    for (target, inside) in OWN_FOLDERS {
        let source = folder.path(inside);
        files::create_folder(&source)?;
        files::create_folder(Path::new(target))?;
        mounts.push(PrivateMount::Bind {
            source,
            target: target.into(),
        });
    }
    for (target, value) in WANTED_BY_KUBELET
        .iter()
        .filter(|(target, _)| Path::new(target).exists())
    {
        let name = target.trim_start_matches("/proc/sys/").replace('/', ".");
        let source = folder.path("sysctl").join(name);
        files::write(&source, format!("{value}\n"))?;
        mounts.push(PrivateMount::Bind {
            source,
            target: target.into(),
        });
    }
    files::write(
        &folder.path("resolv.conf"),
        format!("nameserver {}\n", lab.plan().dns_service()),
    )?;
    Ok(KeeperConfig {
        socket: folder::keeper_socket(&folder.0),
        host_name: Some(node.node_name()),
        own_network: true,
        mounts,
        sysctls: network_settings(),
        env: lab.environment(),
    })
}

/// A node forwards between its pods and its uplink; the setting is its network namespace's own.
fn network_settings() -> Vec<(PathBuf, String)> {
    vec![("/proc/sys/net/ipv4/ip_forward".into(), "1".to_owned())]
}
