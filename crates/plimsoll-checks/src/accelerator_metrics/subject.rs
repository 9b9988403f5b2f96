//! Whose devices are looked at: one subject a vendor, with its nodes and what is due on each.

use std::collections::BTreeMap;

use plimsoll_platform::{Accelerator, Inventory, Path, survey};
use plimsoll_vendors::{Metrics, Vendor};

use super::{device, judge::coverage::Due, vocabulary::Named};

/// A vendor's devices on the whole platform.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The vendor's id; what it is known by, if nobody described it.
    pub(super) name: String,
    pub(super) vendor: Option<&'static Vendor>,
    /// How one of its devices is asked for.
    pub(super) path: Path,
    /// The series that the owner names.
    pub(super) named: Named,
    /// By node.
    pub(super) nodes: BTreeMap<String, Share>,
    /// The nodes of each device, by its plain uuid.
    pub(super) homes: BTreeMap<String, Vec<String>>,
}

/// A vendor's devices on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) due: Due,
    /// How many can be had by the subject's path.
    pub(super) free: u32,
}

impl Subject {
    pub(super) fn metrics(&self) -> Option<&'static Metrics> {
        self.vendor?.metrics.as_ref()
    }

    /// Whether a device of that plain uuid is on another node than this one.
    pub(super) fn is_elsewhere(&self, node: &str, uuid: &str) -> bool {
        let homes = self.homes.get(uuid).into_iter().flatten();
        homes.into_iter().any(|home| home != node)
    }

    /// Nodes with a device that can be had.
    pub(super) fn loadable(&self) -> usize {
        self.nodes.values().filter(|share| share.free > 0).count()
    }

    /// All of a platform, by name.
    pub(super) fn all(inventory: &Inventory) -> Vec<Self> {
        let mut by_name: BTreeMap<String, Vec<&Accelerator>> = BTreeMap::new();
        // A device that no one node has has no one exporter either.
        for pool in inventory
            .accelerators
            .iter()
            .filter(|pool| pool.total > 0 && !pool.node.is_empty())
        {
            by_name.entry(name(pool)).or_default().push(pool);
        }
        by_name
            .into_iter()
            .filter_map(|(name, pools)| Self::of(inventory, name, &pools))
            .collect()
    }

    fn of(inventory: &Inventory, name: String, pools: &[&Accelerator]) -> Option<Self> {
        let vendor = pools
            .iter()
            .find_map(|pool| Vendor::by_id(pool.vendor.as_deref()?).ok());
        let path = path(vendor, pools)?;
        let mut nodes: BTreeMap<String, Share> = BTreeMap::new();
        for pool in pools {
            let share = nodes.entry(pool.node.clone()).or_default();
            if pool.path == path {
                share.free = pool.free;
            }
            for known in pool.devices.iter().filter(|known| !known.tainted) {
                if let Some(uuid) = uuid(vendor, known) {
                    share.due.uuids.insert(device::uuid(uuid), uuid.to_owned());
                }
            }
        }
        for (node, share) in &mut nodes {
            share.due.count = count(inventory, node, pools, &share.due);
        }
        let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (node, share) in &nodes {
            for uuid in share.due.uuids.keys() {
                homes.entry(uuid.clone()).or_default().push(node.clone());
            }
        }
        Some(Self {
            homes,
            name,
            vendor,
            path,
            named: Named::default(),
            nodes,
        })
    }
}

/// A vendor's id; of a vendor that nobody described, its driver or the domain of its resource.
fn name(pool: &Accelerator) -> String {
    match (&pool.vendor, &pool.path) {
        (Some(vendor), _) => vendor.clone(),
        (None, Path::Dra { driver, .. }) => driver.clone(),
        (None, Path::DevicePlugin { resource }) => resource.split('/').next().unwrap_or(resource).to_owned(),
    }
}

/// The way by which most devices can be had, whole ones before parts.
fn path(vendor: Option<&Vendor>, pools: &[&Accelerator]) -> Option<Path> {
    let of_parts = |path: &Path| match path {
        Path::Dra { class, .. } => vendor
            .and_then(|vendor| vendor.dra.as_ref())
            .is_some_and(|dra| dra.partition_class.as_ref() == Some(class)),
        Path::DevicePlugin { resource } => {
            vendor.is_some_and(|vendor| vendor.resource() != Some(resource.as_str()))
        }
    };
    let mut paths: BTreeMap<&Path, u32> = BTreeMap::new();
    for pool in pools {
        *paths.entry(&pool.path).or_default() += pool.free;
    }
    paths
        .into_iter()
        .max_by_key(|(path, free)| (*free > 0, !of_parts(path), *free, path.is_dra()))
        .map(|(path, _)| path.clone())
}

fn uuid<'a>(vendor: Option<&Vendor>, known: &'a survey::Device) -> Option<&'a str> {
    let dra = vendor.and_then(|vendor| vendor.dra.as_ref());
    let attribute = dra.map_or("uuid", |dra| dra.identity_attribute());
    known
        .attributes
        .get(&format!("{}/{attribute}", known.driver))?
        .as_str()
}

