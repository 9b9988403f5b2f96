//! What a broken runtime remembers: which container was granted which devices, and which were left over.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_probe::protocol::DeviceNumber;

/// A device node, by its path.
pub(crate) type Node = (String, DeviceNumber);

#[derive(Clone, Debug)]
struct Grant {
    pod: String,
    devices: BTreeSet<Node>,
}

/// All that is remembered of a node.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    containers: BTreeMap<String, Grant>,
    left_over: BTreeSet<Node>,
    started: BTreeSet<(String, String)>,
}

impl Ledger {
    /// Remembers what a container was granted.
    pub(crate) fn grant(&mut self, id: &str, pod: &str, devices: BTreeSet<Node>) {
        if !devices.is_empty() {
            let pod = pod.to_owned();
            self.containers.insert(id.to_owned(), Grant { pod, devices });
        }
    }

    /// A container is gone; what it had is left over.
    pub(crate) fn release(&mut self, id: &str) {
        if let Some(grant) = self.containers.remove(id) {
            self.left_over.extend(grant.devices);
        }
    }

    /// What the other containers of a pod were granted.
    pub(crate) fn of_pod(&self, pod: &str) -> BTreeSet<Node> {
        self.containers
            .values()
            .filter(|grant| grant.pod == pod)
            .flat_map(|grant| grant.devices.iter().cloned())
            .collect()
    }

    /// What was left over and nobody holds now.
    pub(crate) fn residue(&self) -> BTreeSet<Node> {
        let held: BTreeSet<&Node> = self
            .containers
            .values()
            .flat_map(|grant| &grant.devices)
            .collect();
        self.left_over
            .iter()
            .filter(|device| !held.contains(device))
            .cloned()
            .collect()
    }

    /// Whether a container of that pod and name was created before; it was from now on.
    pub(crate) fn starts_again(&mut self, pod: &str, name: &str) -> bool {
        !self.started.insert((pod.to_owned(), name.to_owned()))
    }

    /// A pod is gone.
    pub(crate) fn forget(&mut self, pod: &str) {
        self.started.retain(|(of, _)| of != pod);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(minor: u32) -> Node {
        (
            format!("/dev/nvidia{minor}"),
            format!("b:7:{minor}").parse().unwrap(),
        )
    }

    #[test]
    fn a_pods_grants_are_its_own() {
        let mut ledger = Ledger::default();
        ledger.grant("a", "p1", BTreeSet::from([node(0)]));
        ledger.grant("b", "p2", BTreeSet::from([node(1)]));
        assert_eq!(ledger.of_pod("p1"), BTreeSet::from([node(0)]));
        assert!(ledger.of_pod("p3").is_empty());
    }

    #[test]
    fn residue_shows_after_the_holder_is_gone_and_until_the_next() {
        let mut ledger = Ledger::default();
        ledger.grant("a", "p1", BTreeSet::from([node(0)]));
        assert!(ledger.residue().is_empty());
        ledger.release("a");
        assert_eq!(ledger.residue(), BTreeSet::from([node(0)]));
        ledger.grant("b", "p2", BTreeSet::from([node(0)]));
        assert!(ledger.residue().is_empty());
    }

    #[test]
    fn a_container_starts_again_within_its_pods_life() {
        let mut ledger = Ledger::default();
        assert!(!ledger.starts_again("p", "c"));
        assert!(ledger.starts_again("p", "c"));
        ledger.forget("p");
        assert!(!ledger.starts_again("p", "c"));
    }
}
