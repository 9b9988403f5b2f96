//! What partitions of one device have in common: counters that each of them takes from.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    inventory::{CounterSets, Device, Pool},
    usage::Usage,
};

/// What is left of the counters of some pools, by the pool's place in a list.
#[derive(Debug, Default)]
pub(super) struct Counters(BTreeMap<usize, CounterSets>);

impl Counters {
    /// Takes what a device needs; false, and nothing taken, where it isn't left.
    pub(super) fn take(&mut self, at: usize, pool: &Arc<Pool>, device: &Device, usage: &Usage) -> bool {
        let left = self.0.entry(at).or_insert_with(|| left(pool, usage));
        let enough = device.counters.iter().all(|(set, needs)| {
            let there = left.get(set);
            needs.iter().all(|(counter, need)| {
                there
                    .and_then(|there| there.get(counter))
                    .is_some_and(|there| there >= need)
            })
        });
        if enough {
            change(left, device, |there, need| *there -= need);
        }
        enough
    }

    /// Gives back what a device took.
    pub(super) fn give_back(&mut self, at: usize, device: &Device) {
        if let Some(left) = self.0.get_mut(&at) {
            change(left, device, |there, need| *there += need);
        }
    }
}

fn left(pool: &Pool, usage: &Usage) -> CounterSets {
    let mut left = pool.counters.clone();
    for device in pool.devices.iter().filter(|device| usage.is_in_use(&device.id)) {
        change(&mut left, device, |there, need| *there -= need);
    }
    left
}

fn change(
    sets: &mut CounterSets,
    device: &Device,
    apply: impl Fn(&mut crate::scheduler::amount::Amount, crate::scheduler::amount::Amount),
) {
    for (set, needs) in &device.counters {
        for (counter, need) in needs {
            if let Some(there) = sets.get_mut(set).and_then(|set| set.get_mut(counter)) {
                apply(there, *need);
            }
        }
    }
}
