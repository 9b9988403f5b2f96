//! Preparing what was allocated, remembered across restarts of the driver.
//!
//! # Guarantees
//! - Preparing a claim again gives the same answer and touches no device: its containers may be running.
//! - A device that is prepared for one claim is not prepared for another until the first is unprepared.

use std::collections::BTreeMap;

use plimsoll_vendors::Dra;

use super::{allocation::Grant, driver::ClaimName, slices::second_name};
use crate::{
    Faults,
    drivers::{Accelerator, CdiRegistry, Edits, handout},
};

/// The claims prepared on a node for one driver.
#[derive(Debug)]
pub(crate) struct Claims {
    kind: String,
    /// What memory is called among capacities.
    memory: String,
    injects_nodes: bool,
    devices: BTreeMap<String, Accelerator>,
    prepared: BTreeMap<String, PreparedClaim>,
    faults: Faults,
}

#[derive(Clone, Debug)]
struct PreparedClaim {
    namespace: String,
    name: String,
    grants: Vec<Grant>,
}

/// A device as the kubelet is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) request: String,
    pub(crate) device: String,
    pub(crate) cdi_ids: Vec<String>,
    pub(crate) share: Option<String>,
}

/// A claim that could not be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("device `{device}` is busy: still prepared for claim `{namespace}/{name}`")]
    Busy {
        device: String,
        namespace: String,
        name: String,
    },
    #[error("device `{device}` does not exist on this node")]
    Vanished { device: String },
}

impl Claims {
    /// A driver that holds nothing as yet.
    pub(crate) fn new(dra: &Dra, devices: &[Accelerator], faults: Faults) -> Self {
        let mut by_name: BTreeMap<String, Accelerator> = devices
            .iter()
            .map(|device| (device.name.clone(), device.clone()))
            .collect();
        if faults.has("dra.double-allocation") {
            by_name.extend(
                devices
                    .iter()
                    .map(|device| (second_name(&device.name), device.clone())),
            );
        }
        Self {
            kind: format!("k8s.{}/claim", dra.driver),
            memory: dra.memory_capacity.clone().unwrap_or_else(|| "memory".to_owned()),
            injects_nodes: dra.injects_device_nodes,
            devices: by_name,
            prepared: BTreeMap::new(),
            faults,
        }
    }

    /// Prepares what `claim` was granted.
    pub(crate) fn prepare(
        &mut self,
        claim: &ClaimName,
        grants: Vec<Grant>,
        registry: &mut CdiRegistry,
    ) -> Result<Vec<Answer>, PrepareError> {
        if let Some(answers) = self.prepared(&claim.uid) {
            return Ok(answers);
        }
        for grant in grants.iter().filter(|grant| !grant.admin) {
            if let Some(holder) = self.holder(grant) {
                return Err(PrepareError::Busy {
                    device: grant.device.clone(),
                    namespace: holder.namespace.clone(),
                    name: holder.name.clone(),
                });
            }
        }
        if let Some(grant) = grants
            .iter()
            .find(|grant| !self.devices.contains_key(&grant.device))
        {
            return Err(PrepareError::Vanished {
                device: grant.device.clone(),
            });
        }
        let mut grants = grants;
        for at in 0..grants.len() {
            grants[at].chosen = self.choose(&grants[at], &grants[..at]);
        }
        let prepared = PreparedClaim {
            namespace: claim.namespace.clone(),
            name: claim.name.clone(),
            grants,
        };
        // A driver that keeps its specifications where they do not last loses them before a container needs them.
        if !self.faults.has("dra.cdi-lost") {
            self.specify(&claim.uid, &prepared.grants, registry);
        }
        let answers = self.answers(&claim.uid, &prepared.grants);
        self.prepared.insert(claim.uid.clone(), prepared);
        Ok(answers)
    }

    /// What an earlier call prepared for a claim.
    pub(crate) fn prepared(&self, uid: &str) -> Option<Vec<Answer>> {
        let prepared = self.prepared.get(uid)?;
        Some(self.answers(uid, &prepared.grants))
    }

    /// Takes back what a claim holds, and says which devices that were; a claim that holds nothing is fine.
    pub(crate) fn unprepare(&mut self, uid: &str, registry: &mut CdiRegistry) -> Vec<Accelerator> {
        if self.faults.has("dra.no-release") {
            return Vec::new();
        }
        registry.remove(&format!("{}={uid}-", self.kind));
        let held = self.prepared.remove(uid);
        held.iter()
            .flat_map(|claim| &claim.grants)
            .filter(|grant| !grant.admin)
            .flat_map(|grant| match grant.chosen.as_slice() {
                [] => std::slice::from_ref(&grant.device),
                shares => shares,
            })
            .filter_map(|name| self.devices.get(name).cloned())
            .collect()
    }

    /// Writes the specifications of all that is prepared anew, as after a reboot.
    pub(crate) fn rebuild(&self, registry: &mut CdiRegistry) {
        registry.remove(&format!("{}=", self.kind));
        for (uid, claim) in &self.prepared {
            self.specify(uid, &claim.grants, registry);
        }
    }

