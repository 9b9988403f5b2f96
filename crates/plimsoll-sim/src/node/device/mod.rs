//! What devices are on a node and which of them a container reaches, as the kernel decides it.
//!
//! A [`Machine`] has devices by number. A container has a [`View`]: nodes in its `/dev`, the [`Rules`] of its device
//! cgroup, and what it may do about either. A node is only a name: whether it opens is up to the rules alone.

mod machine;
mod rules;
mod view;

pub(crate) use machine::{HardwareDevice, Machine};
pub(crate) use rules::{Rule, Rules};
pub(crate) use view::{Privileges, View, VisibleMount};
