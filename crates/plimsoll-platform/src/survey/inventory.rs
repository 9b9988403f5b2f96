//! The facts of a platform. Its serialised form is the contract of `plimsoll survey --format json`.

use std::{collections::BTreeMap, fmt, sync::Arc};

use plimsoll_vendors::Vendor;
use serde::{Deserialize, Serialize, Serializer};

use crate::dra::{Attribute, DeviceClass};

/// What a platform has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Inventory {
    /// The API server's version, such as `v1.36.3`.
    pub kubernetes: String,
    /// The nodes, by name.
    pub nodes: Vec<Node>,
    /// The accelerators, one entry for each way to allocate on each node.
    pub accelerators: Vec<Accelerator>,
    /// The DeviceClasses, by name.
    pub device_classes: Vec<DeviceClass>,
    /// Schedulers besides and including the default one.
    pub schedulers: Vec<Finding>,
    /// APIs by which pods can be scheduled as a group.
    pub gang_apis: Vec<GangApi>,
    /// Operators that manage AI workloads or accelerators.
    pub operators: Vec<Finding>,
    /// Implementations of the Gateway API and its inference extension.
    pub gateways: Vec<Finding>,
    /// Autoscalers of nodes and pods.
    pub autoscalers: Vec<Finding>,
    /// Metrics APIs, monitoring systems and exporters.
    pub metrics: Vec<Finding>,
    /// Networks: the cluster network, secondary networks, RDMA.
    pub networks: Vec<Finding>,
    /// StorageClasses.
    pub storage: Vec<Finding>,
    /// RuntimeClasses.
    pub runtime_classes: Vec<Finding>,
    /// The versions of `resource.k8s.io` that are served.
    pub dra_versions: Vec<String>,
    /// Everything that is served, by group and in the server's order of versions.
    pub apis: Vec<ServedApi>,
    /// What could not be read, and why: facts about it may be missing above.
    pub unreadable: Vec<String>,
}

impl Inventory {
    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The ways accelerators can be allocated, without the nodes.
    #[must_use]
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = self
            .accelerators
            .iter()
            .map(|accelerator| &accelerator.path)
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// The accelerators that can be allocated by a path, one entry a node.
    pub fn by_path<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Accelerator> {
        self.accelerators
            .iter()
            .filter(move |accelerator| accelerator.path == *path)
    }
}

/// A version of an API group, and what is served in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServedApi {
    /// The group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kinds.
    pub kinds: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// Whether new pods may be scheduled to it.
    pub schedulable: bool,
    /// Its operating system, such as `linux`.
    pub os: String,
    /// Its architecture, such as `amd64`.
    pub arch: String,
    /// Labels about topology, instance type, accelerators and autoscaling.
    pub labels: BTreeMap<String, String>,
    /// Its taints.
    pub taints: Vec<NodeTaint>,
    /// What pods can have of `cpu`, `memory`, `ephemeral-storage` and `pods`, as quantities.
    pub allocatable: BTreeMap<String, String>,
    /// Extended resources by name.
    pub accelerators: BTreeMap<String, Counted>,
    /// The kubelet's version.
    pub kubelet: String,
    /// The container runtime and its version.
    pub runtime: String,
    /// The kernel's version.
    pub kernel: String,
}

impl Node {
    /// Whether new pods can run there.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.ready && self.schedulable
    }

    /// How the devices behind an extended resource are shared by software, as its name and the node's labels say.
    #[must_use]
    pub fn sharing(&self, resource: &str) -> Option<Sharing> {
        let (base, is_renamed) = match resource.strip_suffix(".shared") {
            Some(base) => (base, true),
            None => (resource, false),
        };
        let label = |name: &str| self.labels.get(&format!("{base}.{name}")).map(String::as_str);
        let replicas = label("replicas").and_then(|text| text.parse().ok());
        let replicas = replicas.filter(|replicas: &u64| *replicas > 1);
        let strategy = label("sharing-strategy").filter(|strategy| !matches!(*strategy, "none" | ""));
        // With a name of its own for shares, the plain one is that of whole devices.
        let renames = format!("{base}.shared");
        let is_shared = is_renamed
            || (!self.accelerators.contains_key(&renames) && (replicas.is_some() || strategy.is_some()));
        is_shared.then(|| Sharing {
            base: base.to_owned(),
            strategy: strategy.unwrap_or("time-slicing").to_owned(),
            replicas,
            devices: label("count").and_then(|text| text.parse().ok()),
        })
    }
}

/// How the devices behind an extended resource are shared by software.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// The resource that whole devices have.
    pub base: String,
    /// What the node calls it, such as `time-slicing` or `mps`.
    pub strategy: String,
    /// Into how many shares each device is said to be divided.
    pub replicas: Option<u64>,
    /// How many devices the node is said to have.
    pub devices: Option<u64>,
}

