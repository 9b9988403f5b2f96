//! Where devices sit: as it is published, and as pods find it.

use std::{collections::BTreeMap, fmt};

use plimsoll_platform::{dra::Attribute, survey::Device};
use plimsoll_probe::protocol::Identity;
use plimsoll_vendors::Vendor;

use crate::probe_pod::{Holding, Ruling};

/// The standard's domain.
const STANDARD: &str = "resource.kubernetes.io";

/// A kind of position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The root complex that the device hangs on.
    PcieRoot,
    /// The NUMA node that it is local to.
    NumaNode,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::PcieRoot, Self::NumaNode];

    fn attribute(self) -> &'static str {
        match self {
            Self::PcieRoot => "pcieRoot",
            Self::NumaNode => "numaNode",
        }
    }

    /// What a pod found of it.
    fn of(self, identity: &Identity) -> Option<String> {
        match self {
            Self::PcieRoot => identity.pcie_root.clone(),
            Self::NumaNode => identity.numa_node.map(|node| node.to_string()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PcieRoot => "PCIe root",
            Self::NumaNode => "NUMA node",
        })
    }
}

/// What a device is published with: the attribute's full name, and its value.
pub(super) fn published(device: &Device, kind: Kind) -> Option<(String, String)> {
    [STANDARD, &device.driver].into_iter().find_map(|domain| {
        let name = format!("{domain}/{}", kind.attribute());
        let value = value(device.attributes.get(&name)?)?;
        Some((name, value))
    })
}

fn value(attribute: &Attribute) -> Option<String> {
    match attribute {
        Attribute::Int(number) => Some(number.to_string()),
        Attribute::String(text) | Attribute::Version(text) => Some(text.clone()),
        // Of several NUMA nodes none is the device's own.
        Attribute::Bool(_) | Attribute::List(_) => None,
    }
}

/// How devices divide by an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Division {
    pub(super) kind: Kind,
    /// The attribute's full name.
    pub(super) attribute: String,
    /// How many devices there are by value.
    pub(super) counts: BTreeMap<String, usize>,
}

impl Division {
    /// How many at most agree.
    pub(super) fn largest(&self) -> usize {
        self.counts.values().copied().max().unwrap_or_default()
    }

    /// So many devices, whichever, hold two that agree.
    pub(super) fn surely_a_pair(&self) -> usize {
        self.counts.len() + 1
    }
}

/// The first kind of position by which the devices divide so that a constraint says something: more than one value, and
/// two devices somewhere that agree.
pub(super) fn division(devices: &[Device]) -> Option<Division> {
    Kind::ALL.into_iter().find_map(|kind| {
        let mut counts = BTreeMap::new();
        let mut name = None;
        for device in devices {
            // A device without the attribute never meets a constraint on it.
            let (attribute, value) = published(device, kind)?;
            if *name.get_or_insert(attribute.clone()) != attribute {
                return None;
            }
            *counts.entry(value).or_default() += 1;
        }
        let division = Division {
            kind,
            attribute: name?,
            counts,
        };
        (division.counts.len() > 1 && division.largest() > 1).then_some(division)
    })
}

/// A claim that can't be met, for `count` devices that must agree in an attribute.
#[derive(Debug)]
pub(super) struct Unmeetable<'a> {
    pub(super) count: usize,
    /// The attribute's full name.
    pub(super) attribute: String,
    /// The positions that are too small for it; without, no device has the attribute at all.
    pub(super) division: Option<&'a Division>,
}

impl<'a> Unmeetable<'a> {
    /// One device more than agree anywhere. Where devices don't divide by position, one device with an attribute that
    /// none has: a constraint is never met by a device that lacks what it is about (KEP-4381).
    pub(super) fn of(division: Option<&'a Division>, driver: &str) -> Self {
        match division {
            Some(division) => Self {
                count: division.largest() + 1,
                attribute: division.attribute.clone(),
                division: Some(division),
            },
            None => Self {
                count: 1,
                attribute: format!("{driver}/plimsollNowhere"),
                division: None,
            },
        }
    }
}

impl fmt::Display for Unmeetable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, attribute, .. } = self;
        match self.division {
            Some(division) => write!(
                f,
                "a claim for {count} devices that agree in {attribute}, of which there are {} at the most",
                division.largest()
            ),
            None => write!(
                f,
                "a claim for a device that must have {attribute}, which none has"
            ),
        }
    }
}

