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
    /// Who selects a device gets it, whoever has it already.
    pub(super) selected_anyway: bool,
    /// Of several devices that a request asks for, and that are there, one is given.
    pub(super) short_count: bool,
    /// A claim's own selectors are not looked at, only its class's.
    pub(super) ignores_requests: bool,
    /// What devices of one claim must have in common is not looked at.
    pub(super) ignores_constraints: bool,
    /// What partitions of one device have in common is not looked at.
    pub(super) ignores_counters: bool,
    /// Tainted devices are given to whoever asks.
    pub(super) ignores_taints: bool,
    /// A selector that fails on a device counts as one that the device meets.
    pub(super) failing_selects: bool,
}

impl Flaws {
    /// Those that the seeded defects make.
    pub(super) fn of(faults: &crate::Faults) -> Self {
        Self {
            selected_anyway: faults.has("dra.selected-anyway"),
            short_count: faults.has("dra.short-count"),
            ignores_requests: faults.has("dra.request-ignored"),
            ignores_constraints: faults.has("topo.relaxed"),
            ignores_counters: faults.has("mig.counters-ignored"),
            ignores_taints: faults.has("dra.taints-ignored"),
            failing_selects: faults.has("dra.failing-selects"),
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
