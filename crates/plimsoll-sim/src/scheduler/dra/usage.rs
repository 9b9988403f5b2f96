//! Which devices are held, and how much of those that are shared.

use std::collections::BTreeMap;

use super::{
    allocated::{Allocated, Grant},
    inventory::DeviceId,
};
use crate::scheduler::amount::Amount;

/// What claims hold, all together.
#[derive(Clone, Debug, Default)]
pub(in crate::scheduler) struct Usage {
    devices: BTreeMap<DeviceId, Held>,
}

/// How a device is held.
#[derive(Clone, Debug, Default)]
struct Held {
    whole: usize,
    shares: usize,
    consumed: BTreeMap<String, Amount>,
}

impl Usage {
    /// A claim got an allocation.
    pub(in crate::scheduler) fn add(&mut self, allocated: &Allocated) {
        allocated.grants.iter().for_each(|grant| self.take(grant));
    }

    /// A claim gave its allocation back.
    pub(in crate::scheduler) fn remove(&mut self, allocated: &Allocated) {
        allocated.grants.iter().for_each(|grant| self.give_back(grant));
    }

    /// Whether somebody has the whole of it.
    pub(super) fn is_held(&self, device: &DeviceId) -> bool {
        self.devices.get(device).is_some_and(|held| held.whole > 0)
    }

    /// Whether somebody has it, or a share of it.
    pub(super) fn is_in_use(&self, device: &DeviceId) -> bool {
        self.devices.contains_key(device)
    }

    /// How much of one of its capacities is taken by shares.
    pub(super) fn consumed(&self, device: &DeviceId, capacity: &str) -> Amount {
        let held = self.devices.get(device);
        held.and_then(|held| held.consumed.get(capacity))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn take(&mut self, grant: &Grant) {
        if grant.is_admin {
            return;
        }
        let held = self.devices.entry(grant.device.clone()).or_default();
        if grant.is_share {
            held.shares += 1;
        } else {
            held.whole += 1;
        }
        for (capacity, amount) in &grant.consumed {
            *held.consumed.entry(capacity.clone()).or_default() += *amount;
        }
    }

    pub(super) fn give_back(&mut self, grant: &Grant) {
        if grant.is_admin {
            return;
        }
        let Some(held) = self.devices.get_mut(&grant.device) else {
            return;
        };
        if grant.is_share {
            held.shares = held.shares.saturating_sub(1);
        } else {
            held.whole = held.whole.saturating_sub(1);
        }
        for (capacity, amount) in &grant.consumed {
            *held.consumed.entry(capacity.clone()).or_default() -= *amount;
        }
        if held.whole == 0 && held.shares == 0 {
            self.devices.remove(&grant.device);
        }
    }
}
