//! The container runtime of a node: what a container is made of, the program in it, and its log.
//!
//! A container of the probe's image runs the probe's own program over [`ContainerHost`]; one of any other image does
//! nothing until it is stopped.

mod container;
mod create;
mod host;
mod ledger;
mod log;
mod program;
mod storage;
mod volume;

pub(crate) use container::{Container, Ended};
pub(crate) use create::{Order, create};
pub(crate) use host::Surroundings;
pub(crate) use ledger::Ledger;
pub(crate) use log::ContainerLog;
pub(crate) use program::Program;
pub(crate) use volume::{MountedVolume, Volume};