    /// The device behind a name of the pool.
    pub(crate) fn device(&self, name: &str) -> Option<&Accelerator> {
        self.devices.get(name)
    }

    /// Who stands in a grant's way. Shares of one device don't stand in each other's.
    fn holder(&self, wanted: &Grant) -> Option<&PreparedClaim> {
        self.prepared.values().find(|claim| {
            claim.grants.iter().any(|grant| {
                let is_beside = grant.share.is_some() && wanted.share.is_some();
                grant.device == wanted.device && !grant.admin && !is_beside
            })
        })
    }

    /// The shares that a grant is given of its device, the first that are free; none where it has the whole, or none are
    /// made.
    fn choose(&self, grant: &Grant, before: &[Grant]) -> Vec<String> {
        let Some(device) = self.devices.get(&grant.device).filter(|device| device.shares > 0) else {
            return Vec::new();
        };
        let each = (device.memory / u64::from(device.shares)).max(1);
        let takes = grant
            .consumed
            .get(&self.memory)
            .map_or(device.memory, |bytes| *bytes);
        let count = usize::try_from(takes.div_ceil(each)).unwrap_or(usize::MAX);
        if count >= usize::try_from(device.shares).unwrap_or(usize::MAX) {
            return Vec::new();
        }
        let others = self
            .prepared
            .values()
            .flat_map(|claim| &claim.grants)
            .chain(before);
        let taken: Vec<&String> = others.flat_map(|other| &other.chosen).collect();
        let own = self.devices.values().filter(|share| {
            share.shares == 0
                && share.part.is_none()
                && share
                    .parent
                    .as_ref()
                    .is_some_and(|(_, uuid)| *uuid == device.uuid)
        });
        let free = own.map(|share| &share.name).filter(|name| !taken.contains(name));
        free.take(count).cloned().collect()
    }

    fn specify(&self, uid: &str, grants: &[Grant], registry: &mut CdiRegistry) {
        for grant in grants {
            if let Some(device) = self.devices.get(&grant.device) {
                // A driver that only keeps account of shares hands out the device as it is.
                let chosen = grant
                    .chosen
                    .iter()
                    .filter(|_| !self.faults.has("share.whole-inside"));
                let mut given: Vec<&Accelerator> =
                    chosen.filter_map(|share| self.devices.get(share)).collect();
                if given.is_empty() {
                    given.push(device);
                }
                let edits: Option<Vec<Edits>> = given
                    .into_iter()
                    .map(|device| {
                        handout::edits(device, self.devices.values(), self.injects_nodes, &self.faults)
                    })
                    .collect();
                // What nothing is behind can't be specified, and a container that asks for it is not created.
                if let Some(edits) = edits {
                    let together = edits.iter().fold(Edits::default(), |mut all, one| {
                        all.extend(one);
                        all
                    });
                    registry.insert(self.cdi_id(uid, grant), together);
                }
            }
        }
    }

    fn answers(&self, uid: &str, grants: &[Grant]) -> Vec<Answer> {
        let granted = if self.faults.has("dra.first-only") {
            grants.get(..1).unwrap_or_default()
        } else {
            grants
        };
        let answer = |grant: &Grant| Answer {
            request: grant.request.clone(),
            device: grant.device.clone(),
            cdi_ids: if self.faults.has("dra.no-injection") {
                Vec::new()
            } else {
                vec![self.cdi_id(uid, grant)]
            },
            share: grant.share.clone(),
        };
        granted.iter().map(answer).collect()
    }

    /// A claim may have several shares of one device.
    fn cdi_id(&self, uid: &str, grant: &Grant) -> String {
        let share = grant
            .share
            .iter()
            .map(|share| format!("-{share}"))
            .collect::<String>();
        format!("{}={uid}-{}{share}", self.kind, grant.device)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;

    use super::*;
    use crate::drivers::accelerator::fixture::accelerators;

    fn claims(defects: &[&str]) -> (Claims, CdiRegistry) {
        let dra = Vendor::by_id("nvidia").unwrap().dra.as_ref().unwrap();
        let faults = defects.iter().copied().collect();
        (
            Claims::new(dra, &accelerators("nvidia", 2), faults),
            CdiRegistry::default(),
        )
    }

    fn claim(uid: &str) -> ClaimName {
        ClaimName {
            namespace: "ns".to_owned(),
            name: format!("claim-{uid}"),
            uid: uid.to_owned(),
        }
    }

    fn grant(device: &str) -> Grant {
        Grant {
            request: "r".to_owned(),
            device: device.to_owned(),
            admin: false,
            share: None,
            consumed: BTreeMap::new(),
            chosen: Vec::new(),
        }
    }

    #[test]
    fn a_claim_is_prepared_with_the_nodes_of_its_devices_and_again_alike() {
        let (mut claims, mut registry) = claims(&[]);
        let answers = claims
            .prepare(&claim("u"), vec![grant("gpu-1")], &mut registry)
            .unwrap();
        assert_eq!(answers[0].cdi_ids, ["k8s.gpu.nvidia.com/claim=u-gpu-1"]);
        let edits = registry.resolve(&answers[0].cdi_ids).unwrap();
        assert_eq!(edits.nodes.keys().collect::<Vec<_>>(), ["/dev/nvidia1"]);
        assert_eq!(
            claims.prepare(&claim("u"), vec![grant("gpu-1")], &mut registry),
            Ok(answers)
        );
    }

    #[test]
    fn a_held_device_is_refused_until_it_is_given_back() {
        let (mut claims, mut registry) = claims(&[]);
        claims
            .prepare(&claim("u"), vec![grant("gpu-0")], &mut registry)
            .unwrap();
        let refused = claims
            .prepare(&claim("v"), vec![grant("gpu-0")], &mut registry)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "device `gpu-0` is busy: still prepared for claim `ns/claim-u`"
        );
        let admin = Grant {
            admin: true,
            ..grant("gpu-0")
        };
        assert!(claims.prepare(&claim("w"), vec![admin], &mut registry).is_ok());
        assert_eq!(claims.unprepare("u", &mut registry).len(), 1);
        assert!(
            registry
                .resolve(&["k8s.gpu.nvidia.com/claim=u-gpu-0".to_owned()])
                .is_err()
        );
        assert!(
            claims
                .prepare(&claim("v"), vec![grant("gpu-0")], &mut registry)
                .is_ok()
        );
    }

