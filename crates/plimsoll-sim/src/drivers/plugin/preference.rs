//! Which of the free devices to take: those that sit together.

use std::collections::{BTreeMap, BTreeSet};

use crate::drivers::Accelerator;

/// Chooses `size` of the `available` ids: as few NUMA nodes as possible, the tightest that is enough first, so that later
/// requests find their devices together too; lowest index first.
pub(super) fn prefer(devices: &[Accelerator], available: &[String], size: usize) -> Vec<String> {
    let free: BTreeSet<&String> = available.iter().collect();
    let mut by_numa: BTreeMap<u32, Vec<&Accelerator>> = BTreeMap::new();
    for device in devices.iter().filter(|device| free.contains(&device.uuid)) {
        by_numa.entry(device.numa_node()).or_default().push(device);
    }
    let mut groups: Vec<(u32, Vec<&Accelerator>)> = by_numa.into_iter().collect();
    groups.sort_by_key(|(numa, group)| {
        let (enough, count) = (group.len() >= size, group.len());
        (!enough, if enough { count } else { usize::MAX - count }, *numa)
    });
    let chosen = groups.into_iter().flat_map(|(_, mut group)| {
        group.sort_by_key(|device| device.index);
        group
    });
    chosen.take(size).map(|device| device.uuid.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::accelerator::fixture::accelerators;

    /// Indices preferred among `free`, eight devices on two NUMA nodes.
    fn preferred(free: &[usize], size: usize) -> Vec<usize> {
        let devices = accelerators("nvidia", 8);
        let ids: Vec<String> = free.iter().map(|index| devices[*index].uuid.clone()).collect();
        prefer(&devices, &ids, size)
            .iter()
            .map(|uuid| devices.iter().position(|device| &device.uuid == uuid).unwrap())
            .collect()
    }

    #[test]
    fn devices_of_one_numa_node_go_together() {
        assert_eq!(preferred(&[0, 1, 2, 4, 5, 6, 7], 4), [4, 5, 6, 7]);
        assert_eq!(preferred(&[3, 4, 5, 6], 2), [4, 5]);
    }

    #[test]
    fn a_lone_request_leaves_larger_groups_whole() {
        assert_eq!(preferred(&[3, 4, 5, 6, 7], 1), [3]);
    }

    #[test]
    fn too_few_devices_are_all_taken() {
        assert_eq!(preferred(&[1, 0], 4), [0, 1]);
        assert!(preferred(&[], 1).is_empty());
    }
}
