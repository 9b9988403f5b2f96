//! A vendor's DRA driver on one node: what it publishes, and the claims that it prepares.
//!
//! [`slices`] and [`classes`] are pure. [`Claims`] is what the driver holds, with the guarantees of a real one: preparing
//! again answers alike, and a device that is prepared for one claim is not prepared for another. [`Driver`] is what the
//! kubelet calls.

mod allocation;
mod classes;
mod driver;
mod prepare;
mod slices;

pub(crate) use classes::classes;
pub(crate) use driver::{ClaimName, Driver, Prepared};
