//! Which of the free devices to take: those that sit together.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::Device;

/// Chooses `size` of the `available` ids, the `required` ones among them: as few NUMA nodes as possible, the
/// fullest first, so that later requests find their devices together too; lowest index first.
pub(crate) fn prefer(
    devices: &[Device],
    available: &[String],
    required: &[String],
    size: usize,
) -> Vec<String> {
    let free: BTreeSet<&String> = available.iter().collect();
    let mut chosen: Vec<&Device> = devices
        .iter()
        .filter(|device| required.contains(&device.identity.uuid))
        .collect();
    let taken: BTreeSet<u32> = chosen.iter().map(|device| device.identity.numa_node).collect();
    let mut by_numa: BTreeMap<u32, Vec<&Device>> = BTreeMap::new();
    for device in devices {
        let uuid = &device.identity.uuid;
        if free.contains(uuid) && !required.contains(uuid) {
            by_numa.entry(device.identity.numa_node).or_default().push(device);
        }
    }
    let missing = size.saturating_sub(chosen.len());
    let mut groups: Vec<(u32, Vec<&Device>)> = by_numa.into_iter().collect();
    // With what is required first; then the tightest group that is enough; then the largest.
    groups.sort_by_key(|(numa, group)| {
        let (enough, count) = (group.len() >= missing, group.len());
        (
            !taken.contains(numa),
            !enough,
            if enough { count } else { usize::MAX - count },
            *numa,
        )
    });
    for (_, mut group) in groups {
        group.sort_by_key(|device| device.identity.index);
        chosen.extend(group);
    }
    chosen
        .into_iter()
        .take(size)
        .map(|device| device.identity.uuid.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    /// Indices preferred among `free`, eight devices on two NUMA nodes.
    fn preferred(free: &[usize], required: &[usize], size: usize) -> Vec<usize> {
        let devices: Vec<Device> = (0..8).map(|index| fixture::device("nvidia", index)).collect();
        let ids = |indices: &[usize]| -> Vec<String> {
            indices
                .iter()
                .map(|index| devices[*index].identity.uuid.clone())
                .collect()
        };
        prefer(&devices, &ids(free), &ids(required), size)
            .iter()
            .map(|uuid| {
                devices
                    .iter()
                    .position(|device| &device.identity.uuid == uuid)
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn devices_of_one_numa_node_go_together() {
        assert_eq!(preferred(&[0, 1, 2, 4, 5, 6, 7], &[], 4), [4, 5, 6, 7]);
        assert_eq!(preferred(&[3, 4, 5, 6], &[], 2), [4, 5]);
    }

    #[test]
    fn a_lone_request_leaves_larger_groups_whole() {
        assert_eq!(preferred(&[3, 4, 5, 6, 7], &[], 1), [3]);
    }

    #[test]
    fn what_is_required_comes_first_and_draws_its_neighbours() {
        assert_eq!(preferred(&[0, 1, 4, 5], &[5], 2), [5, 4]);
    }

    #[test]
    fn too_few_devices_are_all_taken() {
        assert_eq!(preferred(&[1, 0], &[], 4), [0, 1]);
        assert_eq!(preferred(&[], &[], 1), Vec::<usize>::new());
    }
}
