//! Preparing what was allocated: a CDI specification per claim, remembered in the checkpoint.
//!
//! # Guarantees
//! - Preparing a claim again gives the same answer and touches no device: its containers may be running.
//! - A device that is prepared for one claim is not prepared for another until the first is unprepared.
//! - After a restart every prepared claim's specification is there again, and no other claim's.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    allocation::Grant,
    checkpoint::{Checkpoint, CheckpointError, PreparedClaim, PreparedDevice},
    slices::second_name,
};
use crate::{
    cdi::{self, CdiDevice, CdiError, ContainerEdits, Specification},
    device::Device,
    faults::{Fault, Faults},
    handout,
    log::{chain, log},
};

/// The claims prepared on this node for one driver.
pub(crate) struct Claims {
    driver: String,
    cdi_dir: PathBuf,
    devices: BTreeMap<String, Device>,
    checkpoint: Checkpoint,
    faults: Faults,
    /// Readies a device for its next holder; another one in unit tests, which have no devices.
    clear: fn(&Device) -> io::Result<()>,
}

/// A claim as the kubelet names it.
#[derive(Debug, Clone)]
pub(crate) struct ClaimName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// A device as the kubelet is told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) request: String,
    pub(crate) device: String,
    pub(crate) cdi_ids: Vec<String>,
    pub(crate) share: Option<String>,
}

/// A claim that could not be prepared or unprepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("device `{device}` is busy: still prepared for claim `{namespace}/{name}`")]
    Busy {
        device: String,
        namespace: String,
        name: String,
    },
    #[error("device `{device}` does not exist on this node")]
    Vanished { device: String },
    #[error("device `{device}` could not be made ready")]
    Clear {
        device: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Cdi(#[from] CdiError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl Claims {
    /// Takes up where the checkpoint left off.
    pub(crate) fn restore(
        driver: &str,
        cdi_dir: &Path,
        devices: &[Device],
        checkpoint: Checkpoint,
        faults: Faults,
        clear: fn(&Device) -> io::Result<()>,
    ) -> Result<Self, CdiError> {
        let mut by_name: BTreeMap<String, Device> = devices
            .iter()
            .map(|device| (device.name.clone(), device.clone()))
            .collect();
        if faults.has(Fault::DoubleAllocation) {
            by_name.extend(
                devices
                    .iter()
                    .map(|device| (second_name(&device.name), device.clone())),
            );
        }
        let (driver, cdi_dir) = (driver.to_owned(), cdi_dir.to_owned());
        let claims = Self {
            driver,
            cdi_dir,
            devices: by_name,
            checkpoint,
            faults,
            clear,
        };
        claims.rebuild()?;
        Ok(claims)
    }

    /// Specifications survive neither a cleaned folder nor a reboot, so they are written anew; those of claims
    /// that are no longer prepared would grant what was given back.
    fn rebuild(&self) -> Result<(), CdiError> {
        let prefix = self.file_name("");
        let entries = std::fs::read_dir(&self.cdi_dir).into_iter().flatten().flatten();
        for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
            let uid = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.strip_suffix(".json"));
            if let Some(uid) = uid
                && !self.checkpoint.claims().contains_key(uid)
            {
                cdi::remove(&self.cdi_dir, &self.file_name(uid))?;
            }
        }
        for (uid, claim) in self.checkpoint.claims() {
            self.specify(uid, &claim.devices)?;
        }
        Ok(())
    }

    /// Prepares what `claim` was granted.
    pub(crate) fn prepare(
        &mut self,
        claim: &ClaimName,
        grants: Vec<Grant>,
    ) -> Result<Vec<Answer>, PrepareError> {
        if let Some(answers) = self.prepared(claim) {
            return Ok(answers);
        }
        for grant in grants.iter().filter(|grant| !grant.admin) {
            if let Some(holder) = self.holder(&grant.device) {
                let (namespace, name) = (holder.namespace.clone(), holder.name.clone());
                return Err(PrepareError::Busy {
                    device: grant.device.clone(),
                    namespace,
                    name,
                });
            }
        }
        for grant in &grants {
            let device = self.device(&grant.device)?;
            if !grant.admin {
                (self.clear)(device).map_err(|source| PrepareError::Clear {
                    device: grant.device.clone(),
                    source,
                })?;
            }
        }
        let devices: Vec<PreparedDevice> = grants.into_iter().map(PreparedDevice::from).collect();
        // On disk first: a crash in between leaves a claim that is unprepared later, not one that nobody knows.
        let prepared = PreparedClaim {
            namespace: claim.namespace.clone(),
            name: claim.name.clone(),
            devices,
        };
        self.checkpoint.insert(&claim.uid, prepared.clone())?;
        self.specify(&claim.uid, &prepared.devices)?;
        Ok(self.answers(&claim.uid, &prepared.devices))
    }

    /// What an earlier call prepared for `claim`.
    pub(crate) fn prepared(&self, claim: &ClaimName) -> Option<Vec<Answer>> {
        let prepared = self.checkpoint.claims().get(&claim.uid)?;
        Some(self.answers(&claim.uid, &prepared.devices))
    }

    /// Takes back what a claim holds; a claim that holds nothing is fine.
    pub(crate) fn unprepare(&mut self, uid: &str) -> Result<(), PrepareError> {
        if self.faults.has(Fault::NoRelease) {
            return Ok(());
        }
        cdi::remove(&self.cdi_dir, &self.file_name(uid))?;
        let held = self.checkpoint.claims().get(uid).cloned();
        self.checkpoint.remove(uid)?;
        for device in held
            .iter()
            .flat_map(|claim| &claim.devices)
            .filter(|device| !device.admin)
        {
            // Cleared again before the next holder; here it only frees what the device stored.
            let cleared = self
                .devices
                .get(&device.device)
                .map(|device| (self.clear)(device));
            if let Some(Err(error)) = cleared {
                log!(
                    "{}: device `{}` was not cleared after use: {}",
                    self.driver,
                    device.device,
                    chain(&error)
                );
            }
        }
        Ok(())
    }

    fn holder(&self, device: &str) -> Option<&PreparedClaim> {
        let holds = |claim: &&PreparedClaim| {
            claim
                .devices
                .iter()
                .any(|held| held.device == device && !held.admin)
        };
        self.checkpoint.claims().values().find(holds)
    }

    fn device(&self, name: &str) -> Result<&Device, PrepareError> {
        self.devices.get(name).ok_or_else(|| PrepareError::Vanished {
            device: name.to_owned(),
        })
    }

    fn specify(&self, uid: &str, devices: &[PreparedDevice]) -> Result<(), CdiError> {
        if self.faults.has(Fault::CdiLost) {
            return Ok(());
        }
        let mut specified: Vec<CdiDevice> = Vec::new();
        for name in devices.iter().map(|prepared| &prepared.device) {
            let cdi_name = cdi_name(uid, name);
            if let Some(device) = self.devices.get(name)
                && specified.iter().all(|other| other.name != cdi_name)
            {
                // What nothing is behind can't be specified, and a container that asks for it is not created.
                let Some(device_nodes) = handout::nodes(device, self.devices.values(), &self.faults) else {
                    continue;
                };
                let container_edits = ContainerEdits {
                    device_nodes,
                    mounts: device.mounts.clone(),
                };
                specified.push(CdiDevice {
                    name: cdi_name,
                    container_edits,
                });
            }
        }
        Specification::new(&self.kind(), specified).write(&self.cdi_dir, &self.file_name(uid))
    }

    fn answers(&self, uid: &str, devices: &[PreparedDevice]) -> Vec<Answer> {
        let answer = |prepared: &PreparedDevice| Answer {
            request: prepared.request.clone(),
            device: prepared.device.clone(),
            cdi_ids: if self.faults.has(Fault::NoInjection) {
                Vec::new()
            } else {
                vec![format!("{}={}", self.kind(), cdi_name(uid, &prepared.device))]
            },
            share: prepared.share.clone(),
        };
        let told = if self.faults.has(Fault::FirstOnly) {
            devices.len().min(1)
        } else {
            devices.len()
        };
        devices.iter().take(told).map(answer).collect()
    }

    fn kind(&self) -> String {
        format!("k8s.{}/claim", self.driver)
    }

    fn file_name(&self, uid: &str) -> String {
        format!("k8s.{}-claim-{uid}", self.driver)
    }
}

