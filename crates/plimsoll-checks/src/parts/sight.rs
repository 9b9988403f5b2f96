//! What a container sees of its part, of the device that the part is made of, and of other parts.

use std::collections::BTreeSet;

use plimsoll_probe::{
    Transcript,
    protocol::{DeviceNode, DeviceRole, IdentitySource},
};
use plimsoll_vendors::{DeviceRole as Belongs, Vendor};

use super::Unit;

/// The vendor's nodes in a container, by whose they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sight<'a> {
    /// The node of its own part.
    pub(crate) own: Option<&'a DeviceNode>,
    /// What lets its own part be used.
    pub(crate) capabilities: Vec<&'a DeviceNode>,
    /// Nodes of the whole device.
    pub(crate) whole: Vec<&'a DeviceNode>,
    /// What belongs to other parts.
    pub(crate) foreign: Vec<&'a DeviceNode>,
    /// What does not say whose it is.
    pub(crate) unknown: Vec<&'a DeviceNode>,
}

impl<'a> Sight<'a> {
    /// What a container sees whose pod asked for `unit`.
    pub(crate) fn of(found: &'a Transcript, unit: &Unit, vendor: Option<&Vendor>) -> Self {
        let nodes = exclusive(found, vendor);
        let first = nodes
            .iter()
            .find(|node| !is_capability(node, vendor) && !ids(node).is_empty());
        let (own, parent): (BTreeSet<String>, Option<String>) = match &unit.published {
            Some(device) => (device.identities.clone(), device.parent.clone()),
            // Nobody says which part a device plugin gave: whichever is there, if it is one.
            None => match first {
                Some(node) if !is_whole(node) => (
                    ids(node).into_iter().map(str::to_owned).collect(),
                    parent_of(node).map(str::to_owned),
                ),
                Some(_) | None => (BTreeSet::new(), None),
            },
        };
        let mut sight = Self::default();
        for node in nodes {
            let ids = ids(node);
            let is_own = ids.iter().any(|id| own.contains(*id));
            let is_parents =
                parent.as_deref().is_some_and(|parent| ids.contains(parent)) || (!is_own && is_whole(node));
            if ids.is_empty() {
                sight.unknown.push(node);
            } else if is_own && is_capability(node, vendor) {
                sight.capabilities.push(node);
            } else if is_own {
                sight.own = sight.own.or(Some(node));
            } else if is_parents {
                sight.whole.push(node);
            } else {
                sight.foreign.push(node);
            }
        }
        sight
    }

    /// Whether what was given is the whole device. Partitions of some vendors come with its node; what makes them
    /// partitions then are their capabilities.
    pub(crate) fn holds_whole(&self, vendor: Option<&Vendor>) -> bool {
        let partitions = vendor.and_then(|vendor| vendor.partitions.as_ref());
        let comes_with_it = partitions.is_some_and(|partitions| partitions.shares_device_node);
        let is_partition = !self.capabilities.is_empty() || !self.unknown.is_empty();
        self.own.is_none() && !self.whole.is_empty() && !(comes_with_it && is_partition)
    }
}

/// The vendor's nodes that belong to somebody; of an unknown vendor, all that not every container has.
pub(crate) fn exclusive<'a>(found: &'a Transcript, vendor: Option<&Vendor>) -> Vec<&'a DeviceNode> {
    let is_exclusive = |node: &&DeviceNode| match vendor {
        Some(vendor) => vendor.matches_device(&node.path) == Some(Belongs::Exclusive),
        None => !node.standard,
    };
    found.nodes.iter().filter(is_exclusive).collect()
}

/// What the kernel says of a device's size, else what the device does.
pub(crate) fn size(node: &DeviceNode) -> Option<u64> {
    let identity = node.identity.as_ref()?;
    identity.enforced_bytes.or(identity.memory_bytes)
}

/// Bytes as people write them.
pub(crate) fn gib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let gib = bytes as f64 / f64::from(1 << 30);
    format!("{gib:.1} GiB")
}

fn is_capability(node: &DeviceNode, vendor: Option<&Vendor>) -> bool {
    let by_path = vendor
        .and_then(|vendor| vendor.partitions.as_ref())
        .is_some_and(|partitions| partitions.capability_nodes.matches(&node.path));
    by_path || role(node) == Some(DeviceRole::Capability)
}

/// Whether the device itself says that it is a whole one; the kernel's entry of a device can't tell.
fn is_whole(node: &DeviceNode) -> bool {
    node.identity.as_ref().is_some_and(|identity| {
        identity.source == IdentitySource::Header && identity.role.is_none() && identity.parent.is_none()
    })
}

