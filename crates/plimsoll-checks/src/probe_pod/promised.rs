//! What a claim was allocated, against what its pod's container got.

use std::{collections::BTreeSet, fmt};

use plimsoll_probe::Transcript;
use plimsoll_vendors::Vendor;

use super::{Holding, Ruling, holdings};

/// A device as the API describes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Promised {
    /// Its pool.
    pub pool: String,
    /// Its name within the pool.
    pub device: String,
    /// What is published that identifies the hardware: uuid, PCI address.
    pub identities: BTreeSet<String>,
}

impl Promised {
    /// Whether the held hardware is this device; `None` when nothing on one side identifies it.
    #[must_use]
    pub fn is_held_as(&self, holding: &Holding<'_>) -> Option<bool> {
        let held = holding.identities();
        if held.is_empty() || self.identities.is_empty() {
            return None;
        }
        Some(
            self.identities
                .iter()
                .any(|identity| held.contains(identity.as_str())),
        )
    }
}

impl fmt::Display for Promised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of pool `{}`", self.device, self.pool)?;
        match self.identities.first() {
            Some(identity) => write!(f, ", published as {identity}"),
            None => Ok(()),
        }
    }
}

/// Decides whether `holder` got exactly the devices that were allocated.
///
/// Where hardware can't be identified on either side, a right number of devices is not enough: names and
/// numbers under `/dev` are the driver's choice and say nothing of which device it is.
#[must_use]
pub fn delivered(holder: &str, found: &Transcript, vendor: Option<&Vendor>, promised: &[Promised]) -> Ruling {
    if promised.is_empty() {
        return Ruling::Undecided(format!("the claim of {holder} names no device"));
    }
    let held = holdings(found, vendor);
    if held.is_empty() {
        return nothing(holder, vendor, promised);
    }
    if held.len() > promised.len() {
        return Ruling::Wrong(format!(
            "{holder} was allocated {} and sees {} devices: {}",
            list(promised),
            held.len(),
            list(&held)
        ));
    }
    if held.len() < promised.len() {
        return Ruling::Wrong(format!(
            "{holder} was allocated {} devices, {}, but they are only {} in the container: {}",
            promised.len(),
            list(promised),
            held.len(),
            list(&held)
        ));
    }
    if let Some(closed) = held.iter().find(|holding| !holding.node().is_open()) {
        return Ruling::Wrong(format!(
            "{holder} was allocated {} but can't open {closed}",
            list(promised)
        ));
    }
    if held.iter().any(|holding| holding.identities().is_empty()) {
        return Ruling::Undecided(format!(
            "{holder} sees {}, but the hardware doesn't say which device it is, so it can't be compared with {}",
            list(&held),
            list(promised)
        ));
    }
    for device in promised {
        if device.identities.is_empty() {
            return Ruling::Undecided(format!(
                "{holder} sees {}, but {device} is published without an attribute that identifies it",
                list(&held)
            ));
        }
        if !held
            .iter()
            .any(|holding| device.is_held_as(holding) == Some(true))
        {
            return Ruling::Wrong(format!(
                "{holder} was allocated {device}, but the container got another device: {}",
                list(&held)
            ));
        }
    }
    Ruling::Right(format!(
        "{holder} holds exactly {}: {}",
        list(promised),
        list(&held)
    ))
}

fn nothing(holder: &str, vendor: Option<&Vendor>, promised: &[Promised]) -> Ruling {
    let injects = vendor
        .and_then(|vendor| vendor.dra.as_ref())
        .map(|dra| dra.injects_device_nodes);
    match injects {
        Some(true) => Ruling::Wrong(format!(
            "{holder} was allocated {} and runs, but no device is in the container: nothing was injected, the \
             device is missing under /dev",
            list(promised)
        )),
        Some(false) => Ruling::Undecided(format!(
            "this driver hands over no device node, so whether {holder} got {} can't be seen",
            list(promised)
        )),
        None => Ruling::Undecided(format!(
            "{holder} was allocated {} and sees no device node; the driver is not known, so it may be one that \
             hands over none",
            list(promised)
        )),
    }
}

