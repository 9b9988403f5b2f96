//! What objects say of themselves: readings that every controller needs.
//!
//! - [`meta`] names, owners, labels, times
//! - [`pod`] the states of a pod
//! - [`condition`] conditions, and how they change
//! - [`selector`] label selectors

pub(crate) mod condition;
pub(crate) mod meta;
pub(crate) mod pod;
pub(crate) mod selector;

pub(crate) use selector::Selector;
