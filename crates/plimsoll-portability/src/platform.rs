//! What is known of a platform: the survey's facts, and how the controls of a run came out there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use plimsoll_record::{Control, ControlKind, Outcome, PlatformKind};
use plimsoll_report::RecordedRun;
use serde::Deserialize;
use serde_json::Value;

use crate::devices::Offer;

/// A platform to run on.
#[derive(Debug)]
pub struct Platform {
    /// What people call it: the record's folder, the context.
    pub name: String,
    /// `LAB` or `SIMULATED`, where answers say nothing about a product.
    pub mark: Option<&'static str>,
    /// The survey's facts.
    pub facts: Facts,
    /// Controls by requirement; empty where no run is at hand.
    pub(crate) controls: BTreeMap<String, Vec<Control>>,
    /// What the platform itself said to the documents of these numbers; empty where it was not asked.
    pub(crate) admissions: BTreeMap<usize, Result<(), String>>,
    /// Offers that were worked out before.
    pub(crate) offers: Mutex<HashMap<String, Arc<Offer>>>,
}

/// The survey's facts, as far as they matter here. What an older record lacks is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The version, such as `v1.36.3`.
    pub kubernetes: String,
    /// The nodes.
    pub nodes: Vec<NodeFacts>,
    /// Accelerators by node and way to allocate them.
    pub accelerators: Vec<AcceleratorFacts>,
    /// DeviceClasses.
    pub device_classes: Vec<ClassFacts>,
    /// APIs for groups of pods.
    pub gang_apis: Vec<GangFacts>,
    /// Schedulers.
    pub schedulers: Vec<Found>,
    /// Operators.
    pub operators: Vec<Found>,
    /// Gateways and GatewayClasses.
    pub gateways: Vec<Found>,
    /// Autoscalers.
    pub autoscalers: Vec<Found>,
    /// Metrics APIs and monitoring.
    pub metrics: Vec<Found>,
    /// Networks.
    pub networks: Vec<Found>,
    /// StorageClasses.
    pub storage: Vec<Found>,
    /// RuntimeClasses.
    pub runtime_classes: Vec<Found>,
    /// Versions of `resource.k8s.io`.
    pub dra_versions: Vec<String>,
    /// Everything that is served; none in a record of before that was kept.
    pub apis: Option<Vec<ServedFacts>>,
    /// What could not be read.
    pub unreadable: Vec<String>,
}

/// A version of an API group, and its kinds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ServedFacts {
    /// The group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kinds.
    pub kinds: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// Whether it takes new pods.
    pub schedulable: bool,
    /// Its operating system.
    pub os: String,
    /// Its architecture.
    pub arch: String,
    /// The labels that a survey keeps.
    pub labels: BTreeMap<String, String>,
    /// Its taints.
    pub taints: Vec<TaintFacts>,
    /// `cpu`, `memory` and the like.
    pub allocatable: BTreeMap<String, String>,
    /// Extended resources.
    pub accelerators: BTreeMap<String, CountFacts>,
}

/// A taint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TaintFacts {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Option<String>,
    /// What it does.
    pub effect: String,
}

/// So many of something.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CountFacts {
    /// How many pods can have.
    pub allocatable: u64,
}

/// Accelerators of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AcceleratorFacts {
    /// `dra/CLASS` or `device-plugin/RESOURCE`.
    pub path: String,
    /// The vendor's id.
    pub vendor: Option<String>,
    /// The node.
    pub node: String,
    /// The devices, where they can be told apart.
    pub devices: Vec<DeviceFacts>,
    /// How many.
    pub total: u64,
    /// How many are free now.
    pub free: u64,
}

/// A device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeviceFacts {
    /// Its name.
    pub name: String,
    /// Its pool.
    pub pool: String,
    /// Its driver.
    pub driver: String,
    /// Its attributes by full name.
    pub attributes: BTreeMap<String, Value>,
    /// Its capacities by full name.
    pub capacity: BTreeMap<String, Value>,
    /// Whether it can't be allocated.
    pub tainted: bool,
}