    /// What a claim for that much of a device of four shares is given while another has one.
    fn shared(defects: &[&str], bytes: u64) -> Vec<String> {
        let dra = Vendor::by_id("nvidia").unwrap().dra.as_ref().unwrap();
        let mut group =
            crate::drivers::accelerator::fixture::group("nvidia", 1, crate::platform::Allocation::Dra);
        group.accelerators[0].shares = 4;
        let devices = Accelerator::of_node("n1", &group, &Faults::default());
        let mut claims = Claims::new(dra, &devices, defects.iter().copied().collect());
        let mut registry = CdiRegistry::default();
        let wanted = |share: &str, bytes| Grant {
            share: Some(share.to_owned()),
            consumed: [("memory".to_owned(), bytes)].into(),
            ..grant("gpu-0")
        };
        claims
            .prepare(&claim("u"), vec![wanted("a", 1 << 30)], &mut registry)
            .unwrap();
        let answers = claims
            .prepare(&claim("v"), vec![wanted("b", bytes)], &mut registry)
            .unwrap();
        assert!(
            claims
                .prepare(&claim("w"), vec![grant("gpu-0")], &mut registry)
                .is_err(),
            "who wants it whole stands back"
        );
        let edits = registry.resolve(&answers[0].cdi_ids).unwrap();
        edits.nodes.into_keys().collect()
    }

    #[test]
    fn a_claim_has_as_many_shares_of_a_device_as_it_takes_and_others_have_others() {
        assert_eq!(shared(&[], 20 << 30), ["/dev/nvidia0s1"]);
        assert_eq!(shared(&[], 40 << 30), ["/dev/nvidia0s1", "/dev/nvidia0s2"]);
        assert_eq!(shared(&["share.whole-inside"], 20 << 30), ["/dev/nvidia0"]);
    }

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let (mut claims, mut registry) = claims(&[]);
        let refused = claims.prepare(&claim("u"), vec![grant("gpu-7")], &mut registry);
        assert_eq!(
            refused,
            Err(PrepareError::Vanished {
                device: "gpu-7".to_owned()
            })
        );
    }

    #[test]
    fn a_driver_that_releases_nothing_refuses_the_next_holder() {
        let (mut claims, mut registry) = claims(&["dra.no-release"]);
        claims
            .prepare(&claim("u"), vec![grant("gpu-0")], &mut registry)
            .unwrap();
        claims.unprepare("u", &mut registry);
        let refused = claims.prepare(&claim("v"), vec![grant("gpu-0")], &mut registry);
        assert!(matches!(refused, Err(PrepareError::Busy { .. })));
    }

    #[test]
    fn specifications_that_were_lost_are_there_again_after_a_rebuild() {
        let (mut claims, mut registry) = claims(&["dra.cdi-lost"]);
        let answers = claims
            .prepare(&claim("u"), vec![grant("gpu-0")], &mut registry)
            .unwrap();
        assert!(registry.resolve(&answers[0].cdi_ids).is_err());
        claims.rebuild(&mut registry);
        assert!(registry.resolve(&answers[0].cdi_ids).is_ok());
    }

    #[test]
    fn broken_answers_lack_what_was_granted() {
        let both = || vec![grant("gpu-0"), grant("gpu-1")];
        let (mut first_only, mut registry) = claims(&["dra.first-only"]);
        assert_eq!(
            first_only
                .prepare(&claim("u"), both(), &mut registry)
                .unwrap()
                .len(),
            1
        );
        let (mut nothing, mut registry) = claims(&["dra.no-injection"]);
        let answers = nothing.prepare(&claim("u"), both(), &mut registry).unwrap();
        assert!(answers.iter().all(|answer| answer.cdi_ids.is_empty()));
    }
}
