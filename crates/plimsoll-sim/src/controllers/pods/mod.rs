//! Pods as their controllers make, adopt, rank and delete them.
//!
//! - [`template`] a pod from an owner's template
//! - [`control`] creating and deleting, with the events of it
//! - [`adoption`] which pods are an owner's
//! - [`candidates`] orphans that an owner might take in
//! - [`ranking`] which pod goes first

pub(crate) mod adoption;
pub(crate) mod candidates;
pub(crate) mod control;
pub(crate) mod ranking;
pub(crate) mod template;
