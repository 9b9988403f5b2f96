//! Dynamic resource allocation: which devices a pod's claims get.
//!
//! [`inventory`] holds what drivers publish, [`usage`] what claims hold already, [`request`] what claims ask for;
//! [`search`] finds devices for all of a pod's claims on one node, or says that there are none. [`claims`] reads which
//! claims a pod has and how they stand, [`extended`] makes claims out of extended resources, and [`result`] writes an
//! allocation as the API has it.

pub(super) mod allocated;
mod capacity;
pub(super) mod claims;
mod constraint;
mod counters;
pub(super) mod extended;
pub(super) mod inventory;
pub(super) mod request;
pub(super) mod result;
pub(super) mod search;
pub(super) mod selectors;
pub(super) mod taint_rules;
pub(super) mod usage;
mod value;

/// How an allocator errs; none of it on a sound platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flaws {
    /// It does not see what is held already.
    pub(super) forgets_holders: bool,
    /// It does not look at what partitions of one device have in common.
    pub(super) ignores_counters: bool,
    /// It gives tainted devices to whoever asks.
    pub(super) ignores_taints: bool,
    /// A selector that fails on a device counts as one that the device meets.
    pub(super) failing_selects: bool,
    /// It gives one device, however many are asked for.
    pub(super) gives_one: bool,
    /// It does not look at the claim's own selectors, only at the class's.
    pub(super) ignores_requests: bool,
    /// It does not check what devices of one claim must have in common.
    pub(super) ignores_constraints: bool,
}

impl Flaws {
    /// Those that the seeded defects make.
    pub(super) fn of(faults: &crate::Faults) -> Self {
        Self {
            forgets_holders: faults.has("dra.forgets-holders"),
            ignores_counters: faults.has("dra.ignores-counters"),
            ignores_taints: faults.has("dra.ignores-taints"),
            failing_selects: faults.has("dra.failing-selects"),
            gives_one: faults.has("dra.gives-one"),
            ignores_requests: faults.has("dra.ignores-requests"),
            ignores_constraints: faults.has("dra.ignores-constraints"),
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