/// A taint of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTaint {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// So many of something there are, and so many are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// How many there are, those that are out of order included.
    pub capacity: u64,
    /// How many pods can have.
    pub allocatable: u64,
    /// How many pods have.
    pub used: u64,
}

/// The accelerators on one node that can be allocated in one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accelerator {
    /// The way.
    pub path: Path,
    /// Whose they are: a vendor profile's id; none for a vendor nobody wrote one for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The node; empty for devices that several nodes can reach.
    pub node: String,
    /// Each device, where the API tells them apart.
    pub devices: Vec<Device>,
    /// How many there are.
    pub total: u32,
    /// How many can be allocated now. 0 where they can't be used, whoever has them.
    pub free: u32,
    /// What it was concluded from, and why what is not usable is not.
    pub because: String,
}

/// A device that the API tells from others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Device {
    /// Its name within the pool.
    pub name: String,
    /// Its pool.
    pub pool: String,
    /// Its driver.
    pub driver: String,
    /// Its attributes by full name. Shared, as a big cluster has tens of thousands of devices.
    pub attributes: Arc<BTreeMap<String, Attribute>>,
    /// Its capacities by full name, as quantities.
    pub capacity: Arc<BTreeMap<String, String>>,
    /// Whether a taint keeps it from being allocated.
    pub tainted: bool,
    /// Whether a claim has it.
    pub allocated: bool,
}

/// A way to allocate accelerators.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Dynamic resource allocation.
    Dra {
        /// The driver.
        driver: String,
        /// The DeviceClass.
        class: String,
        /// The version of `resource.k8s.io` to use, such as `v1`.
        api: String,
    },
    /// An extended resource of a device plugin.
    DevicePlugin {
        /// Its name.
        resource: String,
    },
}

impl Path {
    /// Whether it is dynamic resource allocation.
    #[must_use]
    pub fn is_dra(&self) -> bool {
        matches!(self, Self::Dra { .. })
    }

    /// Whose accelerators are allocated like that; none for a vendor nobody described.
    #[must_use]
    pub fn vendor(&self) -> Option<&'static Vendor> {
        match self {
            Self::Dra { driver, .. } => Vendor::by_driver(driver),
            Self::DevicePlugin { resource } => Vendor::by_resource(resource),
        }
    }

    /// Whether only parts of devices are allocated like that: hardware partitions, or virtual functions.
    #[must_use]
    pub fn is_of_parts(&self) -> bool {
        self.vendor().is_some_and(|vendor| match self {
            Self::Dra { class, .. } => vendor.is_class_of_parts(class),
            Self::DevicePlugin { resource } => {
                vendor.profile_of_resource(resource).is_some() || vendor.is_virtual_resource(resource)
            }
        })
    }
}

/// `dra/gpu.nvidia.com` by class, `device-plugin/amd.com/gpu` by resource.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dra { class, .. } => write!(f, "dra/{class}"),
            Self::DevicePlugin { resource } => write!(f, "device-plugin/{resource}"),
        }
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something the platform has, and how that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What it is called.
    pub name: String,
    /// Its version, where that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it was concluded from.
    pub because: String,
}

/// An API by which pods can be scheduled as a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GangApi {
    /// The adapter's name, such as `native` or `kueue`.
    pub adapter: String,
    /// The API group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind that stands for a group of pods.
    pub kind: String,
    /// What it was concluded from.
    pub because: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(labels: &[(&str, &str)], resources: &[&str]) -> Node {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Node {
            labels: labels.iter().map(pair).collect(),
            accelerators: resources
                .iter()
                .map(|resource| ((*resource).to_owned(), Counted::default()))
                .collect(),
            ..Node::default()
        }
    }

    #[test]
    fn a_resource_is_shared_by_its_name_or_by_what_the_node_says() {
        let gpu = "nvidia.com/gpu";
        assert_eq!(node(&[], &[gpu]).sharing(gpu), None);
        assert_eq!(
            node(&[("nvidia.com/gpu.replicas", "1")], &[gpu]).sharing(gpu),
            None
        );
        let sliced = [("nvidia.com/gpu.replicas", "4"), ("nvidia.com/gpu.count", "2")];
        let sharing = node(&sliced, &[gpu]).sharing(gpu).unwrap();
        assert_eq!((sharing.replicas, sharing.devices), (Some(4), Some(2)));
        let renamed = node(&sliced, &[gpu, "nvidia.com/gpu.shared"]);
        assert_eq!(renamed.sharing(gpu), None);
        assert_eq!(renamed.sharing("nvidia.com/gpu.shared").unwrap().base, gpu);
        let mps = [("nvidia.com/gpu.sharing-strategy", "mps")];
        assert_eq!(node(&mps, &[gpu]).sharing(gpu).unwrap().strategy, "mps");
        assert_eq!(
            node(&[("nvidia.com/gpu.sharing-strategy", "none")], &[gpu]).sharing(gpu),
            None
        );
    }
}
