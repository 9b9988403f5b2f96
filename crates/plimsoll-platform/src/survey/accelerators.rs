//! The accelerators: what DRA drivers and device plugins offer on each node, and how much of it is free.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use plimsoll_vendors::Vendor;

use super::{
    inventory::{Accelerator, Device, Node, Path},
    pools::{DeviceId, Pool, allocated, pools},
};
use crate::dra::{self, Claim, DeviceClass, Slice, Truth};

/// DRA drivers whose devices are no accelerators: network interfaces and processors.
const OTHER_DRIVERS: &[&str] = &["dra.net", "dra.cpu", "sriovnetwork.k8snetworkplumbingwg.io"];

/// Extended resources that are no accelerators, by prefix.
const OTHER_RESOURCES: &[&str] = &[
    "rdma/",
    "openshift.io/",
    "networking.gke.io",
    "vpc.amazonaws.com/",
    "devices.kubevirt.io/",
    "smarter-devices/",
    "github.com/fuse",
    "intel.com/sriov",
    "bridge.network.kubevirt.io/",
];

/// What dynamic resource allocation shows.
pub(super) struct DraFacts {
    pub(super) api: String,
    pub(super) slices: Vec<Slice>,
    pub(super) classes: Vec<DeviceClass>,
    pub(super) claims: Vec<Claim>,
}

/// The accelerators of both ways, by path and node.
pub(super) fn accelerators(nodes: &[Node], dra: Option<&DraFacts>) -> Vec<Accelerator> {
    let mut accelerators: Vec<Accelerator> = dra.into_iter().flat_map(|dra| by_claim(nodes, dra)).collect();
    let classes = dra.map(|dra| dra.classes.as_slice()).unwrap_or_default();
    accelerators.extend(nodes.iter().flat_map(|node| by_resource(node, classes)));
    accelerators.sort_by(|a, b| (&a.path, &a.node).cmp(&(&b.path, &b.node)));
    accelerators
}

fn by_claim(nodes: &[Node], dra: &DraFacts) -> Vec<Accelerator> {
    let pools = pools(&dra.slices);
    let taken = allocated(&dra.claims);
    let mut accelerators = Vec::new();
    for class in &dra.classes {
        let mut by_place: BTreeMap<(&str, &str), Vec<Selection<'_>>> = BTreeMap::new();
        for pool in pools.iter().filter(|pool| is_accelerator(pool.driver)) {
            for (node, selection) in select(class, pool) {
                by_place
                    .entry((pool.driver, node.unwrap_or_default()))
                    .or_default()
                    .push(selection);
            }
        }
        for ((driver, node), selections) in by_place {
            let path = Path::Dra {
                driver: driver.to_owned(),
                class: class.name.clone(),
                api: dra.api.clone(),
            };
            let place = nodes.iter().find(|known| known.name == node);
            accelerators.push(describe(path, driver, node, place, &selections, &taken));
        }
    }
    accelerators
}

/// What a class selects in a pool, for one node.
struct Selection<'a> {
    pool: &'a Pool<'a>,
    devices: Vec<&'a dra::Device>,
    /// Why it can't be told whether the class selects some devices.
    unknown: Option<String>,
}

fn select<'a>(class: &DeviceClass, pool: &'a Pool<'a>) -> BTreeMap<Option<&'a str>, Selection<'a>> {
    let mut selections: BTreeMap<Option<&str>, Selection<'_>> = BTreeMap::new();
    for (node, device) in &pool.devices {
        let unknown = match class.selects(pool.driver, device) {
            Truth::No => continue,
            Truth::Yes => None,
            Truth::Unknown(why) => Some(why),
        };
        let selection = selections.entry(*node).or_insert_with(|| Selection {
            pool,
            devices: Vec::new(),
            unknown: None,
        });
        match unknown {
            Some(_) => selection.unknown = unknown,
            None => selection.devices.push(device),
        }
    }
    selections
}

