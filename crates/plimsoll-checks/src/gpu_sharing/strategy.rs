//! How accelerators can be shared on a platform, as far as it says so.

use std::collections::BTreeMap;

use plimsoll_platform::{Inventory, Path, dra::Attribute, survey};
use plimsoll_vendors::Vendor;

/// A way to share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// A device plugin offers shares of devices on these nodes.
    Software { resource: String, nodes: Vec<String> },
    /// A DRA driver publishes parts of devices.
    Parts { path: Path },
    /// A device plugin offers parts of devices.
    PluginParts { resource: String },
    /// Several pods can refer to one claim.
    Claim { path: Path },
}

/// Why there is no way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The hardware could, and nobody set it up.
    Lacking(String),
    /// It can't be told.
    Unknown(String),
}

/// The strategies of the first kind that is found.
pub(super) fn strategies(inventory: &Inventory) -> Vec<Strategy> {
    let software = software(inventory);
    if !software.is_empty() {
        return software;
    }
    let offered = |path: &&Path| inventory.by_path(path).any(|pool| pool.total > 0);
    let by_claim = inventory
        .paths()
        .into_iter()
        .filter(|path| path.is_dra())
        .filter(offered);
    let (parts, whole): (Vec<&Path>, Vec<&Path>) = by_claim.partition(|path| {
        inventory
            .by_path(path)
            .flat_map(|pool| &pool.devices)
            .all(|device| parent(device).is_some())
    });
    if !parts.is_empty() {
        let parts = parts.into_iter().cloned();
        return parts.map(|path| Strategy::Parts { path }).collect();
    }
    let by_resource = inventory
        .paths()
        .into_iter()
        .filter(offered)
        .filter_map(|path| match path {
            Path::DevicePlugin { resource } if is_of_parts(resource) => Some(resource.clone()),
            Path::DevicePlugin { .. } | Path::Dra { .. } => None,
        });
    let by_resource: Vec<Strategy> = by_resource
        .map(|resource| Strategy::PluginParts { resource })
        .collect();
    // One name is enough: parts of different profiles are of the same devices.
    if let Some(first) = by_resource.into_iter().next() {
        return vec![first];
    }
    // One class of each driver: they select the same devices.
    let mut by_driver: BTreeMap<&str, &Path> = BTreeMap::new();
    for path in whole {
        if let Path::Dra { driver, class, .. } = path
            && !Vendor::by_driver(driver).is_some_and(|vendor| vendor.is_class_of_parts(class))
        {
            by_driver.entry(driver).or_insert(path);
        }
    }
    by_driver
        .into_values()
        .map(|path| Strategy::Claim { path: path.clone() })
        .collect()
}

fn software(inventory: &Inventory) -> Vec<Strategy> {
    let mut by_resource: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for pool in &inventory.accelerators {
        let Path::DevicePlugin { resource } = &pool.path else {
            continue;
        };
        let is_shared = inventory
            .node(&pool.node)
            .is_some_and(|node| node.sharing(resource).is_some());
        if is_shared {
            by_resource.entry(resource).or_default().push(pool.node.clone());
        }
    }
    by_resource
        .into_iter()
        .map(|(resource, nodes)| Strategy::Software {
            resource: resource.to_owned(),
            nodes,
        })
        .collect()
}

fn is_of_parts(resource: &str) -> bool {
    Vendor::by_resource(resource).is_some_and(|vendor| {
        vendor.profile_of_resource(resource).is_some() || vendor.is_virtual_resource(resource)
    })
}

/// What a device is a part of, where it says so.
pub(super) fn parent(device: &survey::Device) -> Option<(&str, &str)> {
    let names = [
        format!("{}/parentUUID", device.driver),
        format!("{}/parent", device.driver),
    ];
    device.attributes.iter().find_map(|(name, value)| match value {
        Attribute::String(value) if names.contains(name) => Some((name.as_str(), value.as_str())),
        Attribute::String(_)
        | Attribute::Int(_)
        | Attribute::Bool(_)
        | Attribute::Version(_)
        | Attribute::List(_) => None,
    })
}

