//! Dynamic resource allocation in one shape, whatever version of `resource.k8s.io` is served.
//!
//! - [`Slice`], [`Claim`] and [`DeviceClass`] are what `v1`, `v1beta2` and `v1beta1` objects say in common;
//!   `v1beta1` nests a device's facts under `basic`, and has no `exactly` in requests.
//! - [`claim_spec`] writes a claim's spec for a version.
//! - [`Selector`] evaluates the simple expressions that most classes select devices by.

mod attribute;
mod claim;
mod class;
mod request;
mod selector;
mod slice;
#[cfg(test)]
mod tests;

use kube::core::ApiResource;

use crate::apis::Apis;

pub use attribute::Attribute;
pub use claim::{Allocated, Claim, Consumer};
pub use class::DeviceClass;
pub use request::{Count, Request, claim_spec};
pub use selector::{Selector, Truth, UnknownExpression};
pub use slice::{Device, Effect, Slice, Taint};

/// The API group.
pub const GROUP: &str = "resource.k8s.io";

/// The versions that are understood, the best first.
pub const VERSIONS: &[&str] = &["v1", "v1beta2", "v1beta1"];

/// A kind of the group in the best version that is served.
#[must_use]
pub fn resource(apis: &Apis, kind: &str) -> Option<ApiResource> {
    apis.resource(GROUP, kind, VERSIONS)
}
