//! The embedded simulated platform: Kubernetes as far as the checks need it, in process and deterministic.
//!
//! An emulated API server ([`plimsoll_apiserver`]), and around it what makes a cluster of it: a scheduler, kubelets that
//! run the probe's own code over simulated devices, and controllers. Time is tokio's: paused it is virtual, and a run of
//! minutes takes a moment. A seed decides everything that would be random.
//!
//! Platforms and their defects are data; this crate knows no check and no requirement.

#[cfg(feature = "client")]
mod client;
pub mod controllers;
mod drivers;
mod faults;
pub mod node;
pub mod platform;
pub mod scheduler;
#[cfg(feature = "serve")]
pub mod serve;
mod simulation;
mod virtual_time;

#[cfg(feature = "client")]
pub use client::client;
pub use faults::Faults;
pub use simulation::{PROBE_IMAGE, Simulation, StartError};
pub use virtual_time::on_virtual_time;
