//! Pools of devices: the newest generation of each, whether it is complete, and what is still to be had.

use std::collections::{BTreeMap, BTreeSet};

use super::quantity::thousandths;
use crate::dra::{Claim, Device, Slice};

/// The newest generation of a pool.
#[derive(Debug, PartialEq)]
pub(super) struct Pool<'a> {
    pub(super) driver: &'a str,
    pub(super) name: &'a str,
    pub(super) generation: i64,
    /// How many slices it says it has, and how many are there.
    pub(super) slices: (i64, i64),
    /// Its devices, each with its node; none for one that several nodes can reach.
    pub(super) devices: Vec<(Option<&'a str>, &'a Device)>,
    counters: BTreeMap<&'a str, i128>,
}

/// Which device: driver, pool, name.
pub(super) type DeviceId<'a> = (&'a str, &'a str, &'a str);

/// The pools, by driver and name. Slices of older generations don't count.
pub(super) fn pools(slices: &[Slice]) -> Vec<Pool<'_>> {
    let mut by_name: BTreeMap<(&str, &str), Vec<&Slice>> = BTreeMap::new();
    for slice in slices {
        by_name
            .entry((&slice.driver, &slice.pool))
            .or_default()
            .push(slice);
    }
    by_name
        .into_iter()
        .map(|((driver, name), slices)| {
            let generation = slices
                .iter()
                .map(|slice| slice.generation)
                .max()
                .unwrap_or_default();
            let newest: Vec<&Slice> = slices
                .into_iter()
                .filter(|slice| slice.generation == generation)
                .collect();
            Pool {
                driver,
                name,
                generation,
                slices: (
                    newest
                        .iter()
                        .map(|slice| slice.pool_slices)
                        .max()
                        .unwrap_or_default(),
                    i64::try_from(newest.len()).unwrap_or(i64::MAX),
                ),
                devices: newest
                    .iter()
                    .flat_map(|slice| {
                        slice.devices.iter().map(|device| {
                            let node = slice.node.as_deref().or(device.node.as_deref());
                            (node, device)
                        })
                    })
                    .collect(),
                counters: newest
                    .iter()
                    .flat_map(|slice| &slice.shared_counters)
                    .map(|(name, total)| (name.as_str(), thousandths(total).unwrap_or_default()))
                    .collect(),
            }
        })
        .collect()
}

/// The devices that claims have, administrators aside.
pub(super) fn allocated(claims: &[Claim]) -> BTreeSet<DeviceId<'_>> {
    claims
        .iter()
        .flat_map(|claim| &claim.allocated)
        .filter(|device| !device.admin_access)
        .map(|device| {
            (
                device.driver.as_str(),
                device.pool.as_str(),
                device.device.as_str(),
            )
        })
        .collect()
}

impl<'a> Pool<'a> {
    pub(super) fn is_complete(&self) -> bool {
        self.slices.0 == self.slices.1
    }

    pub(super) fn id(&self, device: &'a Device) -> DeviceId<'a> {
        (self.driver, self.name, &device.name)
    }

    /// How many of `wanted` can be had at the same time: devices that nobody has, without taints, as far as the
    /// counters they share with others go.
    pub(super) fn free(&self, wanted: &[&'a Device], allocated: &BTreeSet<DeviceId<'_>>) -> u32 {
        let mut left = self.counters.clone();
        for (_, device) in &self.devices {
            if allocated.contains(&self.id(device)) {
                consume(&mut left, device);
            }
        }
        let mut free = 0;
        for device in wanted {
            if allocated.contains(&self.id(device)) || device.is_tainted() {
                continue;
            }
            let mut after = left.clone();
            consume(&mut after, device);
            if after.values().all(|left| *left >= 0) {
                left = after;
                free += 1;
            }
        }
        free
    }
}

fn consume(left: &mut BTreeMap<&str, i128>, device: &Device) {
    for (name, amount) in &device.consumes {
        if let Some(left) = left.get_mut(name.as_str()) {
            *left -= thousandths(amount).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slice(name: &str, generation: i64, count: i64, devices: Value) -> Slice {
        Slice::read(&json!({
            "metadata": {"name": name},
            "spec": {
                "driver": "gpu.nvidia.com",
                "nodeName": "a",
                "pool": {"name": "a", "generation": generation, "resourceSliceCount": count},
                "devices": devices,
                "sharedCounters": [{"name": "gpu-0", "counters": {"memory": {"value": "40Gi"}}}],
            },
        }))
        .unwrap()
    }

    fn part(name: &str, memory: &str) -> Value {
        json!({
            "name": name,
            "consumesCounters": [{"counterSet": "gpu-0", "counters": {"memory": {"value": memory}}}],
        })
    }

    #[test]
    fn only_the_newest_generation_counts_and_it_must_be_complete() {
        let slices = [
            slice("old", 1, 1, json!([{"name": "ghost"}])),
            slice("new-1", 2, 2, json!([{"name": "gpu-0"}])),
            slice("new-2", 2, 2, json!([{"name": "gpu-1"}])),
        ];
        let all = pools(&slices);
        assert_eq!(all.len(), 1);
        assert!(all[0].is_complete());
        assert_eq!(
            all[0]
                .devices
                .iter()
                .map(|(_, device)| device.name.as_str())
                .collect::<Vec<_>>(),
            ["gpu-0", "gpu-1"]
        );
        assert!(!pools(&slices[..2])[0].is_complete());
    }

    #[test]
    fn partitions_that_share_a_counter_are_not_all_free_at_once() {
        let slices = [slice(
            "s",
            1,
            1,
            json!([
                part("whole", "40Gi"),
                part("half-1", "20Gi"),
                part("half-2", "20Gi")
            ]),
        )];
        let pools = pools(&slices);
        let pool = &pools[0];
        let devices: Vec<&Device> = pool.devices.iter().map(|(_, device)| *device).collect();
        assert_eq!(
            pool.free(&devices, &BTreeSet::new()),
            1,
            "the whole leaves nothing"
        );
        assert_eq!(pool.free(&devices[1..], &BTreeSet::new()), 2);
        let half = BTreeSet::from([("gpu.nvidia.com", "a", "half-1")]);
        assert_eq!(
            pool.free(&devices, &half),
            1,
            "with one half in use the other half is left, not the whole"
        );
    }

    #[test]
    fn a_tainted_or_allocated_device_is_not_free() {
        let tainted = json!({"name": "b", "taints": [{"key": "unhealthy", "effect": "NoSchedule"}]});
        let slices = [slice("s", 1, 1, json!([{"name": "a"}, tainted, {"name": "c"}]))];
        let pools = pools(&slices);
        let devices: Vec<&Device> = pools[0].devices.iter().map(|(_, device)| *device).collect();
        assert_eq!(
            pools[0].free(&devices, &BTreeSet::from([("gpu.nvidia.com", "a", "a")])),
            1
        );
    }

    #[test]
    fn what_an_administrator_looks_at_stays_free() {
        let claim = Claim::read(&json!({
            "metadata": {"name": "c", "namespace": "n", "uid": "u"},
            "status": {"allocation": {"devices": {"results": [
                {"request": "r", "driver": "d", "pool": "p", "device": "x", "adminAccess": true},
                {"request": "r", "driver": "d", "pool": "p", "device": "y"},
            ]}}},
        }))
        .unwrap();
        assert_eq!(allocated(&[claim]), BTreeSet::from([("d", "p", "y")]));
    }
}