/// How many devices a node has: those that tell who they are, or as many as can be allocated in one way if there is no
/// other. Where a device is offered several times over, that is no number of devices, but its node's labels have it.
fn count(inventory: &Inventory, node: &str, pools: &[&Accelerator], due: &Due) -> Option<usize> {
    let here: Vec<&&Accelerator> = pools.iter().filter(|pool| pool.node == node).collect();
    let sharing = here.iter().find_map(|pool| match &pool.path {
        Path::DevicePlugin { resource } => inventory.node(node)?.sharing(resource),
        Path::Dra { .. } => None,
    });
    match (here.as_slice(), sharing) {
        ([only], Some(sharing)) => sharing
            .devices
            .filter(|devices| {
                devices.checked_mul(sharing.replicas.unwrap_or(1)) == Some(u64::from(only.total))
            })
            .and_then(|devices| usize::try_from(devices).ok()),
        (_, Some(_)) => None,
        ([only], None) if due.uuids.is_empty() => usize::try_from(only.total).ok(),
        _ if !due.uuids.is_empty() && here.iter().all(|pool| pool.path.is_dra()) => Some(due.uuids.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::dra::Attribute;

    use super::*;

    fn dra(node: &str, class: &str, uuids: &[&str], free: u32) -> Accelerator {
        let device = |uuid: &&str| survey::Device {
            name: (*uuid).to_owned(),
            pool: node.to_owned(),
            driver: "gpu.nvidia.com".to_owned(),
            attributes: std::sync::Arc::new(
                [(
                    "gpu.nvidia.com/uuid".to_owned(),
                    Attribute::String((*uuid).to_owned()),
                )]
                .into(),
            ),
            capacity: std::sync::Arc::default(),
            tainted: false,
            allocated: false,
        };
        Accelerator {
            path: Path::Dra {
                driver: "gpu.nvidia.com".to_owned(),
                class: class.to_owned(),
                api: "v1".to_owned(),
            },
            vendor: Some("nvidia".to_owned()),
            node: node.to_owned(),
            devices: uuids.iter().map(device).collect(),
            total: u32::try_from(uuids.len()).unwrap(),
            free,
            because: String::new(),
        }
    }

    fn plugin(resource: &str, vendor: Option<&str>, total: u32) -> Accelerator {
        Accelerator {
            path: Path::DevicePlugin {
                resource: resource.to_owned(),
            },
            vendor: vendor.map(str::to_owned),
            devices: Vec::new(),
            total,
            ..dra("a", "", &[], total)
        }
    }

    fn subjects(accelerators: Vec<Accelerator>) -> Vec<Subject> {
        Subject::all(&Inventory {
            accelerators,
            ..Inventory::default()
        })
    }

    #[test]
    fn a_vendor_is_one_subject_however_its_devices_are_had() {
        let found = subjects(vec![
            dra("a", "gpu.nvidia.com", &["GPU-1", "GPU-2"], 1),
            dra("a", "mig.nvidia.com", &["MIG-1"], 9),
            dra("b", "gpu.nvidia.com", &["GPU-3"], 1),
            plugin("amd.com/gpu", Some("amd"), 2),
        ]);
        let names: Vec<&str> = found.iter().map(|subject| subject.name.as_str()).collect();
        assert_eq!(names, ["amd", "nvidia"]);
        assert_eq!(found[0].nodes["a"].due.count, Some(2));
        let nvidia = &found[1];
        assert_eq!(
            nvidia.path.to_string(),
            "dra/gpu.nvidia.com",
            "whole devices before parts"
        );
        assert_eq!(nvidia.nodes["a"].due.uuids.len(), 3);
        assert!(nvidia.is_elsewhere("a", "3"));
        assert!(!nvidia.is_elsewhere("b", "3") && !nvidia.is_elsewhere("a", "1"));
    }

    #[test]
    fn a_vendor_that_nobody_described_is_known_by_its_resource() {
        let found = subjects(vec![plugin("acme.com/npu", None, 4)]);
        assert_eq!(found[0].name, "acme.com");
        assert!(found[0].vendor.is_none() && found[0].metrics().is_none());
    }

    #[test]
    fn what_is_offered_several_times_over_is_counted_by_its_nodes_labels_or_not_at_all() {
        let count = |labels: &[(&str, &str)]| {
            let node = survey::Node {
                name: "a".to_owned(),
                labels: labels
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
                ..survey::Node::default()
            };
            let inventory = Inventory {
                accelerators: vec![plugin("nvidia.com/gpu.shared", Some("nvidia"), 8)],
                nodes: vec![node],
                ..Inventory::default()
            };
            Subject::all(&inventory)[0].nodes["a"].due.count
        };
        assert_eq!(count(&[]), None);
        let devices = ("nvidia.com/gpu.count", "2");
        assert_eq!(count(&[devices, ("nvidia.com/gpu.replicas", "4")]), Some(2));
        assert_eq!(
            count(&[devices, ("nvidia.com/gpu.replicas", "3")]),
            None,
            "labels that lie"
        );
    }

    #[test]
    fn nothing_is_nobodys() {
        assert!(subjects(Vec::new()).is_empty());
        assert!(subjects(vec![plugin("acme.com/npu", None, 0)]).is_empty());
    }
}