/// Y1: each device that a pod holds is where it is published to be.
pub(super) fn published_is_found(
    held: &[Holding<'_>],
    devices: &[Device],
    vendor: Option<&Vendor>,
    node: &str,
) -> Ruling {
    let mut compared = 0;
    let mut unread = Vec::new();
    let mut known = 0;
    for holding in held {
        let Some(device) = devices.iter().find(|device| is_same(device, holding, vendor)) else {
            continue;
        };
        known += 1;
        for kind in Kind::ALL {
            let Some((attribute, stated)) = published(device, kind) else {
                continue;
            };
            let found = holding
                .nodes
                .iter()
                .filter_map(|node| node.identity.as_ref())
                .find_map(|identity| kind.of(identity));
            match found {
                Some(found) if found == stated => compared += 1,
                Some(found) => {
                    return Ruling::Wrong(format!(
                        "device `{}` of node `{node}` is published with {attribute} = {stated}, but a pod that holds it \
                         ({holding}) finds {kind} {found}: the position is not the device's own",
                        device.name
                    ));
                }
                None => unread.push(format!("{kind} of {holding}")),
            }
        }
    }
    if compared > 0 {
        return Ruling::Right(format!(
            "{compared} positions of {known} devices on node `{node}` are published as a pod finds them"
        ));
    }
    Ruling::Undecided(match unread.first() {
        Some(first) => format!("a pod can't read the {first}, so what is published of it can't be compared"),
        None if known == 0 => {
            format!("no device that a pod holds on node `{node}` is known by what is published")
        }
        None => format!(
            "the devices of node `{node}` are published without a position: neither pcieRoot nor numaNode"
        ),
    })
}

/// Whether a published device is the hardware that a pod holds.
fn is_same(device: &Device, holding: &Holding<'_>, vendor: Option<&Vendor>) -> bool {
    let uuid = vendor
        .and_then(|vendor| vendor.dra.as_ref())
        .map_or("uuid", |dra| dra.identity_attribute());
    let names = [
        format!("{}/{uuid}", device.driver),
        format!("{STANDARD}/pciBusID"),
        format!("{}/pciAddr", device.driver),
        format!("{}/pciAddress", device.driver),
    ];
    let own = holding.identities();
    names
        .iter()
        .filter_map(|name| device.attributes.get(name)?.as_str())
        .any(|identity| own.contains(identity))
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::{DeviceNode, IdentitySource};

    use super::*;

    fn device(name: &str, root: &str, numa: i64) -> Device {
        Device {
            name: name.to_owned(),
            pool: "p".to_owned(),
            driver: "gpu.x".to_owned(),
            attributes: BTreeMap::from([
                ("gpu.x/uuid".to_owned(), Attribute::String(format!("U-{name}"))),
                (
                    "resource.kubernetes.io/pcieRoot".to_owned(),
                    Attribute::String(root.to_owned()),
                ),
                ("gpu.x/numaNode".to_owned(), Attribute::Int(numa)),
            ])
            .into(),
            capacity: std::sync::Arc::default(),
            tainted: false,
            allocated: false,
        }
    }

    fn node(name: &str, root: Option<&str>, numa: Option<i64>) -> DeviceNode {
        DeviceNode {
            path: format!("/dev/{name}"),
            number: "b:7:1".parse().unwrap(),
            mode: 0o666,
            matched: true,
            standard: false,
            opened: None,
            identity: Some(Identity {
                uuid: Some(format!("U-{name}")),
                pcie_root: root.map(str::to_owned),
                numa_node: numa,
                ..Identity::unknown(IdentitySource::Header)
            }),
        }
    }

    fn judge(published: &[Device], found: &DeviceNode) -> Ruling {
        let held = [Holding { nodes: vec![found] }];
        published_is_found(&held, published, None, "n")
    }

    #[test]
    fn a_position_is_compared_with_what_the_pod_finds() {
        let published = [device("a", "pci0000:00", 0), device("b", "pci0000:10", 1)];
        assert!(judge(&published, &node("b", Some("pci0000:10"), Some(1))).is_right());
        let wrong = judge(&published, &node("b", Some("pci0000:10"), Some(0)));
        assert!(
            wrong.is_wrong() && wrong.detail().contains("numaNode = 1"),
            "{wrong:?}"
        );
        assert!(judge(&published, &node("b", Some("pci0000:00"), None)).is_wrong());
    }

    #[test]
    fn what_can_not_be_read_or_is_not_known_proves_nothing() {
        let published = [device("a", "pci0000:00", 0)];
        for found in [node("a", None, None), node("z", Some("pci0000:00"), Some(0))] {
            assert!(matches!(judge(&published, &found), Ruling::Undecided(_)));
        }
        assert!(matches!(judge(&[], &node("a", None, None)), Ruling::Undecided(_)));
    }

    #[test]
    fn devices_divide_where_some_agree_and_some_do_not() {
        let all = |roots: &[&str]| -> Vec<Device> {
            roots
                .iter()
                .enumerate()
                .map(|(at, root)| device(&at.to_string(), root, 0))
                .collect()
        };
        let division = division(&all(&["a", "a", "b", "b"])).unwrap();
        assert_eq!((division.largest(), division.surely_a_pair()), (2, 3));
        assert_eq!(division.attribute, "resource.kubernetes.io/pcieRoot");
        assert_eq!(super::division(&all(&["a", "a"])), None, "one position");
        assert_eq!(super::division(&all(&["a", "b"])), None, "no two agree");
        assert_eq!(super::division(&[]), None);
    }

    #[test]
    fn something_can_be_refused_on_any_platform() {
        let devices: Vec<Device> = [("1", "a"), ("2", "a"), ("3", "b")]
            .map(|(name, root)| device(name, root, 0))
            .into();
        let division = division(&devices).unwrap();
        let crowd = Unmeetable::of(Some(&division), "gpu.x");
        assert_eq!(
            (crowd.count, crowd.attribute.as_str()),
            (3, "resource.kubernetes.io/pcieRoot")
        );
        let nowhere = Unmeetable::of(None, "gpu.x");
        assert_eq!(nowhere.count, 1);
        assert!(
            devices
                .iter()
                .all(|device| !device.attributes.contains_key(&nowhere.attribute))
        );
    }
}
