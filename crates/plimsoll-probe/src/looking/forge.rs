//! Trying to reach a device that was not given, by making its node.

use std::path::{Path, PathBuf};

use super::identify::{Content, identify};
use super::open;
use crate::host::Devices;
use crate::protocol::{Access, DeviceNumber, ForgeAttempt, Forged};

/// Makes a node for `number` in the first folder that lets it, opens it and removes it.
///
/// Folders whose mounts forbid device nodes come last: a refusal there says nothing about the device cgroup.
pub(super) fn forge(devices: &dyn Devices, folders: &[PathBuf], number: DeviceNumber) -> Forged {
    let mut candidates: Vec<(&Path, Option<bool>)> = folders
        .iter()
        .map(|folder| (folder.as_path(), devices.allows_devices(folder)))
        .collect();
    candidates.sort_by_key(|(_, allowed)| match allowed {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    });

    let mut forged = Forged {
        number,
        attempts: Vec::new(),
        opened: None,
        identity: None,
    };
    for (folder, devices_allowed) in candidates {
        let path = folder.join(format!(
            ".plimsoll-forged-{}",
            number.to_string().replace(':', "-")
        ));
        let made = devices.make_node(&path, number);
        let is_made = made.is_ok();
        forged.attempts.push(ForgeAttempt {
            folder: folder.display().to_string(),
            devices_allowed,
            mknod: Access::from(made),
        });
        if is_made {
            let opened = open(devices, &path);
            if opened.is_open() {
                // The number was learnt from an accelerator, so there is something to read.
                forged.identity = identify(devices, &path, number, Content::Readable);
            }
            forged.opened = Some(opened);
            // A node that cannot be removed goes with the container.
            let _ = devices.remove_node(&path);
            break;
        }
    }
    forged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::looking::fake::FakeDevices;
    use crate::protocol::{Errno, Identity, IdentitySource};

    fn folders() -> Vec<PathBuf> {
        ["/dev/shm", "/tmp"].map(PathBuf::from).to_vec()
    }

    #[test]
    fn a_device_that_the_kernel_guards_stays_closed_and_no_node_is_left() {
        let devices = FakeDevices::default()
            .mount("/dev/shm", false)
            .mount("/tmp", true);
        let forged = forge(&devices, &folders(), "b:7:3".parse().unwrap());
        assert!(forged.is_made() && !forged.is_open() && forged.is_denied_by_kernel());
        assert_eq!(
            forged.attempts.len(),
            1,
            "the folder that allows devices comes first: {forged:?}"
        );
        assert_eq!(devices.made_nodes(), 0);
    }

    #[test]
    fn a_device_that_is_not_guarded_is_reached_and_identified() {
        let own = Identity {
            uuid: Some("GPU-9".to_owned()),
            ..Identity::unknown(IdentitySource::Header)
        };
        let devices = FakeDevices::default()
            .mount("/tmp", true)
            .allow("b:7:3")
            .content("b:7:3", &own.to_header().unwrap());
        let forged = forge(&devices, &folders(), "b:7:3".parse().unwrap());
        assert!(forged.is_open());
        assert_eq!(forged.identity.unwrap().uuid.as_deref(), Some("GPU-9"));
        assert_eq!(devices.made_nodes(), 0);
    }

    #[test]
    fn every_folder_is_tried_before_giving_up() {
        let devices = FakeDevices::default().mount("/tmp", true).without_mknod();
        let forged = forge(&devices, &folders(), "b:7:3".parse().unwrap());
        assert!(!forged.is_made() && !forged.is_denied_by_kernel());
        assert_eq!(forged.attempts.len(), 2);
        assert!(
            forged
                .attempts
                .iter()
                .all(|attempt| attempt.mknod == Access::Refused(Errno::named("EPERM")))
        );
    }
}
