//! The lab's reference accelerator stack: DRA driver, device plugin, exporter, and the ways to break them.
//!
//! Accelerators are loop devices under a vendor's device path: access to them is granted or denied by the
//! kernel's device cgroup, use of them shows in the kernel's counters, and each says who it is ([`identity`]).

mod cdi;
mod config;
mod device;
mod dra;
mod exporter;
mod faults;
pub mod identity;
mod kernel;
mod log;
mod monitor;
mod node;
mod partition;
mod plugin;
#[expect(unreachable_pub, reason = "generated code")]
mod proto;
mod shutdown;
mod socket;

pub use cdi::CdiError;
pub use config::{ConfigError, DeviceConfig, NodeConfig};
pub use device::DeviceError;
pub use dra::{CheckpointError, DriverError, PublishError};
pub use exporter::ExporterError;
pub use node::{ConnectError, ServeError, serve};
pub use partition::PartitionError;
pub use plugin::PluginError;
pub use socket::SocketError;
