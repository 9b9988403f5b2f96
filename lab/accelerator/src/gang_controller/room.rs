//! Room on nodes, and trying out who fits into it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Taint;

use super::{
    affinity::{Labels, Wishes, selects},
    demand::{Amounts, Demand},
};

/// One node's room.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeRoom {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) taints: Vec<Taint>,
    /// What is left, in thousandths.
    pub(super) resources: Amounts,
    /// Free devices by DeviceClass.
    pub(super) devices: BTreeMap<String, u32>,
    /// Who is there, as far as keeping apart goes.
    pub(super) guests: Vec<Guest>,
}

/// A pod on a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Guest {
    pub(super) namespace: String,
    pub(super) labels: Labels,
    pub(super) wishes: Wishes,
}

/// Somebody who wants room.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidate {
    pub(super) guest: Guest,
    pub(super) demand: Demand,
}

/// Room on all nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(pub(super) Vec<NodeRoom>);

impl Room {
    /// Places as many candidates as fit, in their order, each on the first node that takes it; says which.
    pub(super) fn place<'a>(&mut self, candidates: impl IntoIterator<Item = &'a Candidate>) -> Vec<bool> {
        candidates
            .into_iter()
            .map(|candidate| self.place_one(candidate))
            .collect()
    }

    fn place_one(&mut self, candidate: &Candidate) -> bool {
        let place = (0..self.0.len()).find(|at| self.takes(*at, candidate));
        if let Some(at) = place {
            self.0[at].take(&candidate.demand);
            self.0[at].guests.push(candidate.guest.clone());
        }
        place.is_some()
    }

    fn takes(&self, at: usize, candidate: &Candidate) -> bool {
        let node = &self.0[at];
        node.has(&candidate.demand)
            && candidate
                .guest
                .wishes
                .accept(&node.name, &node.labels, &node.taints)
            && !self.0.iter().any(|other| {
                other
                    .guests
                    .iter()
                    .any(|guest| clash(node, &candidate.guest, other, guest))
            })
    }
}

/// Whether a guest on `node` and another on `other` want to be kept apart and are not.
fn clash(node: &NodeRoom, guest: &Guest, other: &NodeRoom, other_guest: &Guest) -> bool {
    let same_domain = |key: &str| {
        node.labels
            .get(key)
            .is_some_and(|value| other.labels.get(key) == Some(value))
    };
    let minds = |one: &Guest, another: &Guest| {
        one.namespace == another.namespace
            && one
                .wishes
                .keep_apart
                .iter()
                .any(|apart| selects(&apart.from, &another.labels) && same_domain(&apart.topology_key))
    };
    minds(guest, other_guest) || minds(other_guest, guest)
}

impl NodeRoom {
    fn has(&self, demand: &Demand) -> bool {
        let enough = demand
            .resources
            .iter()
            .filter(|(_, amount)| **amount > 0)
            .all(|(name, amount)| self.resources.get(name).is_some_and(|left| left >= amount));
        let devices = demand.devices.iter();
        enough
            && devices
                .into_iter()
                .all(|(class, count)| self.devices.get(class).is_some_and(|free| free >= count))
    }

    /// Takes what is demanded; somebody who is there already may have taken more than there was.
    pub(super) fn take(&mut self, demand: &Demand) {
        for (name, amount) in &demand.resources {
            if let Some(left) = self.resources.get_mut(name) {
                *left -= amount;
            }
        }
        for (class, count) in &demand.devices {
            if let Some(free) = self.devices.get_mut(class) {
                *free = free.saturating_sub(*count);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    /// Nodes `n1`, `n2`, … with so many devices each and plenty of everything else.
    pub(crate) fn room(devices: &[u32]) -> Room {
        let node = |(at, count): (usize, &u32)| {
            let name = format!("n{}", at + 1);
            NodeRoom {
                labels: Labels::from([("kubernetes.io/hostname".to_owned(), name.clone())]),
                name,
                resources: Amounts::from([("cpu".to_owned(), 4000), ("pods".to_owned(), 110_000)]),
                devices: BTreeMap::from([("gpu".to_owned(), *count)]),
                ..NodeRoom::default()
            }
        };
        Room(devices.iter().enumerate().map(node).collect())
    }

    pub(crate) fn wants_devices(count: u32) -> Candidate {
        let demand = Demand {
            devices: BTreeMap::from([("gpu".to_owned(), count)]),
            ..Demand::default()
        };
        Candidate {
            demand,
            ..Candidate::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{fixture::*, *};

    #[test]
    fn devices_are_counted_per_node_not_in_total() {
        assert_eq!(room(&[1, 1]).place([&wants_devices(2)]), [false]);
        assert_eq!(
            room(&[1, 1]).place(&[wants_devices(1), wants_devices(1), wants_devices(1)]),
            [true, true, false]
        );
    }

    #[test]
    fn what_a_node_does_not_have_at_all_it_does_not_give() {
        let mut candidate = wants_devices(0);
        candidate.demand.resources = Amounts::from([("amd.com/gpu".to_owned(), 1000)]);
        assert_eq!(room(&[1]).place([&candidate]), [false]);
    }

    #[test]
    fn pods_that_keep_apart_take_a_node_each() {
        let spec = json!({"containers": [], "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"gang": "g"}}, "topologyKey": "kubernetes.io/hostname"}
        ]}}});
        let mut candidate = wants_devices(0);
        candidate.guest.wishes = Wishes::of(&serde_json::from_value(spec).unwrap());
        candidate.guest.labels = Labels::from([("gang".to_owned(), "g".to_owned())]);
        let three = [candidate.clone(), candidate.clone(), candidate];
        assert_eq!(room(&[0, 0]).place(&three), [true, true, false]);
    }

    #[test]
    fn no_node_takes_nobody() {
        assert_eq!(Room::default().place([&wants_devices(0)]), [false]);
    }
}