/// What to say where there is no strategy.
pub(super) fn absence(inventory: &Inventory) -> Absence {
    let vendors: Vec<&Vendor> = Vendor::all()
        .iter()
        .filter(|vendor| {
            inventory
                .accelerators
                .iter()
                .any(|pool| pool.total > 0 && pool.vendor.as_deref() == Some(&vendor.id))
        })
        .collect();
    if !inventory.accelerators.iter().any(|pool| pool.total > 0) {
        return Absence::Unknown(
            "there is no accelerator to share; shares of one, or a ResourceClaim for one, would be tried"
                .to_owned(),
        );
    }
    let able = vendors.iter().find(|vendor| !vendor.sharing.is_empty());
    match able {
        Some(vendor) if inventory.unreadable.is_empty() => Absence::Lacking(format!(
            "no accelerator can be shared: no node offers shares or parts of one, and none is handed out by claims; every \
             {} can be shared by {}",
            vendor.name,
            vendor.sharing.join(" or ")
        )),
        Some(_) => Absence::Unknown(format!(
            "no way to share an accelerator was found, but not everything could be read: {}",
            inventory.unreadable.join("; ")
        )),
        None => {
            let names: Vec<&str> = vendors.iter().map(|vendor| vendor.name.as_str()).collect();
            let names = if names.is_empty() {
                "a vendor that is not known".to_owned()
            } else {
                names.join(" and ")
            };
            Absence::Unknown(format!(
                "no node offers shares or parts of an accelerator, and whether the hardware of {names} could be shared \
                 statically can't be seen from outside"
            ))
        }
    }
}

#[cfg(test)]
mod tests {

    use plimsoll_platform::survey::{Accelerator, Counted, Device, Node};

    use super::*;

    fn plugin(resource: &str, vendor: Option<&str>) -> Accelerator {
        Accelerator {
            path: Path::DevicePlugin {
                resource: resource.to_owned(),
            },
            vendor: vendor.map(str::to_owned),
            node: "n1".to_owned(),
            devices: Vec::new(),
            total: 4,
            free: 4,
            because: String::new(),
        }
    }

    fn claims(class: &str, parents: &[Option<&str>]) -> Accelerator {
        let device = |(index, parent): (usize, &Option<&str>)| {
            let parent = parent.map(|parent| {
                (
                    "gpu.nvidia.com/parentUUID".to_owned(),
                    Attribute::String(parent.to_owned()),
                )
            });
            Device {
                name: format!("d{index}"),
                pool: "p".to_owned(),
                driver: "gpu.nvidia.com".to_owned(),
                attributes: std::sync::Arc::new(parent.into_iter().collect()),
                capacity: std::sync::Arc::default(),
                tainted: false,
                allocated: false,
            }
        };
        Accelerator {
            path: Path::Dra {
                driver: "gpu.nvidia.com".to_owned(),
                class: class.to_owned(),
                api: "v1".to_owned(),
            },
            devices: parents.iter().enumerate().map(device).collect(),
            ..plugin("", Some("nvidia"))
        }
    }

    fn inventory(accelerators: Vec<Accelerator>, labels: &[(&str, &str)]) -> Inventory {
        let resources = accelerators.iter().filter_map(|pool| match &pool.path {
            Path::DevicePlugin { resource } => Some((resource.clone(), Counted::default())),
            Path::Dra { .. } => None,
        });
        let node = Node {
            name: "n1".to_owned(),
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            accelerators: resources.collect(),
            ..Node::default()
        };
        Inventory {
            nodes: vec![node],
            accelerators,
            ..Inventory::default()
        }
    }

    #[test]
    fn shares_come_before_parts_and_parts_before_claims() {
        let gpu = "nvidia.com/gpu";
        let whole = claims("gpu.nvidia.com", &[None, None]);
        let mig = claims("mig.nvidia.com", &[Some("U0"), Some("U0")]);
        let sliced = [("nvidia.com/gpu.replicas", "4")];
        let all = vec![plugin(gpu, Some("nvidia")), whole.clone(), mig.clone()];
        let software = strategies(&inventory(all.clone(), &sliced));
        assert!(
            matches!(&software[..], [Strategy::Software { resource, nodes }] if resource == gpu && nodes.len() == 1)
        );
        let parts = strategies(&inventory(all, &[]));
        assert!(matches!(&parts[..], [Strategy::Parts { path }] if path.to_string() == "dra/mig.nvidia.com"));
        let claim = strategies(&inventory(vec![whole], &[]));
        assert!(matches!(&claim[..], [Strategy::Claim { path }] if path.to_string() == "dra/gpu.nvidia.com"));
        assert!(strategies(&inventory(vec![plugin(gpu, Some("nvidia"))], &[])).is_empty());
    }

    #[test]
    fn only_hardware_that_surely_could_be_shared_is_blamed_for_not_being() {
        let absent = |accelerators| absence(&inventory(accelerators, &[]));
        assert!(matches!(absent(vec![]), Absence::Unknown(_)));
        let nvidia = vec![plugin("nvidia.com/gpu", Some("nvidia"))];
        assert!(matches!(absent(nvidia.clone()), Absence::Lacking(_)));
        assert!(matches!(
            absent(vec![plugin("google.com/tpu", Some("google-tpu"))]),
            Absence::Unknown(_)
        ));
        assert!(matches!(
            absent(vec![plugin("acme.com/npu", None)]),
            Absence::Unknown(_)
        ));
        let mut unread = inventory(nvidia, &[]);
        unread.unreadable.push("resource.k8s.io: forbidden".to_owned());
        assert!(matches!(absence(&unread), Absence::Unknown(_)));
    }
}
