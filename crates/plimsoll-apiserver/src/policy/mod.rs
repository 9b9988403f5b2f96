//! Who may do what, and which objects are let in.
//!
//! [`rbac`] decides whether a request is allowed at all; [`admission`] is the chain that completes and judges what it
//! brings; [`disruption`] decides evictions and [`tokens`] are how service accounts show who they are. All of them see
//! the store through [`View`] and write nothing: what has to change with a request comes back as [`Write`]s.

pub mod admission;
mod cached;
pub mod disruption;
mod fields;
mod pods;
pub mod rbac;
mod refusal;
mod selector;
pub mod tokens;
mod view;
#[cfg(test)]
mod words;
#[cfg(test)]
pub(crate) mod world;

pub use view::{View, Write};
