//! The nodes of a platform: kubelets, container runtimes, devices, and the pod network.
//!
//! [`Fleet`] is all of them. One task watches pods for every node and sets a worker ([`pod`]) to each that has something
//! to do. A container of the probe's image runs the probe's own program ([`runtime`]) over the node's devices
//! ([`device`]) and the network in memory ([`network`]); what hands devices out is in [`crate::drivers`].

mod claims;
pub(crate) mod device;
mod devices;
mod exporter;
mod fleet;
mod ground;
mod images;
mod kubelet;
mod logs;
mod network;
mod object;
mod partitioner;
mod plugin_pods;
mod pod;
mod processors;
mod runtime;
mod tasks;

pub use fleet::Fleet;
pub use images::Images;

#[cfg(test)]
mod tests;
