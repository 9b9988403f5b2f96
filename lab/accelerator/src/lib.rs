//! The lab's reference accelerator stack: DRA driver, device plugin, exporter, and the ways to break them.
//!
//! Accelerators are loop devices under a vendor's device path: access to them is granted or denied by the
//! kernel's device cgroup, use of them shows in the kernel's counters, and each says who it is ([`identity`]).
//!
//! Three programs of the lab are made of it, each with a JSON file for a configuration:
//! - [`serve`]: a node's accelerators, all vendors' drivers, plugins and the exporter in one process;
//! - [`oci_runtime::run`]: what stands before runc when a defect of the container runtime is seeded;
//! - [`gang_controller::serve`]: what admits gangs when a defect of gang scheduling is seeded.
//!
//! [`defects::manifests`] are the admission policies that some defects need in the cluster.
//!
//! # Assumptions
//! - Files behind loop devices are sparse: what they store is the device's memory in use.
//! - Whoever made a device's file detaches all loop devices over it in the end: those of its parts are made here.
//! - Below the kubelet's root lie `plugins_registry`, `plugins`, `pod-resources` and `device-plugins`. The last one the
//!   kubelet looks for at `/var/lib/kubelet/device-plugins` whatever its root is, so a node needs a view of its own there.
//! - Before `create` of a container reaches [`oci_runtime::run`], CDI devices are in its `config.json` already.

mod authority;
mod cdi;
mod config;
pub mod defects;
mod device;
mod dra;
mod exporter;
mod faults;
pub mod gang_controller;
mod handout;
pub mod identity;
mod installation;
mod kernel;
mod labeller;
mod layout;
mod log;
mod monitor;
mod node;
pub mod oci_runtime;
mod partition;
mod partitioner;
mod plugin;
#[expect(unreachable_pub, reason = "generated code")]
mod proto;
mod shutdown;
mod socket;

pub use cdi::CdiError;
pub use config::{ConfigError, DeviceConfig, NodeConfig, Sharing};
pub use device::DeviceError;
pub use dra::{CheckpointError, DriverError, PublishError};
pub use exporter::{AnnounceError, ExporterError};
pub use installation::InstallError;
pub use node::{ConnectError, ServeError, serve};
pub use partition::PartitionError;
pub use plugin::PluginError;
pub use socket::SocketError;
