//! What hands out a node's accelerators: a DRA driver or a device plugin for each vendor, as the lab's are.
//!
//! [`Accelerator`] is what either knows of a device. [`dra`] publishes pools and prepares claims, [`plugin`] lists devices
//! to the kubelet and allocates them; both answer with [`Edits`], which is what a container runtime puts into a container
//! by the Container Device Interface.

mod accelerator;
pub(crate) mod dra;
mod edits;
mod handout;
pub(crate) mod installation;
pub(crate) mod layout;
mod objects;
pub(crate) mod plugin;

#[cfg(test)]
pub(crate) use accelerator::fixture;
pub(crate) use accelerator::{Accelerator, uuid};
pub(crate) use edits::{CdiRegistry, Edits, UnresolvableDevices};
pub(crate) use layout::Layouts;
pub(crate) use objects::{cluster_objects, exporter_slice};
pub(crate) use plugin::pods::{
    IMAGE as PLUGIN_IMAGE, LABEL as PLUGIN_LABEL, daemon_sets, node_labels as plugin_node_labels,
};
