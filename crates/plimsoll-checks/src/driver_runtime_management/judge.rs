//! Draws conclusions from what is stated and what was found.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use plimsoll_platform::Inventory;
use plimsoll_probe::protocol::Access;
use plimsoll_vendors::Vendor;

use super::{
    Statements,
    fleet::{Fleet, Site},
    sight::Sight,
    statement::{Source, Statement},
    version::{Agreement, agreement},
};
use crate::probe_pod::{Ruling, holdings, shown};

/// V1: of every node with accelerators the driver's version is stated.
pub(super) fn stated(fleet: &Fleet, statements: &Statements) -> Ruling {
    let silent: Vec<&Site> = fleet
        .sites
        .iter()
        .filter(|site| statements.get(&site.node).is_none_or(Vec::is_empty))
        .collect();
    let Some(first) = silent.first() else {
        let count = fleet.sites.len();
        let sources = sources(statements);
        return Ruling::Right(format!(
            "of all {count} nodes with {} accelerators the driver's version is stated, by {}",
            fleet.name,
            sources.join(" and ")
        ));
    };
    let looked = looked_at(fleet);
    let node = &first.node;
    if looked.is_empty() {
        return Ruling::Undecided(format!(
            "nothing is known that would state the driver's version of {}, and no device of node `{node}` has one",
            fleet.name
        ));
    }
    let others = match silent.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    Ruling::Wrong(format!(
        "node `{node}`{others} has {} accelerators and states no driver version: looked at were {}",
        fleet.name,
        looked.join(", ")
    ))
}

fn sources(statements: &Statements) -> Vec<String> {
    let mut sources: Vec<String> = statements
        .values()
        .flatten()
        .map(|statement| statement.source.to_string())
        .collect();
    sources.sort();
    sources.dedup();
    sources
}

/// Where a known vendor's version would be stated.
fn looked_at(fleet: &Fleet) -> Vec<String> {
    let mut looked: Vec<String> = Vec::new();
    let is_dra = fleet.sites.iter().any(|site| site.path.is_dra());
    let attribute = fleet
        .vendor
        .and_then(|vendor| vendor.dra.as_ref())
        .and_then(|dra| dra.driver_version_attribute.as_ref());
    if let (true, Some(attribute)) = (is_dra, attribute) {
        looked.push(format!("the devices' attribute {attribute}"));
    }
    for driver in fleet.driver().into_iter() {
        looked.extend(
            driver
                .labels
                .iter()
                .map(|label| format!("the node's label {label}")),
        );
        looked.extend(driver.resources.iter().map(|stating| stating.kind.clone()));
    }
    looked
}

/// V2: what is stated of a node is what a pod finds there, as precisely as it is stated.
pub(super) fn stated_is_found(fleet: &Fleet, node: &str, stated: &[Statement], sight: &Sight) -> Ruling {
    let Some((file, found)) = sight.version() else {
        return not_found(fleet, node, stated, sight);
    };
    if stated.is_empty() {
        return Ruling::Undecided(format!(
            "a pod on node `{node}` finds version {found} in {file}, and none is stated"
        ));
    }
    for statement in stated {
        match agreement(&statement.version, found) {
            Agreement::Equal => {}
            Agreement::Differs => {
                return Ruling::Wrong(format!(
                    "node `{node}`: {statement}, but a pod there finds driver version {found} in {file}: the statement \
                     is stale or wrong"
                ));
            }
            Agreement::Coarse => {
                return Ruling::Wrong(format!(
                    "node `{node}`: {statement}, which leaves out the minor version; a pod there finds {found} in \
                     {file}: too coarse to tell"
                ));
            }
        }
    }
    let parts: Vec<String> = stated.iter().map(ToString::to_string).collect();
    Ruling::Right(format!(
        "node `{node}`: a pod finds driver version {found} in {file}, as stated by {}",
        parts.join(" and ")
    ))
}

