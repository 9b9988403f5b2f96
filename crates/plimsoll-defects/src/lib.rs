//! Seeded defects as data: one TOML file each under `defects/`, named after its id.
//!
//! A defect says what is broken in an operator's words, which requirement must fail for it and what the
//! reason must name, and how each ground injects it: the lab, the simulated platform, or both. A new defect is a file and a line in the list of `registry.rs`.
//!
//! The files say what is done; whoever builds a ground (the lab, the simulated platform) does it.

mod defect;
mod exporter;
mod registry;
mod simulation;

pub use defect::{Allocation, Component, Defect, GangRule, Lab, Settings};
pub use exporter::{Answer, ENDLESS, ExporterFaults};
pub use registry::UnknownDefect;
pub use simulation::{Needs, Part, Simulation};
