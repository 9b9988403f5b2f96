//! What the installation of vendors' drivers leaves on a node: what the kernel tells, the libraries that the runtime
//! brings, and the labels by which the node states it all.

use std::collections::BTreeMap;

use plimsoll_vendors::{Driver, Vendor};

use super::Accelerator;
use crate::Faults;

/// Files of the kernel that tell the versions of the drivers of these accelerators.
pub(crate) fn kernel_files(accelerators: &[Accelerator], faults: &Faults) -> BTreeMap<String, String> {
    if faults.has("drv.premarked") {
        return BTreeMap::new();
    }
    vendors(accelerators)
        .filter_map(|(_, driver, first, _)| {
            let file = driver.version_files.first()?;
            Some((file.clone(), format!("{}\n", first.driver_version)))
        })
        .collect()
}

/// Libraries that the runtime of the `number`th node brings along with an accelerator.
pub(crate) fn runtime_file(
    accelerator: &Accelerator,
    is_first_node: bool,
    faults: &Faults,
) -> Option<String> {
    if faults.has("drv.runtime-unconfigured") || (faults.has("drv.second-node") && !is_first_node) {
        return None;
    }
    driver(accelerator.vendor())?.runtime_file()
}

/// Labels that the node's labeller keeps. On a node with a taint, a blind one keeps none.
pub(crate) fn labels(
    accelerators: &[Accelerator],
    is_first_node: bool,
    faults: &Faults,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    if faults.has("drv.ghost-label") && !is_first_node {
        labels.extend(ghost(accelerators));
    }
    if faults.has("topo.flat-labels") {
        let region = if is_first_node { "region-1" } else { "region-2" };
        labels.insert("topology.kubernetes.io/region".to_owned(), region.to_owned());
        labels.insert("topology.kubernetes.io/zone".to_owned(), "zone-1".to_owned());
    }
    if is_blind(is_first_node, faults) {
        return labels;
    }
    for (_, driver, first, count) in vendors(accelerators) {
        for name in plain(driver.presence_labels.patterns()) {
            labels.insert(name.clone(), "true".to_owned());
        }
        if let Some(name) = &driver.count_label {
            labels.insert(name.clone(), count.to_string());
        }
        if let Some(name) = &driver.product_label {
            labels.insert(name.clone(), first.model.replace(' ', "-"));
        }
        if let Some(name) = driver.labels.first() {
            labels.insert(name.clone(), stated(&first.driver_version, faults));
        }
    }
    labels
}

/// The taint that keeps a blind labeller off its node.
pub(crate) fn taint(
    accelerators: &[Accelerator],
    is_first_node: bool,
    faults: &Faults,
) -> Option<&'static str> {
    if !is_blind(is_first_node, faults) {
        return None;
    }
    vendors(accelerators).find_map(|(vendor, ..)| vendor.taints.first().map(String::as_str))
}

fn is_blind(is_first_node: bool, faults: &Faults) -> bool {
    faults.has("drv.taint-blind") && !is_first_node
}

/// Presence labels of a vendor that the node has nothing of.
fn ghost(accelerators: &[Accelerator]) -> Option<(String, String)> {
    let absent = Vendor::all().iter().filter(|vendor| {
        !accelerators
            .iter()
            .any(|accelerator| accelerator.vendor() == vendor.id)
    });
    let mut names = absent
        .filter_map(|vendor| vendor.driver.as_ref())
        .flat_map(|driver| plain(driver.presence_labels.patterns()));
    names.next().map(|name| (name.clone(), "true".to_owned()))
}

fn stated(version: &str, faults: &Faults) -> String {
    let major = version.split('.').next().unwrap_or(version);
    if faults.has("drv.truncated") {
        return major.to_owned();
    }
    match major.parse::<u32>() {
        Ok(number) if faults.has("drv.stale-label") => {
            version.replacen(major, &number.saturating_sub(1).to_string(), 1)
        }
        _ => version.to_owned(),
    }
}

fn plain(patterns: &[String]) -> impl Iterator<Item = &String> {
    patterns
        .iter()
        .filter(|pattern| !pattern.contains(['*', '?', '[', '{']))
}

fn driver(vendor: &str) -> Option<&'static Driver> {
    Vendor::by_id(vendor).ok()?.driver.as_ref()
}

/// Each vendor with its driver, its first accelerator and how many whole ones there are.
fn vendors(
    accelerators: &[Accelerator],
) -> impl Iterator<Item = (&'static Vendor, &'static Driver, &Accelerator, usize)> {
    let mut counted: BTreeMap<&'static str, (&Accelerator, usize)> = BTreeMap::new();
    for accelerator in accelerators
        .iter()
        .filter(|accelerator| accelerator.parent.is_none())
    {
        counted.entry(accelerator.vendor()).or_insert((accelerator, 0)).1 += 1;
    }
    counted.into_iter().filter_map(|(id, (first, count))| {
        let vendor = Vendor::by_id(id).ok()?;
        Some((vendor, vendor.driver.as_ref()?, first, count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::accelerator::fixture::accelerators;

    fn faults(id: &str) -> Faults {
        [id].into_iter().collect()
    }

    const LABEL: &str = "nvidia.com/cuda.driver-version.full";

    #[test]
    fn what_a_sound_node_states_is_what_its_kernel_tells() {
        let devices = accelerators("nvidia", 2);
        let files = kernel_files(&devices, &Faults::default());
        let labels = labels(&devices, true, &Faults::default());
        let told = Driver::version_in(files["/proc/driver/nvidia/version"].as_str());
        assert_eq!(told, Some(labels[LABEL].as_str()));
        assert_eq!(labels["nvidia.com/gpu.count"], "2");
        assert_eq!(labels["nvidia.com/gpu.product"], "NVIDIA-H100-80GB-HBM3");
    }

    #[test]
    fn statements_go_wrong_as_seeded() {
        let devices = accelerators("nvidia", 2);
        let stated = |id| labels(&devices, true, &faults(id))[LABEL].clone();
        assert_eq!(stated("drv.stale-label"), "579.95.5");
        assert_eq!(stated("drv.truncated"), "580");
        assert!(kernel_files(&devices, &faults("drv.premarked")).is_empty());
    }

    #[test]
    fn what_goes_wrong_on_later_nodes_is_right_on_the_first() {
        let devices = accelerators("nvidia", 1);
        assert!(runtime_file(&devices[0], true, &faults("drv.second-node")).is_some());
        assert_eq!(runtime_file(&devices[0], false, &faults("drv.second-node")), None);
        assert!(!labels(&devices, true, &faults("drv.taint-blind")).is_empty());
        assert!(labels(&devices, false, &faults("drv.taint-blind")).is_empty());
        assert_eq!(
            taint(&devices, false, &faults("drv.taint-blind")),
            Some("nvidia.com/gpu")
        );
        let ghosts = labels(&devices, false, &faults("drv.ghost-label"));
        assert!(
            ghosts.keys().any(|name| !name.starts_with("nvidia.com/")),
            "{ghosts:?}"
        );
    }
}