fn not_found(fleet: &Fleet, node: &str, stated: &[Statement], sight: &Sight) -> Ruling {
    let files = sight.version_files();
    if files.is_empty() {
        return Ruling::Undecided(format!(
            "no way is known to read the driver's version of {} in a pod",
            fleet.name
        ));
    }
    if sight.granted.devices().next().is_none() {
        return Ruling::Undecided(format!(
            "a pod with a device on node `{node}` sees neither the device nor a driver version in {}: whether devices \
             get into pods is for dra_support and device_plugin_discovery to say",
            files.join(", ")
        ));
    }
    let always = fleet.driver().is_some_and(|driver| driver.always_tells);
    let (Some(statement), true) = (stated.first(), always) else {
        return Ruling::Undecided(format!(
            "a pod on node `{node}` finds no driver version in {}, where a driver that comes with the kernel has none",
            files.join(", ")
        ));
    };
    Ruling::Wrong(format!(
        "node `{node}`: {statement}, but a pod there finds no loaded driver: none of {} is there",
        files.join(", ")
    ))
}

/// V3: the pod with a device can use it.
pub(super) fn works(fleet: &Fleet, node: &str, sight: &Sight) -> Ruling {
    let held = holdings(&sight.granted, fleet.vendor);
    let Some(device) = held.first() else {
        // Some drivers inject none; and where one is missing, other requirements say so.
        return Ruling::Undecided(format!(
            "a pod with a device on node `{node}` sees no device node"
        ));
    };
    if let Some(opened) = &device.node().opened
        && !opened.is_open()
    {
        let text = format!(
            "{} does not open in a pod on node `{node}`: {}",
            shown(device.node()),
            opened.read_write
        );
        let is_gone = matches!(&opened.read_write, Access::Refused(errno) if ["ENXIO", "ENODEV"].contains(&errno.as_str()));
        return if is_gone {
            Ruling::Wrong(format!("{text}: no driver answers"))
        } else {
            Ruling::Undecided(text)
        };
    }
    let expected = fleet
        .driver()
        .map(|driver| driver.runtime_files.patterns())
        .unwrap_or_default();
    let brought = sight.runtime_files();
    match brought.first() {
        _ if expected.is_empty() => Ruling::Right(format!("on node `{node}` {device} opens")),
        None => Ruling::Wrong(format!(
            "a pod on node `{node}` has {device} and none of the libraries and tools that the container runtime brings \
             ({}): the runtime is not set up",
            expected.join(", ")
        )),
        Some(file) => Ruling::Right(format!(
            "on node `{node}` {device} opens, and the runtime brought {file}"
        )),
    }
}

/// V4: the pod without a device has nothing of it.
pub(super) fn clean(fleet: &Fleet, node: &str, sight: &Sight) -> Ruling {
    if let Some(file) = sight.uninvited_files().first() {
        return Ruling::Wrong(format!(
            "a pod on node `{node}` that asks for no accelerator finds {file}: the runtime injects everywhere"
        ));
    }
    if !holdings(&sight.plain, fleet.vendor).is_empty() {
        return Ruling::Undecided(format!(
            "a pod on node `{node}` that asks for nothing sees a device: secure_accelerator_access decides that"
        ));
    }
    Ruling::Right(format!(
        "a pod on node `{node}` that asks for no accelerator finds nothing of one"
    ))
}

/// V6: no node claims to have what it has not.
pub(super) fn only_where_hardware_is(
    fleet: &Fleet,
    nodes: &BTreeMap<String, Node>,
    inventory: &Inventory,
    also_others: bool,
) -> Ruling {
    let others = Vendor::all().iter().filter(|vendor| {
        also_others
            && !inventory
                .accelerators
                .iter()
                .any(|pool| pool.vendor.as_deref() == Some(&vendor.id))
    });
    let mut bare = 0;
    for vendor in fleet.vendor.into_iter().chain(others) {
        for (name, node) in nodes {
            if has_hardware(vendor, name, inventory) {
                continue;
            }
            bare += usize::from(Some(&vendor.id) == fleet.vendor.map(|vendor| &vendor.id));
            if let Some(label) = claim(vendor, node) {
                return Ruling::Wrong(format!(
                    "node `{name}` has no accelerator of {}, and its label {label} says that it has",
                    vendor.name
                ));
            }
        }
    }
    Ruling::Right(match bare {
        0 => format!("every node has {} accelerators", fleet.name),
        count => format!("{count} nodes without {} accelerators claim none", fleet.name),
    })
}

