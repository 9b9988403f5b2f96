//! The checks: one folder per requirement, with its controls, adapters and objects.
//!
//! A check never prints, never sleeps and never decides a verdict: it runs controls and says how each came
//! out through its [`Context`]; [`plimsoll_record::decide`] draws the verdict from those, and the runner
//! turns an error into `inconclusive`. To add a check: one folder, and one name in [`ALL`].

pub mod accelerator_metrics;
pub mod check;
pub mod device_plugin_discovery;
pub mod dra_support;
pub mod driver_runtime_management;
pub mod gang_scheduling;
pub mod gpu_sharing;
pub mod partitioning_mig;
mod parts;
pub mod probe_pod;
pub mod secure_accelerator_access;
pub mod settings;
pub mod topology_alignment;
pub mod virtualized_accelerator;

pub use check::{
    Check, CheckError, Conclusion, Context, ControlSpec, Declaration, Disruption, Need, Patience, Probe,
    Sink, Trial,
};
pub use settings::Settings;

/// Every check, sorted by id.
pub static ALL: &[&dyn Check] = &[
    &accelerator_metrics::AcceleratorMetrics,
    &device_plugin_discovery::DevicePluginDiscovery,
    &dra_support::DraSupport,
    &driver_runtime_management::DriverRuntimeManagement,
    &gang_scheduling::GangScheduling,
    &gpu_sharing::GpuSharing,
    &partitioning_mig::PartitioningMig,
    &secure_accelerator_access::SecureAcceleratorAccess,
    &topology_alignment::TopologyAlignment,
    &virtualized_accelerator::VirtualizedAccelerator,
];

/// What the checks about accelerators choose of an inventory before they create anything: how many choices that are. For
/// measuring.
#[doc(hidden)]
#[must_use]
pub fn choices(inventory: &plimsoll_platform::Inventory) -> usize {
    accelerator_metrics::choices(inventory) + topology_alignment::choices(inventory)
}

#[cfg(test)]
mod tests {
    use plimsoll_record::ControlKind;

    use super::*;

    #[test]
    fn every_check_requires_something_to_work_and_something_to_be_refused() {
        for declaration in ALL.iter().map(|check| check.declaration()) {
            for kind in [ControlKind::Positive, ControlKind::Negative] {
                let mut required = declaration.controls.iter().filter(|control| control.required);
                assert!(
                    required.any(|control| control.kind == kind),
                    "{} requires no {kind:?} control",
                    declaration.id
                );
            }
        }
    }

    #[test]
    fn one_check_at_the_most_is_first_to_borrow() {
        let first = ALL.iter().filter(|check| check.declaration().need.first);
        assert!(first.count() <= 1);
    }
}
