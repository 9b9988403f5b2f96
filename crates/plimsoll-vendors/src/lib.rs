//! Accelerator vendors as data: one TOML file each under `vendors/`, embedded at build time.
//!
//! A new vendor is a file and a line in the list of `registry.rs`; no code names a vendor. What a platform has that no
//! file describes is for the caller to treat as an unknown vendor: recorded, never a failure.
//!
//! - [`Vendor`] is one profile; [`Vendor::all`], [`Vendor::by_id`], [`Vendor::by_resource`], [`Vendor::by_driver`] find it.
//! - [`Devices::role`] tells what a path under `/dev` means to that vendor.
//! - [`Driver`] says where its driver tells its version, and what its runtime set-up brings into a pod.
//! - [`Partitions`] and [`VirtualFunctions`] say how its devices are divided; [`Division`] is how one is, and
//!   [`Vendor::divide`] what comes of it.
//! - [`Metrics`] says how its exporter names, labels and scales what it measures; [`dialect`] writes like one.

mod devices;
pub mod dialect;
mod division;
mod driver;
mod metrics;
mod operator;
mod parts;
mod profile;
mod registry;

pub use devices::{DeviceRole, Devices, GlobList};
pub use division::{Divided, Division, DivisionError, Part, PartKind};
pub use driver::{Driver, Stating};
pub use metrics::{Labels, Measure, Metrics, Optional, Series, Unit};
pub use parts::{Geometry, Partitions, VirtualFunctions, VirtualLab, memory_of_profile};
pub use profile::{Dra, Lab, Selectors, Vendor};
pub use registry::UnknownVendor;
