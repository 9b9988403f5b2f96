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