/// A DeviceClass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClassFacts {
    /// Its name.
    pub name: String,
    /// The extended resource it stands behind.
    pub extended_resource: Option<String>,
}

/// An API for groups of pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GangFacts {
    /// Whose: `native`, `kueue` …
    pub adapter: String,
    /// The group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
}

/// Something that was found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Found {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// What it was concluded from.
    pub because: String,
}

/// Whether controls show something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// They came out right.
    Right,
    /// One came out wrong, and what was seen.
    Wrong(String),
    /// One could not be decided, and why.
    Undecided(String),
    /// None was run.
    NotRun,
}

/// There is no telling anything of a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// The run ended before it had surveyed anything.
    #[error("the record of `{name}` ends before the platform was surveyed")]
    NotSurveyed {
        /// The platform.
        name: String,
    },
    /// The facts are no inventory.
    #[error("the inventory of `{name}` can't be read: {message}")]
    Inventory {
        /// The platform.
        name: String,
        /// Why not.
        message: String,
    },
}

impl Platform {
    /// From a survey alone: nothing is proven.
    ///
    /// # Errors
    /// When it is no inventory.
    pub fn surveyed(name: &str, kind: PlatformKind, inventory: &Value) -> Result<Self, PlatformError> {
        let facts = Facts::deserialize(inventory).map_err(|error| PlatformError::Inventory {
            name: name.to_owned(),
            message: error.to_string(),
        })?;
        Ok(Self {
            name: name.to_owned(),
            mark: match kind {
                PlatformKind::Cluster => None,
                PlatformKind::Lab => Some("LAB"),
                PlatformKind::Simulated => Some("SIMULATED"),
            },
            facts,
            controls: BTreeMap::new(),
            admissions: BTreeMap::new(),
            offers: Mutex::default(),
        })
    }

    /// From the record of a run.
    ///
    /// # Errors
    /// When the run did not get as far as a survey.
    pub fn recorded(name: &str, run: &RecordedRun) -> Result<Self, PlatformError> {
        let inventory = run.inventory.as_ref().ok_or_else(|| PlatformError::NotSurveyed {
            name: name.to_owned(),
        })?;
        let mut platform = Self::surveyed(name, run.facts.platform.kind, inventory)?;
        for check in &run.checks {
            let controls = check.controls.iter().map(|record| record.control.clone());
            platform.controls.insert(check.id.to_string(), controls.collect());
        }
        Ok(platform)
    }

    /// The minor version of Kubernetes.
    #[must_use]
    pub fn minor(&self) -> Option<u32> {
        let version = self.facts.kubernetes.trim_start_matches('v');
        version.split('.').nth(1)?.parse().ok()
    }