fn cdi_name(uid: &str, device: &str) -> String {
    format!("{uid}-{device}")
}

impl From<Grant> for PreparedDevice {
    fn from(grant: Grant) -> Self {
        Self {
            request: grant.request,
            device: grant.device,
            admin: grant.admin,
            share: grant.share,
        }
    }
}

/// Claims of a driver of two devices, for unit tests: its devices need not exist.
#[cfg(test)]
pub(crate) fn claims_in(folder: &Path, defects: &[&str]) -> Claims {
    let defects: Vec<String> = defects.iter().map(|id| (*id).to_owned()).collect();
    let checkpoint = Checkpoint::load(&folder.join("checkpoint.json")).unwrap();
    let devices = [0, 1].map(|index| crate::device::fixture::device("nvidia", index));
    let faults = Faults::of(&defects);
    Claims::restore(
        "gpu.nvidia.com",
        &folder.join("cdi"),
        &devices,
        checkpoint,
        faults,
        |_| Ok(()),
    )
    .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node(tempfile::TempDir);

    impl Node {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// The driver as it comes up, now or after a restart.
        fn driver(&self, defects: &[&str]) -> Claims {
            claims_in(self.0.path(), defects)
        }

        fn cdi(&self) -> PathBuf {
            self.0.path().join("cdi")
        }

        fn specifications(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.cdi()).into_iter().flatten();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn name(uid: &str) -> ClaimName {
        ClaimName {
            namespace: "ns".into(),
            name: format!("claim-{uid}"),
            uid: uid.into(),
        }
    }

    fn grant(device: &str) -> Grant {
        Grant {
            request: "r".into(),
            device: device.into(),
            admin: false,
            share: None,
        }
    }

    #[test]
    fn a_claim_is_prepared_with_the_nodes_of_its_devices() {
        let node = Node::new();
        let answers = node
            .driver(&[])
            .prepare(&name("u"), vec![grant("gpu-1")])
            .unwrap();
        assert_eq!(answers[0].cdi_ids, ["k8s.gpu.nvidia.com/claim=u-gpu-1"]);
        assert_eq!(node.specifications(), ["k8s.gpu.nvidia.com-claim-u.json"]);
        let text = std::fs::read_to_string(node.cdi().join("k8s.gpu.nvidia.com-claim-u.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["devices"][0]["name"], "u-gpu-1");
        assert_eq!(
            json["devices"][0]["containerEdits"]["deviceNodes"][0]["path"],
            "/dev/nvidia1"
        );
        assert_eq!(
            json["devices"][0]["containerEdits"]["deviceNodes"][0]["hostPath"],
            "/dev/loop11"
        );
    }

    #[test]
    fn preparing_again_answers_alike_even_after_a_restart() {
        let node = Node::new();
        let mut driver = node.driver(&[]);
        let first = driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap();
        assert_eq!(driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap(), first);
        std::fs::remove_dir_all(node.cdi()).unwrap();
        let mut driver = node.driver(&[]);
        assert_eq!(node.specifications(), ["k8s.gpu.nvidia.com-claim-u.json"]);
        assert_eq!(driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap(), first);
    }

    #[test]
    fn a_held_device_is_refused_until_it_is_given_back() {
        let node = Node::new();
        let mut driver = node.driver(&[]);
        driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap();
        let error = driver.prepare(&name("v"), vec![grant("gpu-0")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "device `gpu-0` is busy: still prepared for claim `ns/claim-u`"
        );
        driver.unprepare("u").unwrap();
        driver.unprepare("u").unwrap();
        driver.prepare(&name("v"), vec![grant("gpu-0")]).unwrap();
        assert_eq!(node.specifications(), ["k8s.gpu.nvidia.com-claim-v.json"]);
    }

    #[test]
    fn an_administrator_comes_in_beside_the_holder_and_clears_nothing() {
        let node = Node::new();
        let mut driver = node.driver(&[]);
        driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap();
        driver.clear = |_| Err(io::Error::other("cleared"));
        driver
            .prepare(
                &name("v"),
                vec![Grant {
                    admin: true,
                    ..grant("gpu-0")
                }],
            )
            .unwrap();
        driver.unprepare("v").unwrap();
        assert!(
            driver.prepare(&name("w"), vec![grant("gpu-0")]).is_err(),
            "the holder still has it"
        );
    }

    #[test]
    fn a_device_that_is_not_there_or_not_clean_is_not_handed_out() {
        let node = Node::new();
        let mut driver = node.driver(&[]);
        let error = driver.prepare(&name("u"), vec![grant("gpu-7")]).unwrap_err();
        assert!(matches!(error, PrepareError::Vanished { .. }));
        driver.clear = |_| Err(io::Error::other("read-only"));
        assert!(matches!(
            driver.prepare(&name("u"), vec![grant("gpu-0")]),
            Err(PrepareError::Clear { .. })
        ));
        assert!(node.specifications().is_empty());
        assert!(driver.prepared(&name("u")).is_none());
    }

    #[test]
    fn specifications_of_claims_that_nobody_prepared_are_removed() {
        let node = Node::new();
        Specification::new("k8s.gpu.nvidia.com/claim", vec![])
            .write(&node.cdi(), "k8s.gpu.nvidia.com-claim-x")
            .unwrap();
        Specification::new("k8s.gpu.amd.com/claim", vec![])
            .write(&node.cdi(), "k8s.gpu.amd.com-claim-x")
            .unwrap();
        node.driver(&[]);
        assert_eq!(node.specifications(), ["k8s.gpu.amd.com-claim-x.json"]);
    }

    #[test]
    fn without_injection_a_claim_is_prepared_with_nothing() {
        let answers = Node::new()
            .driver(&["dra.no-injection"])
            .prepare(&name("u"), vec![grant("gpu-0")])
            .unwrap();
        assert_eq!((answers.len(), answers[0].cdi_ids.len()), (1, 0));
    }

    #[test]
    fn without_release_a_device_works_once() {
        let node = Node::new();
        let mut driver = node.driver(&["dra.no-release"]);
        driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap();
        driver.unprepare("u").unwrap();
        assert!(matches!(
            driver.prepare(&name("v"), vec![grant("gpu-0")]),
            Err(PrepareError::Busy { .. })
        ));
        driver.prepare(&name("v"), vec![grant("gpu-1")]).unwrap();
    }

    #[test]
    fn doubly_allocated_hardware_is_handed_to_both() {
        let node = Node::new();
        let mut driver = node.driver(&["dra.double-allocation"]);
        driver.prepare(&name("u"), vec![grant("gpu-0")]).unwrap();
        driver.prepare(&name("v"), vec![grant("gpu-0-b")]).unwrap();
        assert!(driver.prepare(&name("w"), vec![grant("gpu-0")]).is_err());
    }
}
