//! What a simulated platform is like, as data.

mod latencies;

use serde::Deserialize;

pub use latencies::Latencies;

/// A platform: what the file of one says, defaults filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlatformSpec {
    /// Its name.
    pub name: String,
    /// The minor version of Kubernetes, 33 to 37.
    pub kubernetes: u32,
    /// Kinds of nodes.
    pub nodes: Vec<NodeGroup>,
    /// Kubernetes' own gang scheduling, from 1.35 on.
    #[serde(default)]
    pub gang_scheduling: GangScheduling,
    /// How long things take.
    #[serde(default)]
    pub latencies: Latencies,
}

/// Nodes that are alike. They are called `NAME-1`, `NAME-2`, …
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeGroup {
    /// The first part of their names.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Processors of each, in cores.
    #[serde(default = "NodeGroup::default_cpu")]
    pub cpu: u32,
    /// Memory of each, in GiB.
    #[serde(default = "NodeGroup::default_memory")]
    pub memory_gib: u32,
    /// Further labels.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Taints, as `key=value:Effect` or `key:Effect`.
    #[serde(default)]
    pub taints: Vec<String>,
    /// Accelerators of each.
    #[serde(default)]
    pub accelerators: Vec<Accelerators>,
}

impl NodeGroup {
    fn default_cpu() -> u32 {
        32
    }

    fn default_memory() -> u32 {
        256
    }
}

/// Accelerators of one kind on a node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accelerators {
    /// The vendor's profile.
    pub vendor: String,
    /// How many.
    pub count: u32,
    /// How pods get them.
    pub allocation: Allocation,
}

/// How accelerators are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// Dynamic resource allocation.
    Dra,
    /// A device plugin: an extended resource.
    Plugin,
    /// Dynamic resource allocation behind an extended resource's name.
    ExtendedResource,
}

/// Kubernetes' own gang scheduling: two switches that an operator sets apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GangScheduling {
    /// Whether the API is served and pods keep the field (`GenericWorkload`).
    pub api: bool,
    /// Whether the scheduler enforces it (`GangScheduling`).
    pub enforced: bool,
}

impl Default for GangScheduling {
    fn default() -> Self {
        Self {
            api: true,
            enforced: true,
        }
    }
}