    /// Whether controls of a requirement show that it works, for trials that begin with `trial`.
    #[must_use]
    pub fn proof(&self, requirement: &str, controls: &[&str], trial: &str) -> Proof {
        let Some(recorded) = self.controls.get(requirement) else {
            return Proof::NotRun;
        };
        let of_trial = |control: &&Control| {
            trial.is_empty()
                || control.trial == trial
                || control
                    .trial
                    .strip_prefix(trial)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let named: Vec<&Control> = recorded
            .iter()
            .filter(|control| {
                controls.contains(&control.name.as_str()) && control.kind != ControlKind::Observed
            })
            .filter(of_trial)
            .collect();
        let told = |control: &&Control| format!("{requirement} {}: {}", control.name, control.detail);
        if let Some(wrong) = named.iter().find(|control| control.outcome == Outcome::Wrong) {
            return Proof::Wrong(told(wrong));
        }
        if let Some(open) = named.iter().find(|control| control.outcome == Outcome::Undecided) {
            return Proof::Undecided(told(open));
        }
        if named.is_empty() {
            Proof::NotRun
        } else {
            Proof::Right
        }
    }

    /// Why facts about something may be missing, if they may.
    #[must_use]
    pub fn blind(&self, about: &str) -> Option<&str> {
        self.facts
            .unreadable
            .iter()
            .find(|what| what.starts_with(about))
            .map(String::as_str)
    }

    /// What admission said to a document, if it was asked.
    #[must_use]
    pub fn admission(&self, document: usize) -> Option<&Result<(), String>> {
        self.admissions.get(&document)
    }

    /// The same before it was asked about any document.
    #[must_use]
    pub fn without_admissions(&self) -> Self {
        Self {
            name: self.name.clone(),
            mark: self.mark,
            facts: self.facts.clone(),
            controls: self.controls.clone(),
            admissions: BTreeMap::new(),
            offers: Mutex::default(),
        }
    }

    /// The versions in which a kind is served; none if the record doesn't tell.
    #[must_use]
    pub fn served(&self, group: &str, kind: &str) -> Option<Vec<&str>> {
        let apis = self.facts.apis.as_ref()?;
        Some(
            apis.iter()
                .filter(|api| api.group == group && api.kinds.iter().any(|served| served == kind))
                .map(|api| api.version.as_str())
                .collect(),
        )
    }

    /// Whether something adds nodes when pods need them.
    #[must_use]
    pub fn scales_nodes(&self) -> Option<&str> {
        self.facts
            .autoscalers
            .iter()
            .map(|found| found.name.as_str())
            .find(|name| ["cluster-autoscaler", "karpenter", "cluster-api"].contains(name))
    }

    pub(crate) fn offer(&self, key: String, work_out: impl FnOnce() -> Offer) -> Arc<Offer> {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(offers.entry(key).or_insert_with(|| Arc::new(work_out())))
    }
}

impl NodeFacts {
    /// Whether new pods can run there.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.ready && self.schedulable
    }
}

impl Found {
    /// Whether it is more than an API: some of its pods are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.because
            .split("; ")
            .filter_map(|part| part.split_once(" has ")?.1.split_once(" ready pods"))
            .any(|(ready, _)| ready.parse::<u64>().is_ok_and(|ready| ready > 0))
    }

    /// What stands between two texts of the reason.
    #[must_use]
    pub fn told(&self, before: &str) -> Option<&str> {
        let rest = self.because.split_once(before)?.1;
        Some(rest.split([',', ';', ' ']).next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn platform() -> Platform {
        Platform::surveyed("p", PlatformKind::Cluster, &json!({"kubernetes": "v1.36.3"})).unwrap()
    }

    #[test]
    fn controls_prove_only_what_they_were_run_for() {
        let mut platform = platform();
        let control = |trial: &str, outcome| Control {
            trial: trial.to_owned(),
            name: "G1".to_owned(),
            kind: ControlKind::Positive,
            outcome,
            detail: "seen".to_owned(),
        };
        platform.controls.insert(
            "gang_scheduling".to_owned(),
            vec![
                control("native/v1alpha2", Outcome::Right),
                control("kueue", Outcome::Wrong),
            ],
        );
        assert_eq!(platform.proof("gang_scheduling", &["G1"], "native"), Proof::Right);
        assert!(matches!(
            platform.proof("gang_scheduling", &["G1"], "kueue"),
            Proof::Wrong(_)
        ));
        assert_eq!(platform.proof("gang_scheduling", &["G1"], "kue"), Proof::NotRun);
        assert_eq!(
            platform.proof("gang_scheduling", &["G9"], "native"),
            Proof::NotRun
        );
        assert_eq!(platform.proof("dra_support", &["D3"], ""), Proof::NotRun);
    }

    #[test]
    fn ready_is_what_has_a_ready_pod() {
        let found = |because: &str| Found {
            because: because.to_owned(),
            ..Found::default()
        };
        assert!(found("ray.io/v1 is served; Deployment ray/operator has 1 ready pods").is_ready());
        assert!(!found("Deployment ray/operator has 0 ready pods").is_ready());
        assert!(!found("ray.io/v1 is served; no workload that serves it was recognised").is_ready());
        assert_eq!(
            found("StorageClass of provisioner a.b, the default").told("provisioner "),
            Some("a.b")
        );
    }

    #[test]
    fn what_an_old_record_does_not_tell_is_not_taken_for_absent() {
        assert_eq!(platform().served("ray.io", "RayJob"), None);
        assert_eq!(platform().minor(), Some(36));
    }
}
