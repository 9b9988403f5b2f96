//! The pod network: addresses, connections in memory, and names.

mod addresses;
mod fabric;
mod names;
mod wire;

pub(crate) use addresses::{Addresses, CLUSTER_DNS, node_address, pod_range};
pub(crate) use fabric::{Endpoint, Fabric, PodConnection, PodListener};
pub(crate) use names::Names;