fn role(node: &DeviceNode) -> Option<DeviceRole> {
    node.identity.as_ref()?.role
}

/// The device that a node says its device is a part of.
pub(crate) fn parent_of(node: &DeviceNode) -> Option<&str> {
    node.identity.as_ref()?.parent.as_deref()
}

/// What tells a node's hardware from other hardware.
pub(crate) fn ids(node: &DeviceNode) -> BTreeSet<&str> {
    let identity = node.identity.as_ref();
    let uuid = identity.and_then(|identity| identity.uuid.as_deref());
    let address = identity.and_then(|identity| identity.pci_address.as_deref());
    uuid.into_iter().chain(address).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use plimsoll_platform::Path;
    use plimsoll_probe::protocol::{Access, DeviceNumber, Identity, NodeKind, Opened};

    use super::*;

    /// A node whose device says who it is.
    pub(crate) fn node(
        path: &str,
        minor: u32,
        uuid: &str,
        parent: Option<&str>,
        role: Option<DeviceRole>,
        bytes: u64,
    ) -> DeviceNode {
        DeviceNode {
            path: path.to_owned(),
            number: DeviceNumber {
                kind: NodeKind::Block,
                major: 7,
                minor,
            },
            mode: 0o666,
            matched: true,
            standard: false,
            opened: Some(Opened {
                read_write: Access::Granted,
                read_only: Access::Granted,
            }),
            identity: Some(Identity {
                uuid: Some(uuid.to_owned()),
                parent: parent.map(str::to_owned),
                role,
                enforced_bytes: Some(bytes),
                ..Identity::unknown(IdentitySource::Header)
            }),
        }
    }

    /// A container that sees these nodes.
    pub(crate) fn sees(nodes: impl IntoIterator<Item = DeviceNode>) -> Transcript {
        Transcript {
            nodes: nodes.into_iter().collect(),
            ..Transcript::default()
        }
    }

    fn plugin_unit() -> Unit {
        Unit {
            path: Path::DevicePlugin {
                resource: "nvidia.com/mig-1g.10gb".to_owned(),
            },
            profile: Some("1g.10gb".to_owned()),
            published: None,
        }
    }

    fn part(path: &str, minor: u32, uuid: &str) -> DeviceNode {
        node(
            path,
            minor,
            uuid,
            Some("GPU"),
            Some(DeviceRole::Partition),
            10 << 30,
        )
    }

    fn capability(path: &str, minor: u32, uuid: &str) -> DeviceNode {
        node(
            path,
            minor,
            uuid,
            Some("GPU"),
            Some(DeviceRole::Capability),
            8 << 10,
        )
    }

    fn nvidia() -> Option<&'static Vendor> {
        Vendor::by_id("nvidia").ok()
    }

    #[test]
    fn a_partition_and_its_capability_are_ones_own_and_the_siblings_are_foreign() {
        let found = sees([
            capability("/dev/nvidia-caps/nvidia-cap1", 20, "M1"),
            capability("/dev/nvidia-caps/nvidia-cap2", 21, "M2"),
            part("/dev/nvidia0p0", 10, "M1"),
        ]);
        let sight = Sight::of(&found, &plugin_unit(), nvidia());
        assert_eq!(sight.own.map(|node| node.number.minor), Some(10));
        assert_eq!((sight.capabilities.len(), sight.foreign.len()), (1, 1));
        assert!(!sight.holds_whole(nvidia()));
    }

    #[test]
    fn a_whole_device_in_place_of_a_partition_is_seen() {
        let whole = node("/dev/nvidia0", 1, "GPU", None, None, 80 << 30);
        let found = sees([whole.clone()]);
        let sight = Sight::of(&found, &plugin_unit(), nvidia());
        assert!(sight.own.is_none() && sight.holds_whole(nvidia()));
        // With a capability, the whole device's node is how this vendor's partitions are reached.
        let unread = DeviceNode {
            identity: None,
            ..capability("/dev/nvidia-caps/nvidia-cap1", 20, "M1")
        };
        let found = sees([whole, unread]);
        assert!(!Sight::of(&found, &plugin_unit(), nvidia()).holds_whole(nvidia()));
    }

    #[test]
    fn an_empty_container_sees_nothing() {
        let nothing = Transcript::default();
        let sight = Sight::of(&nothing, &plugin_unit(), nvidia());
        assert_eq!(sight, Sight::default());
        assert!(!sight.holds_whole(nvidia()));
    }

    #[test]
    fn sizes_are_the_kernels_where_it_says_one() {
        let own = part("/dev/nvidia0p0", 10, "M1");
        assert_eq!(size(&own), Some(10 << 30));
        assert_eq!(gib(10 << 30), "10.0 GiB");
    }
}
