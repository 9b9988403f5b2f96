//! The device plugin: one per vendor and node, for pods that ask by extended resource.
//!
//! [`registration::serve`] keeps it known to the kubelet; [`service`] answers the kubelet's calls;
//! [`pod`] says when it has to be restarted, [`preference`] chooses among free devices.

pub(crate) mod pod;
pub(crate) mod preference;
pub(crate) mod registration;
pub(crate) mod service;
pub(crate) mod shares;

pub use registration::PluginError;
