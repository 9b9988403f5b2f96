//! The Common Expression Language as Kubernetes has it: schema rules, admission policies, device selectors.
//!
//! [`Expression`] is what they share: compiled once, evaluated over JSON. Parsing, operators and the standard library
//! come from the `cel` crate; here are Kubernetes' own types and functions ([`environment`] lists them), the
//! configuration objects that mutating policies write ([`rewrite`]), and limits on what an expression may cost
//! ([`check`]). [`DeviceSelector`] evaluates what selects devices of resource slices.
//!
//! Unlike Kubernetes' compiler this one hardly checks types ([`kinds`]): where an expression uses a value of the wrong
//! type, the error comes at evaluation.

mod check;
mod device;
mod environment;
mod expression;
mod fault;
mod formats;
mod json;
mod kinds;
mod lists;
mod network;
mod opaque;
mod quantity;
mod rewrite;
mod semver;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use device::DeviceSelector;
pub use expression::{Bindings, Expression};

pub(crate) use expression::Variable;