fn list<T: fmt::Display>(things: &[T]) -> String {
    things
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::{
        Access, DeviceNode, DeviceNumber, Identity, IdentitySource, NodeKind, Opened,
    };

    use super::*;

    fn nvidia() -> Option<&'static Vendor> {
        Vendor::by_id("nvidia").ok()
    }

    fn promised(device: &str, uuid: &str) -> Promised {
        Promised {
            pool: "n1".to_owned(),
            device: device.to_owned(),
            identities: [uuid.to_owned()].into(),
        }
    }

    fn sees(uuids: &[&str]) -> Transcript {
        let node = |(minor, uuid): (usize, &&str)| DeviceNode {
            path: format!("/dev/nvidia{minor}"),
            number: DeviceNumber {
                kind: NodeKind::Block,
                major: 7,
                minor: u32::try_from(minor).unwrap(),
            },
            mode: 0o666,
            matched: true,
            standard: false,
            opened: Some(Opened {
                read_write: Access::Granted,
                read_only: Access::Granted,
            }),
            identity: Some(Identity {
                uuid: Some((*uuid).to_owned()).filter(|uuid| !uuid.is_empty()),
                ..Identity::unknown(IdentitySource::Header)
            }),
        };
        Transcript {
            nodes: uuids.iter().enumerate().map(node).collect(),
            ..Transcript::default()
        }
    }

    fn judge(uuids: &[&str], devices: &[Promised]) -> Ruling {
        delivered("pod `p`", &sees(uuids), nvidia(), devices)
    }

    #[test]
    fn exactly_the_allocated_device_is_right() {
        assert!(judge(&["U1"], &[promised("gpu-1", "U1")]).is_right());
        assert!(judge(&["U2", "U1"], &[promised("gpu-1", "U1"), promised("gpu-2", "U2")]).is_right());
    }

    #[test]
    fn another_device_is_wrong_and_both_are_named() {
        let ruling = judge(&["U2"], &[promised("gpu-1", "U1")]);
        assert!(ruling.is_wrong());
        assert!(
            ruling.detail().contains("U1") && ruling.detail().contains("U2"),
            "{}",
            ruling.detail()
        );
    }

    #[test]
    fn more_than_allocated_is_wrong() {
        assert!(judge(&["U1", "U2"], &[promised("gpu-1", "U1")]).is_wrong());
    }

    #[test]
    fn one_hardware_for_two_devices_is_wrong() {
        assert!(judge(&["U1"], &[promised("gpu-1", "U1"), promised("again", "U1")]).is_wrong());
    }

    #[test]
    fn nothing_in_the_container_is_wrong_only_where_nodes_are_due() {
        let devices = [promised("gpu-1", "U1")];
        assert!(judge(&[], &devices).is_wrong());
        let example = Vendor::by_id("example").ok();
        for vendor in [example, None] {
            let ruling = delivered("pod `p`", &Transcript::default(), vendor, &devices);
            assert!(matches!(ruling, Ruling::Undecided(_)), "{ruling:?}");
        }
    }

    #[test]
    fn hardware_that_cannot_be_identified_is_undecided() {
        assert!(matches!(
            judge(&[""], &[promised("gpu-1", "U1")]),
            Ruling::Undecided(_)
        ));
        let anonymous = Promised {
            identities: BTreeSet::new(),
            ..promised("gpu-1", "")
        };
        assert!(matches!(judge(&["U1"], &[anonymous]), Ruling::Undecided(_)));
    }

    #[test]
    fn a_claim_that_names_no_device_proves_nothing() {
        assert!(matches!(judge(&["U1"], &[]), Ruling::Undecided(_)));
    }
}
