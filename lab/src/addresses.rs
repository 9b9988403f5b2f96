//! Who gets which address: every lab has a slot, every slot a /20 of the benchmarking range 198.18.0.0/15.
//!
//! That range is routed nowhere, so nothing of a lab can leave the machine. Within a lab's /20:
//! `.0.0/24` the host's bridge and the nodes, `.4.0/22` Services, `.8.0/21` pods (a /24 for each node).
//! Ports never clash between labs because every listener binds an address of its own lab.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// A block of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) first: Ipv4Addr,
    pub(crate) prefix: u8,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// A lab's place in the address range; two labs never share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Slot(u8);

impl Slot {
    /// How many labs fit beside each other.
    pub(crate) const COUNT: u8 = 32;

    /// The lowest slot that is not among `taken`.
    pub(crate) fn lowest_free(taken: &[Slot]) -> Option<Slot> {
        (0..Self::COUNT).map(Slot).find(|slot| !taken.contains(slot))
    }

    /// The bridge that joins this lab's nodes to the host.
    pub(crate) fn bridge(self) -> String {
        format!("plimsoll{}", self.0)
    }

    /// The host's end of a node's cable.
    pub(crate) fn cable(self, node: NodeIndex) -> String {
        format!("plimsoll{}n{}", self.0, node.get())
    }

    /// The addresses of this slot.
    pub(crate) fn plan(self) -> AddressPlan {
        AddressPlan {
            base: u32::from(Ipv4Addr::new(198, 18, 0, 0)) + u32::from(self.0) * 4096,
        }
    }
}

/// A node's number within its lab, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NodeIndex(u8);

impl NodeIndex {
    /// As many nodes as a lab's /20 holds pod ranges for.
    pub(crate) const MAX: u8 = 8;

    /// The first `count` nodes.
    pub(crate) fn first(count: u8) -> impl Iterator<Item = Self> {
        (1..=count.min(Self::MAX)).map(Self)
    }

    pub(crate) fn get(self) -> u8 {
        self.0
    }

    /// The node's name in Kubernetes.
    pub(crate) fn node_name(self) -> String {
        format!("node-{}", self.0)
    }
}

/// Every address of one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressPlan {
    base: u32,
}

impl AddressPlan {
    fn at(self, third: u32, fourth: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.base + third * 256 + fourth)
    }

    /// The host on the lab's bridge: API server, etcd's clients, DNS.
    pub(crate) fn host(self) -> Ipv4Addr {
        self.at(0, 1)
    }

    /// A node on the lab's bridge.
    pub(crate) fn node(self, node: NodeIndex) -> Ipv4Addr {
        self.at(0, 10 + u32::from(node.get()))
    }

    /// The prefix length of the bridge's network.
    pub(crate) const BRIDGE_PREFIX: u8 = 24;

    /// Cluster addresses of Services.
    pub(crate) fn services(self) -> Block {
        Block {
            first: self.at(4, 0),
            prefix: 22,
        }
    }

    /// The `kubernetes` Service: by Kubernetes' own rule the first address of the range.
    pub(crate) fn kubernetes_service(self) -> Ipv4Addr {
        self.at(4, 1)
    }

    /// The cluster's DNS Service.
    pub(crate) fn dns_service(self) -> Ipv4Addr {
        self.at(4, 10)
    }

    /// All pods of the lab.
    pub(crate) fn all_pods(self) -> Block {
        Block {
            first: self.at(8, 0),
            prefix: 21,
        }
    }

    /// The pods of one node.
    pub(crate) fn pods(self, node: NodeIndex) -> Block {
        Block {
            first: self.at(7 + u32::from(node.get()), 0),
            prefix: 24,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(block: Block) -> (u32, u32) {
        let first = u32::from(block.first);
        (first, first + (1 << (32 - block.prefix)) - 1)
    }

    fn blocks(slot: Slot) -> Vec<(u32, u32)> {
        let plan = slot.plan();
        let bridge = Block {
            first: Ipv4Addr::from(u32::from(plan.host()) & !255),
            prefix: 24,
        };
        let pods = NodeIndex::first(NodeIndex::MAX).map(|node| plan.pods(node));
        [bridge, plan.services()]
            .into_iter()
            .chain(pods)
            .map(range)
            .collect()
    }

    #[test]
    fn no_two_blocks_of_any_two_labs_overlap() {
        let mut all: Vec<_> = (0..Slot::COUNT).flat_map(|slot| blocks(Slot(slot))).collect();
        all.sort_unstable();
        for pair in all.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{pair:?} overlap");
        }
    }

    #[test]
    fn every_address_stays_inside_the_benchmarking_range() {
        let first = u32::from(Ipv4Addr::new(198, 18, 0, 0));
        let last = u32::from(Ipv4Addr::new(198, 19, 255, 255));
        for (from, to) in (0..Slot::COUNT).flat_map(|slot| blocks(Slot(slot))) {
            assert!(first <= from && to <= last);
        }
    }

    #[test]
    fn a_nodes_pods_are_pods_of_the_lab_and_its_services_are_aligned() {
        for slot in (0..Slot::COUNT).map(Slot) {
            let plan = slot.plan();
            let (first, last) = range(plan.all_pods());
            for node in NodeIndex::first(NodeIndex::MAX) {
                let (from, to) = range(plan.pods(node));
                assert!(first <= from && to <= last);
            }
            assert_eq!(u32::from(plan.services().first) % 1024, 0);
            assert_eq!(u32::from(plan.all_pods().first) % 2048, 0);
            assert_eq!(
                u32::from(plan.kubernetes_service()),
                u32::from(plan.services().first) + 1
            );
        }
    }

    #[test]
    fn link_names_fit_the_kernels_fifteen_characters() {
        for slot in (0..Slot::COUNT).map(Slot) {
            for node in NodeIndex::first(NodeIndex::MAX) {
                assert!(slot.cable(node).len() <= 15);
            }
        }
    }

    #[test]
    fn the_lowest_free_slot_is_taken_and_a_full_range_says_so() {
        assert_eq!(Slot::lowest_free(&[]), Some(Slot(0)));
        assert_eq!(Slot::lowest_free(&[Slot(0), Slot(2)]), Some(Slot(1)));
        let all: Vec<_> = (0..Slot::COUNT).map(Slot).collect();
        assert_eq!(Slot::lowest_free(&all), None);
    }

    #[test]
    fn no_more_nodes_than_a_lab_has_room_for() {
        let names: Vec<_> = NodeIndex::first(3).map(NodeIndex::node_name).collect();
        assert_eq!(names, ["node-1", "node-2", "node-3"]);
        assert_eq!(NodeIndex::first(u8::MAX).count(), usize::from(NodeIndex::MAX));
    }
}