fn describe(
    path: Path,
    driver: &str,
    node: &str,
    place: Option<&Node>,
    selections: &[Selection<'_>],
    taken: &BTreeSet<DeviceId<'_>>,
) -> Accelerator {
    let vendor = Vendor::by_driver(driver);
    let mut because = Vec::new();
    let mut free = 0;
    let mut devices = Vec::new();
    for selection in selections {
        let pool = selection.pool;
        let found = selection.devices.len();
        because.push(format!(
            "pool `{}` (generation {}) publishes {found} devices of the class",
            pool.name, pool.generation
        ));
        if pool.is_complete() {
            free += pool.free(&selection.devices, taken);
        } else {
            because.push(format!(
                "pool `{}` is incomplete: {} of {} slices are there",
                pool.name, pool.slices.1, pool.slices.0
            ));
        }
        because.extend(selection.unknown.clone());
        devices.extend(selection.devices.iter().map(|device| Device {
            name: device.name.clone(),
            pool: pool.name.to_owned(),
            driver: driver.to_owned(),
            attributes: Arc::clone(&device.attributes),
            capacity: Arc::clone(&device.capacity),
            tainted: device.is_tainted(),
            allocated: taken.contains(&pool.id(device)),
        }));
    }
    // Devices that are on no one node can be reached from somewhere, or so their driver says.
    let unusable = if node.is_empty() {
        None
    } else {
        unusable(place, vendor)
    };
    if let Some(why) = unusable {
        because.push(why);
        free = 0;
    }
    Accelerator {
        vendor: vendor.map(|vendor| vendor.id.clone()),
        node: node.to_owned(),
        total: u32::try_from(devices.len()).unwrap_or(u32::MAX),
        devices,
        free,
        because: because.join("; "),
        path,
    }
}

fn by_resource<'a>(node: &'a Node, classes: &'a [DeviceClass]) -> impl Iterator<Item = Accelerator> + 'a {
    let offered = node.accelerators.iter().filter(|(name, counted)| {
        counted.allocatable > 0 && !OTHER_RESOURCES.iter().any(|other| name.starts_with(other))
    });
    offered.map(|(resource, counted)| {
        let vendor = Vendor::by_resource(resource);
        let mut because = vec![format!(
            "{} allocatable, {} in use by pods",
            counted.allocatable, counted.used
        )];
        let mut free = counted.allocatable.saturating_sub(counted.used);
        if let Some(class) = classes
            .iter()
            .find(|class| class.extended_resource.as_deref() == Some(resource))
        {
            because.push(format!("DeviceClass `{}` claims the same name", class.name));
            free = 0;
        }
        if let Some(why) = unusable(Some(node), vendor) {
            because.push(why);
            free = 0;
        }
        Accelerator {
            path: Path::DevicePlugin {
                resource: resource.clone(),
            },
            vendor: vendor.map(|vendor| vendor.id.clone()),
            node: node.name.clone(),
            devices: Vec::new(),
            total: u32::try_from(counted.allocatable).unwrap_or(u32::MAX),
            free: u32::try_from(free).unwrap_or(u32::MAX),
            because: because.join("; "),
        }
    })
}

/// Why pods that want an accelerator can't go to a node.
fn unusable(node: Option<&Node>, vendor: Option<&Vendor>) -> Option<String> {
    let Some(node) = node else {
        return Some("its node does not exist".to_owned());
    };
    if !node.ready {
        return Some("the node is not Ready".to_owned());
    }
    if !node.schedulable {
        return Some("the node is cordoned".to_owned());
    }
    // Our pods tolerate the accelerators' own taints and no others.
    let own = |key: &str| {
        vendor.is_some_and(|vendor| {
            vendor.taints.iter().any(|taint| taint == key) || vendor.resources.matches(key)
        })
    };
    let taint = node
        .taints
        .iter()
        .find(|taint| taint.effect != "PreferNoSchedule" && !own(&taint.key))?;
    Some(format!("the node has the taint {}:{}", taint.key, taint.effect))
}

/// Whether a driver publishes accelerators: not what vendors publish beside them, nor what is known to be
/// something else. A driver nobody knows may.
fn is_accelerator(driver: &str) -> bool {
    let beside = Vendor::by_driver(driver)
        .and_then(|vendor| vendor.dra.as_ref())
        .is_some_and(|dra| dra.other_drivers.iter().any(|other| other == driver));
    !beside && !OTHER_DRIVERS.contains(&driver)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::survey::inventory::{Counted, NodeTaint};

    fn node(name: &str) -> Node {
        Node {
            name: name.into(),
            ready: true,
            schedulable: true,
            ..Node::default()
        }
    }

    fn facts(selector: &str, slices: &[Value]) -> DraFacts {
        let class = json!({
            "metadata": {"name": "gpu.nvidia.com"},
            "spec": {"selectors": [{"cel": {"expression": selector}}]},
        });
        DraFacts {
            api: "v1".into(),
            slices: slices.iter().map(|slice| Slice::read(slice).unwrap()).collect(),
            classes: vec![DeviceClass::read(&class).unwrap()],
            claims: Vec::new(),
        }
    }

    fn slice(driver: &str, node: &str, devices: &[&str]) -> Value {
        json!({
            "metadata": {"name": format!("{driver}-{node}")},
            "spec": {
                "driver": driver,
                "nodeName": node,
                "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
                "devices": devices.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            },
        })
    }

    const CLASS: &str = "device.driver == 'gpu.nvidia.com'";

    #[test]
    fn each_node_has_what_its_pool_publishes() {
        let slices = [
            slice("gpu.nvidia.com", "a", &["0", "1"]),
            slice("gpu.nvidia.com", "b", &["0"]),
        ];
        let found = accelerators(&[node("a"), node("b")], Some(&facts(CLASS, &slices)));
        let counts: Vec<_> = found
            .iter()
            .map(|found| (found.node.as_str(), found.total, found.free))
            .collect();
        assert_eq!(counts, [("a", 2, 2), ("b", 1, 1)]);
        assert_eq!(found[0].path.to_string(), "dra/gpu.nvidia.com");
        assert_eq!(found[0].vendor.as_deref(), Some("nvidia"));
    }

    #[test]
    fn nothing_is_free_where_pods_can_not_go() {
        let slices = [slice("gpu.nvidia.com", "a", &["0"])];
        let mut nodes = vec![node("a")];
        let mut free = |change: fn(&mut Node), why: &str| {
            nodes[0] = node("a");
            change(&mut nodes[0]);
            let found = accelerators(&nodes, Some(&facts(CLASS, &slices)));
            assert!(found[0].because.contains(why), "{}", found[0].because);
            found[0].free
        };
        assert_eq!(free(|node| node.ready = false, "not Ready"), 0);
        assert_eq!(free(|node| node.schedulable = false, "cordoned"), 0);
        assert_eq!(
            free(
                |node| node.taints.push(NodeTaint {
                    key: "x".into(),
                    value: None,
                    effect: "NoSchedule".into()
                }),
                "taint x"
            ),
            0
        );
        assert_eq!(
            free(
                |node| node.taints.push(NodeTaint {
                    key: "nvidia.com/gpu".into(),
                    value: None,
                    effect: "NoSchedule".into()
                }),
                "publishes"
            ),
            1
        );
        assert_eq!(accelerators(&[], Some(&facts(CLASS, &slices)))[0].free, 0);
    }

    #[test]
    fn a_class_that_can_not_be_evaluated_promises_nothing() {
        let slices = [slice("gpu.nvidia.com", "a", &["0"])];
        let found = accelerators(
            &[node("a")],
            Some(&facts("device.driver.startsWith('gpu')", &slices)),
        );
        assert_eq!((found[0].total, found[0].free), (0, 0));
        assert!(
            found[0].because.contains("can't evaluate"),
            "{}",
            found[0].because
        );
    }

    #[test]
    fn network_interfaces_and_a_vendors_side_lines_are_no_accelerators() {
        let slices = [
            slice("dra.net", "a", &["eth1"]),
            slice("compute-domain.nvidia.com", "a", &["channel-0"]),
        ];
        assert_eq!(accelerators(&[node("a")], Some(&facts("true", &slices))), []);
        let unknown = [slice("npu.acme.com", "a", &["0"])];
        let found = accelerators(&[node("a")], Some(&facts("true", &unknown)));
        assert_eq!((found[0].vendor.as_ref(), found[0].free), (None, 1));
    }

    #[test]
    fn an_extended_resource_is_free_as_far_as_pods_leave_it() {
        let mut with = node("a");
        with.accelerators = [
            (
                "nvidia.com/gpu".into(),
                Counted {
                    capacity: 4,
                    allocatable: 4,
                    used: 1,
                },
            ),
            (
                "rdma/hca".into(),
                Counted {
                    capacity: 9,
                    allocatable: 9,
                    used: 0,
                },
            ),
            (
                "acme.com/npu".into(),
                Counted {
                    capacity: 0,
                    allocatable: 0,
                    used: 0,
                },
            ),
        ]
        .into();
        let found = accelerators(std::slice::from_ref(&with), None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path.to_string(), "device-plugin/nvidia.com/gpu");
        assert_eq!((found[0].total, found[0].free), (4, 3));

        let mut dra = facts(CLASS, &[]);
        dra.classes[0].extended_resource = Some("nvidia.com/gpu".into());
        let found = accelerators(&[with], Some(&dra));
        assert_eq!(found[0].free, 0);
        assert!(found[0].because.contains("claims the same name"));
    }
}
