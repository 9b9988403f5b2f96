//! Which address a node and its pods have.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Where pods find the name service.
pub(crate) const CLUSTER_DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// The first address of all pods' range, `10.64.0.0/10`.
const PODS: u32 = 0x0a40_0000;

/// The first address of all nodes' range, `172.16.0.0/12`.
const NODES: u32 = 0xac10_0000;

/// The address of a node, by its number in the cluster.
pub(crate) fn node_address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(NODES.saturating_add(number).saturating_add(2))
}

/// The range of a node's pods, as the API writes it.
pub(crate) fn pod_range(number: u32) -> String {
    format!("{}/24", Ipv4Addr::from(first(number)))
}

fn first(number: u32) -> u32 {
    PODS.saturating_add(number << 8)
}

/// Addresses of a node's pods: each in its turn, so that one that was given back is not given again soon.
#[derive(Debug)]
pub(crate) struct Addresses {
    number: u32,
    last: u32,
    taken: BTreeSet<Ipv4Addr>,
}

impl Addresses {
    /// Those of a node, by its number in the cluster.
    pub(crate) fn of_node(number: u32) -> Self {
        Self {
            number,
            last: 0,
            taken: BTreeSet::new(),
        }
    }

    /// The next free one; none if all are taken.
    pub(crate) fn take(&mut self) -> Option<Ipv4Addr> {
        for _ in 1..255 {
            self.last = self.last % 254 + 1;
            let address = Ipv4Addr::from(first(self.number) + self.last);
            if self.taken.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Marks one as taken.
    pub(crate) fn hold(&mut self, address: Ipv4Addr) {
        self.taken.insert(address);
    }

    /// Gives one back.
    pub(crate) fn give_back(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_again_only_after_all_others() {
        let mut addresses = Addresses::of_node(300);
        assert_eq!(pod_range(300), "10.65.44.0/24");
        let first = addresses.take().unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 65, 44, 1));
        addresses.give_back(first);
        let others: Vec<_> = (0..253).map(|_| addresses.take().unwrap()).collect();
        assert!(!others.contains(&first));
        assert_eq!(addresses.take(), Some(first));
        assert_eq!(addresses.take(), None);
    }

    #[test]
    fn nodes_have_addresses_of_their_own() {
        assert_eq!(node_address(0), Ipv4Addr::new(172, 16, 0, 2));
        assert_eq!(node_address(5000), Ipv4Addr::new(172, 16, 19, 138));
    }
}