/// Whether a node has a vendor's hardware, as far as anything but labels says: a resource of which nothing is left at
/// present counts.
fn has_hardware(vendor: &Vendor, node: &str, inventory: &Inventory) -> bool {
    let offers = inventory
        .accelerators
        .iter()
        .any(|pool| pool.node == node && pool.vendor.as_deref() == Some(&vendor.id));
    let named = inventory.node(node).is_some_and(|node| {
        node.accelerators
            .keys()
            .any(|name| vendor.resources.matches(name))
    });
    offers || named
}

/// A label by which a node says that it has a vendor's hardware.
fn claim<'a>(vendor: &Vendor, node: &'a Node) -> Option<&'a str> {
    let driver = vendor.driver.as_ref()?;
    let labels = node.metadata.labels.as_ref()?;
    labels
        .iter()
        .find(|(name, value)| {
            (driver.presence_labels.matches(name) || driver.labels.contains(name))
                && value.as_str() != "false"
        })
        .map(|(name, _)| name.as_str())
}

/// The sources that state something of at least one node, and the nodes of which each states nothing.
pub(super) fn gaps<'a>(fleet: &'a Fleet, statements: &Statements) -> Vec<(Source, Vec<&'a Site>)> {
    let mut kinds: Vec<Source> = statements
        .values()
        .flatten()
        .map(|statement| statement.source.clone())
        // What devices state is there with the devices, and an object is about the nodes that it names.
        .filter(|source| matches!(source, Source::Label(_)))
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
        .into_iter()
        .map(|source| {
            let lacking = fleet.sites.iter().filter(|site| {
                !statements
                    .get(&site.node)
                    .into_iter()
                    .flatten()
                    .any(|statement| statement.source == source)
            });
            let lacking = lacking.collect();
            (source, lacking)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::Path;
    use plimsoll_probe::{
        Transcript,
        protocol::{DeviceNode, Errno, FoundFiles, Identity, IdentitySource, Opened, TextFile},
    };
    use serde_json::json;

    use super::*;

    const FILE: &str = "/proc/driver/nvidia/version";

    fn fleet(vendor: &str) -> Fleet {
        let known = Vendor::by_id(vendor).ok();
        Fleet {
            name: vendor.to_owned(),
            vendor: known,
            sites: vec![Site {
                node: "n".to_owned(),
                path: Path::DevicePlugin {
                    resource: known.and_then(Vendor::resource).unwrap_or("x/y").to_owned(),
                },
                free: 1,
                versions: Vec::new(),
            }],
        }
    }

    fn label(version: &str) -> Statement {
        Statement {
            source: Source::Label("driver".to_owned()),
            version: version.to_owned(),
            owner: None,
        }
    }

    fn pod(path: Option<&str>, answer: &Access, version: Option<&str>, library: Option<&str>) -> Transcript {
        let node = path.map(|path| DeviceNode {
            path: path.to_owned(),
            number: "b:7:1".parse().unwrap(),
            mode: 0o666,
            matched: true,
            standard: false,
            opened: Some(Opened {
                read_write: answer.clone(),
                read_only: answer.clone(),
            }),
            identity: Some(Identity {
                uuid: Some("U".to_owned()),
                ..Identity::unknown(IdentitySource::Header)
            }),
        });
        Transcript {
            nodes: node.into_iter().collect(),
            texts: vec![TextFile {
                path: FILE.to_owned(),
                text: version.map(|version| format!("Kernel Module  {version}  Release")),
            }],
            files: vec![FoundFiles {
                pattern: "p".to_owned(),
                paths: library.into_iter().map(str::to_owned).collect(),
            }],
            ..Transcript::default()
        }
    }

    fn nothing() -> Transcript {
        pod(None, &Access::Granted, None, None)
    }

    fn finds(version: Option<&str>) -> Sight {
        Sight::seen(
            pod(Some("/dev/nvidia0"), &Access::Granted, version, Some("/lib")),
            nothing(),
            FILE,
        )
    }

    fn compare(vendor: &str, stated: &[Statement], version: Option<&str>) -> Ruling {
        stated_is_found(&fleet(vendor), "n", stated, &finds(version))
    }

    #[test]
    fn every_statement_must_be_what_the_pod_finds_in_full() {
        let found = Some("580.95.05");
        assert!(compare("nvidia", &[label("580.95.5"), label("580.95.05")], found).is_right());
        let stale = compare("nvidia", &[label("580.95.05"), label("570.1.2")], found);
        assert!(stale.is_wrong() && stale.detail().contains("stale"), "{stale:?}");
        let coarse = compare("nvidia", &[label("580")], found);
        assert!(
            coarse.is_wrong() && coarse.detail().contains("too coarse"),
            "{coarse:?}"
        );
        assert!(matches!(compare("nvidia", &[], found), Ruling::Undecided(_)));
    }

    #[test]
    fn no_driver_at_all_is_wrong_only_where_a_loaded_one_always_tells() {
        let gone = compare("nvidia", &[label("580.95.05")], None);
        assert!(
            gone.is_wrong() && gone.detail().contains("no loaded driver"),
            "{gone:?}"
        );
        for vendor in ["intel-gpu", "acme"] {
            assert!(
                matches!(compare(vendor, &[label("1.2.3")], None), Ruling::Undecided(_)),
                "{vendor}"
            );
        }
    }

    #[test]
    fn a_device_without_the_libraries_that_are_due_is_wrong() {
        let look = |vendor: &str, path, library| {
            let granted = pod(path, &Access::Granted, None, library);
            works(&fleet(vendor), "n", &Sight::seen(granted, nothing(), FILE))
        };
        assert!(
            look(
                "nvidia",
                Some("/dev/nvidia0"),
                Some("/usr/lib64/libnvidia-ml.so.1")
            )
            .is_right()
        );
        assert!(look("nvidia", Some("/dev/nvidia0"), None).is_wrong());
        assert!(
            look("amd", Some("/dev/dri/renderD128"), None).is_right(),
            "none are due"
        );
        assert!(matches!(look("nvidia", None, None), Ruling::Undecided(_)));
    }

    #[test]
    fn a_device_that_nobody_answers_for_is_wrong_and_one_that_is_kept_from_us_is_not() {
        let look = |errno: &str| {
            let answer = Access::Refused(Errno::named(errno));
            let granted = pod(Some("/dev/nvidia0"), &answer, None, None);
            works(&fleet("nvidia"), "n", &Sight::seen(granted, nothing(), FILE))
        };
        assert!(look("ENXIO").is_wrong());
        assert!(matches!(look("EPERM"), Ruling::Undecided(_)));
    }

    #[test]
    fn a_pod_that_asked_for_nothing_finds_no_libraries() {
        let look = |library| {
            let plain = pod(None, &Access::Granted, None, library);
            clean(&fleet("nvidia"), "n", &Sight::seen(nothing(), plain, FILE))
        };
        assert!(look(None).is_right());
        assert!(look(Some("/usr/bin/nvidia-smi")).is_wrong());
    }

    #[test]
    fn silence_is_wrong_for_a_vendor_whose_statements_are_known() {
        let silent = Statements::new();
        assert!(stated(&fleet("nvidia"), &silent).is_wrong());
        assert!(matches!(stated(&fleet("acme"), &silent), Ruling::Undecided(_)));
        let told = Statements::from([("n".to_owned(), vec![label("1.2")])]);
        assert!(stated(&fleet("nvidia"), &told).is_right());
    }

    #[test]
    fn a_node_without_the_hardware_that_claims_it_is_wrong() {
        let judge = |labels: serde_json::Value| {
            let node: Node =
                serde_json::from_value(json!({"metadata": {"name": "bare", "labels": labels}})).unwrap();
            let nodes = BTreeMap::from([("bare".to_owned(), node)]);
            only_where_hardware_is(&fleet("nvidia"), &nodes, &Inventory::default(), true)
        };
        assert!(judge(json!({})).is_right());
        assert!(judge(json!({"nvidia.com/gpu.present": "true"})).is_wrong());
        assert!(judge(json!({"nvidia.com/gpu.present": "false"})).is_right());
        assert!(
            judge(json!({"amd.com/gpu.driver-version": "6.1"})).is_wrong(),
            "of another vendor"
        );
    }
}
