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
    Check, CheckError, Conclusion, Context, ControlSpec, Declaration, Need, Patience, Probe, Sink, Trial,
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
