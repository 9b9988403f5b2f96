//! What a simulated platform is like, as data.
//!
//! [`PlatformSpec`] is what a platform file says, defaults filled in; `file` reads one and tells all that is wrong with it,
//! `preset` has those that come along, `software` knows what can be installed, and `scale` makes a platform bigger.

mod fault;
mod file;
mod latencies;
mod preset;
mod scale;
mod software;

use std::collections::BTreeMap;

use plimsoll_vendors::Division;
use serde_json::Value;

pub use fault::{FaultKind, FaultyPlatform, PlatformFault};
pub use latencies::Latencies;
pub use preset::{DEFAULT, Preset, UnknownPreset, default};
pub use scale::{Size, TooSmall};
pub use software::{Section, Software};

/// The minor versions of Kubernetes that can be simulated.
pub const VERSIONS: std::ops::RangeInclusive<u32> = 33..=37;

/// A platform: what the file of one says, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformSpec {
    /// Its name.
    pub name: String,
    /// What is particular about it, in a sentence.
    pub description: String,
    /// The minor version of Kubernetes, 33 to 37.
    pub kubernetes: u32,
    /// Kinds of nodes.
    pub nodes: Vec<NodeGroup>,
    /// Kubernetes' own gang scheduling; off before 1.35.
    pub gang_scheduling: GangScheduling,
    /// How long things take.
    pub latencies: Latencies,
    /// The Pod Security level of namespaces that name none.
    pub pod_security: PodSecurity,
    /// What is installed beside Kubernetes itself.
    pub installed: Vec<&'static Software>,
    /// A quota that each new namespace gets: resource names and quantities. None if empty.
    pub namespace_quota: BTreeMap<String, String>,
    /// How many pods of other people run besides those that hold accelerators.
    pub background_pods: u32,
    /// Images that nodes can pull beside the probe's and those of what is installed; their containers do nothing.
    pub images: Vec<String>,
    /// Further objects, as the API takes them: quotas, policies, classes.
    pub objects: Vec<Value>,
}

impl PlatformSpec {
    /// Names of all nodes and the group of each.
    pub fn node_names(&self) -> impl Iterator<Item = (String, &NodeGroup)> {
        self.nodes
            .iter()
            .flat_map(|group| group.node_names().map(move |name| (name, group)))
    }

    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> u32 {
        self.nodes.iter().map(|group| group.count).sum()
    }
}

/// Nodes that are alike. They are called `NAME-1`, `NAME-2`, …
#[derive(Clone, Debug, PartialEq)]
pub struct NodeGroup {
    /// The first part of their names.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Processors of each, in cores.
    pub cpu: u32,
    /// Memory of each, in GiB.
    pub memory_gib: u32,
    /// How many pods each takes.
    pub max_pods: u32,
    /// How many NUMA nodes each has; processors are spread evenly over them.
    pub numa_nodes: u32,
    /// Whether kubelets keep processors and devices of a pod on one NUMA node (topology manager `single-numa-node`, CPU
    /// manager `static`).
    pub single_numa: bool,
    /// Their kubelets' minor version; the control plane's if none.
    pub kubelet: Option<u32>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
    /// Taints, as `key=value:Effect` or `key:Effect`.
    pub taints: Vec<String>,
    /// Whether new pods are kept off them.
    pub cordoned: bool,
    /// Accelerators of each.
    pub accelerators: Vec<Accelerators>,
}

impl NodeGroup {
    /// Nodes of that name, 32 cores and 256 GiB each, without accelerators.
    #[must_use]
    pub fn new(name: impl Into<String>, count: u32) -> Self {
        Self {
            name: name.into(),
            count,
            cpu: 32,
            memory_gib: 256,
            max_pods: 110,
            numa_nodes: 1,
            single_numa: false,
            kubelet: None,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            cordoned: false,
            accelerators: Vec::new(),
        }
    }

    /// Their names.
    pub fn node_names(&self) -> impl Iterator<Item = String> {
        (1..=self.count).map(|number| format!("{}-{number}", self.name))
    }
}

/// Accelerators of one kind on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accelerators {
    /// The vendor's profile.
    pub vendor: String,
    /// How many.
    pub count: u32,
    /// How pods get them.
    pub allocation: Allocation,
    /// How many of them pods of other people hold.
    pub busy: u32,
    /// How each is divided, if it is.
    pub division: Division,
    /// Whether the vendor's exporter of metrics runs on their nodes.
    pub exporter: bool,
    /// How a device plugin shares each of them among pods; not at all if none.
    pub sharing: Option<Sharing>,
    /// Into how many shares of its memory a driver divides each among claims; not at all if none.
    pub shares: u32,
}

/// Time-slicing of a device plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// How many pods can have each device at a time.
    pub replicas: u32,
    /// Whether shares go by a resource name of their own, `….shared`.
    pub renamed: bool,
}

/// How accelerators are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Dynamic resource allocation.
    Dra,
    /// A device plugin: an extended resource.
    Plugin,
    /// Dynamic resource allocation behind an extended resource's name.
    ExtendedResource,
}

impl Allocation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dra, Self::Plugin, Self::ExtendedResource];

    /// Its name in a platform file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dra => "dra",
            Self::Plugin => "plugin",
            Self::ExtendedResource => "extended-resource",
        }
    }
}

/// A Pod Security level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodSecurity {
    /// Anything goes.
    #[default]
    Privileged,
    /// No known privilege escalation.
    Baseline,
    /// Hardened.
    Restricted,
}

impl PodSecurity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Privileged, Self::Baseline, Self::Restricted];

    /// Its name, also in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// Kubernetes' own gang scheduling: switches that an operator sets apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GangScheduling {
    /// Whether the API is served and pods keep the field (`GenericWorkload`).
    pub api: bool,
    /// Whether the scheduler enforces it (`GangScheduling`).
    pub enforced: bool,
    /// Whether groups can say in which domain they want to be (`TopologyAwareWorkloadScheduling`).
    pub topology: bool,
}

impl GangScheduling {
    /// The oldest minor version that has it.
    pub const SINCE: u32 = 35;

    /// The oldest minor version in which groups can want to be in one domain.
    pub const TOPOLOGY_SINCE: u32 = 36;

    /// On where that version has it.
    #[must_use]
    pub fn of(kubernetes: u32) -> Self {
        let there = kubernetes >= Self::SINCE;
        Self {
            api: there,
            enforced: there,
            topology: kubernetes >= Self::TOPOLOGY_SINCE,
        }
    }
}

impl Default for GangScheduling {
    fn default() -> Self {
        Self {
            api: true,
            enforced: true,
            topology: true,
        }
    }
}
