//! The DRA driver: one per vendor and node.
//!
//! [`driver::serve`] is the whole of it: it opens the kubelet's sockets ([`service`], [`registration`]),
//! publishes what there is ([`publish`], built by [`slices`]; [`class`]), and prepares what was allocated
//! ([`prepare`], remembered by [`checkpoint`]).

pub(crate) mod allocation;
pub(crate) mod checkpoint;
pub(crate) mod class;
pub(crate) mod driver;
pub(crate) mod health;
pub(crate) mod prepare;
pub(crate) mod publish;
pub(crate) mod registration;
pub(crate) mod service;
pub(crate) mod slices;

pub use checkpoint::CheckpointError;
pub use driver::DriverError;
pub use publish::PublishError;
