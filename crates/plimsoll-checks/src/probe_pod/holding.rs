//! Which accelerators a container holds: its device nodes, put together by hardware.

use std::{collections::BTreeSet, fmt};

use plimsoll_probe::{
    Transcript,
    protocol::{DeviceNode, DeviceNumber, NodeKind},
};
use plimsoll_vendors::{DeviceRole, GlobList, Vendor};

/// The kernel's driver number for all sorts of small devices: sharing it means nothing.
const MISC_MAJOR: u32 = 10;

/// One accelerator, as a container sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding<'a> {
    /// Its nodes; never empty. The first is the one that stands for it.
    pub nodes: Vec<&'a DeviceNode>,
}

impl Holding<'_> {
    /// The node that stands for it.
    #[must_use]
    pub fn node(&self) -> &DeviceNode {
        self.nodes[0]
    }

    /// What identifies it.
    #[must_use]
    pub fn identities(&self) -> BTreeSet<&str> {
        self.nodes.iter().flat_map(|node| identities(node)).collect()
    }

    /// Whether both are the same piece of hardware on one node: by an identity, else by device number.
    #[must_use]
    pub fn is_same_hardware(&self, other: &Holding<'_>) -> bool {
        let (mine, theirs) = (self.identities(), other.identities());
        if mine.is_empty() || theirs.is_empty() {
            self.nodes
                .iter()
                .any(|node| other.nodes.iter().any(|o| o.number == node.number))
        } else {
            !mine.is_disjoint(&theirs)
        }
    }
}

impl fmt::Display for Holding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(self.node()))?;
        if let Some(identity) = self.identities().first() {
            write!(f, " = {identity}")?;
        }
        Ok(())
    }
}

/// The accelerators in a container that was granted some.
///
/// Nodes with a common identity are one accelerator. A node without a readable identity stands for one of its
/// own if it is of the kind by which the vendor's devices are counted (a GPU has a card and a render node, but
/// one render node). Of an unknown vendor, every node that a runtime doesn't give to every container counts.
#[must_use]
pub fn holdings<'a>(found: &'a Transcript, vendor: Option<&Vendor>) -> Vec<Holding<'a>> {
    let nodes: Vec<&DeviceNode> = found
        .nodes
        .iter()
        .filter(|node| is_exclusive(node, vendor))
        .collect();
    let mut holdings: Vec<Holding<'a>> = Vec::new();
    for &node in nodes.iter().filter(|node| is_identified(node)) {
        let alone = Holding { nodes: vec![node] };
        match holdings
            .iter_mut()
            .find(|holding| holding.is_same_hardware(&alone))
        {
            Some(holding) => holding.nodes.push(node),
            None => holdings.push(alone),
        }
    }
    let unread = counted(&nodes, vendor)
        .into_iter()
        .filter(|node| !is_identified(node));
    holdings.extend(unread.map(|node| Holding { nodes: vec![node] }));
    holdings
}

/// The accelerator nodes in a container that was granted none: all of the vendor's, shared ones included,
/// and all that belong to a driver of which `known` devices are accelerators, whatever they are called.
#[must_use]
pub fn trespasses<'a>(
    found: &'a Transcript,
    vendor: Option<&Vendor>,
    known: &[DeviceNumber],
) -> Vec<&'a DeviceNode> {
    let suspect = |node: &&DeviceNode| {
        vendor.is_some_and(|vendor| vendor.matches_device(&node.path).is_some())
            || known.iter().any(|number| is_akin(*number, node.number))
    };
    found.nodes.iter().filter(suspect).collect()
}

fn is_akin(known: DeviceNumber, other: DeviceNumber) -> bool {
    known == other
        || (known.kind == other.kind
            && known.major == other.major
            && (known.kind, known.major) != (NodeKind::Character, MISC_MAJOR))
}

fn is_exclusive(node: &DeviceNode, vendor: Option<&Vendor>) -> bool {
    match vendor {
        Some(vendor) => vendor.matches_device(&node.path) == Some(DeviceRole::Exclusive),
        None => !node.standard,
    }
}

/// What tells a node's hardware from other hardware, wherever it is seen: uuid, PCI address.
fn identities(node: &DeviceNode) -> impl Iterator<Item = &str> {
    let identity = node.identity.as_ref();
    let uuid = identity.and_then(|identity| identity.uuid.as_deref());
    let pci_address = identity.and_then(|identity| identity.pci_address.as_deref());
    uuid.into_iter().chain(pci_address)
}

fn is_identified(node: &DeviceNode) -> bool {
    identities(node).next().is_some()
}

/// A node as people know it: `/dev/nvidia0 (c:195:0)`.
#[must_use]
pub fn shown(node: &DeviceNode) -> String {
    format!("{} ({})", node.path, node.number)
}

