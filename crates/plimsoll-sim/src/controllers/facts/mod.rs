//! What objects say of themselves: readings that every controller needs.
//!
//! - [`meta`] names, owners, labels, times
//! - [`pod`] the states of a pod
//! - [`condition`] conditions, and how they change
//! - [`quantity`] amounts of resources
//! - [`selector`] label selectors
//! - [`taint`] taints, and who bears them
//! - [`node_fit`] whether a pod's wishes name a node

pub(crate) mod condition;
pub(crate) mod meta;
pub(crate) mod node_fit;
pub(crate) mod pod;
pub(crate) mod quantity;
pub(crate) mod selector;
pub(crate) mod taint;

pub(crate) use selector::Selector;