/// The nodes that match the vendor's first pattern with an identified node or, where none is identified, with
/// any node.
fn counted<'a>(nodes: &[&'a DeviceNode], vendor: Option<&Vendor>) -> Vec<&'a DeviceNode> {
    let Some(vendor) = vendor else {
        return nodes.to_vec();
    };
    let by_pattern: Vec<Vec<&DeviceNode>> = vendor
        .devices
        .exclusive
        .patterns()
        .iter()
        .filter_map(|pattern| GlobList::new(vec![pattern.clone()]).ok())
        .map(|glob| {
            nodes
                .iter()
                .copied()
                .filter(|node| glob.matches(&node.path))
                .collect::<Vec<_>>()
        })
        .filter(|matching| !matching.is_empty())
        .collect();
    let identified = |matching: &&Vec<&DeviceNode>| matching.iter().any(|node| is_identified(node));
    by_pattern
        .iter()
        .find(identified)
        .or(by_pattern.first())
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::{Identity, IdentitySource};

    use super::*;

    fn number(major: u32, minor: u32) -> DeviceNumber {
        DeviceNumber {
            kind: NodeKind::Character,
            major,
            minor,
        }
    }

    fn node(path: &str, number: DeviceNumber, uuid: Option<&str>) -> DeviceNode {
        let identity = Identity {
            uuid: uuid.map(str::to_owned),
            ..Identity::unknown(IdentitySource::Header)
        };
        DeviceNode {
            path: path.to_owned(),
            number,
            mode: 0o666,
            matched: false,
            standard: false,
            opened: None,
            identity: Some(identity),
        }
    }

    fn found(nodes: impl IntoIterator<Item = DeviceNode>) -> Transcript {
        Transcript {
            nodes: nodes.into_iter().collect(),
            ..Transcript::default()
        }
    }

    fn amd() -> Option<&'static Vendor> {
        Vendor::by_id("amd").ok()
    }

    #[test]
    fn an_empty_container_holds_nothing_and_trespasses_on_nothing() {
        assert!(holdings(&Transcript::default(), amd()).is_empty());
        assert!(holdings(&Transcript::default(), None).is_empty());
        assert!(trespasses(&Transcript::default(), amd(), &[number(226, 128)]).is_empty());
    }

    #[test]
    fn the_card_and_render_node_of_one_gpu_are_one_accelerator() {
        let nodes = |identity| {
            found([
                node("/dev/dri/card1", number(226, 1), identity),
                node("/dev/dri/renderD128", number(226, 128), identity),
                node("/dev/kfd", number(240, 0), None),
            ])
        };
        assert_eq!(holdings(&nodes(Some("0000:03:00.0")), amd()).len(), 1);
        let unread = nodes(None);
        let held = holdings(&unread, amd());
        assert_eq!(
            held.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["/dev/dri/renderD128 (c:226:128)"]
        );
    }

    #[test]
    fn two_names_for_one_hardware_are_one_accelerator() {
        let twice = found([
            node("/dev/dri/renderD128", number(226, 128), Some("u1")),
            node("/dev/dri/renderD129", number(226, 129), Some("u1")),
        ]);
        assert_eq!(holdings(&twice, amd()).len(), 1);
    }

    #[test]
    fn an_accelerator_that_cannot_be_identified_counts_beside_one_that_can() {
        let mixed = found([
            node("/dev/dri/renderD128", number(226, 128), Some("u1")),
            node("/dev/dri/card1", number(226, 1), None),
            node("/dev/dri/renderD129", number(226, 129), None),
        ]);
        let held = holdings(&mixed, amd());
        let paths: Vec<&str> = held.iter().map(|holding| holding.node().path.as_str()).collect();
        assert_eq!(paths, ["/dev/dri/renderD128", "/dev/dri/renderD129"]);
    }

    #[test]
    fn of_an_unknown_vendor_everything_unusual_counts() {
        let nodes = found([
            DeviceNode {
                standard: true,
                ..node("/dev/null", number(1, 3), None)
            },
            node("/dev/npu0", number(511, 0), None),
        ]);
        let held = holdings(&nodes, None);
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].node().path, "/dev/npu0");
    }

    #[test]
    fn a_renamed_node_is_known_by_its_number() {
        let renamed = found([node("/dev/innocent", number(226, 129), None)]);
        assert_eq!(trespasses(&renamed, amd(), &[number(226, 128)]).len(), 1);
        assert!(trespasses(&renamed, amd(), &[]).is_empty());
    }

    #[test]
    fn a_shared_node_in_a_container_without_accelerators_is_a_trespass() {
        let shared = found([node("/dev/kfd", number(240, 0), None)]);
        assert_eq!(trespasses(&shared, amd(), &[]).len(), 1);
    }

    #[test]
    fn the_misc_driver_number_alone_accuses_nobody() {
        let fuse = found([node("/dev/fuse", number(10, 229), None)]);
        assert!(trespasses(&fuse, None, &[number(10, 120)]).is_empty());
        assert_eq!(trespasses(&fuse, None, &[number(10, 229)]).len(), 1);
    }

    #[test]
    fn hardware_without_an_identity_is_compared_by_number() {
        let (a, b, c) = (
            found([node("/dev/npu0", number(511, 0), None)]),
            found([node("/dev/npu0", number(511, 1), None)]),
            found([node("/dev/npu0", number(511, 1), None)]),
        );
        assert!(!holdings(&a, None)[0].is_same_hardware(&holdings(&b, None)[0]));
        assert!(holdings(&b, None)[0].is_same_hardware(&holdings(&c, None)[0]));
    }
}
