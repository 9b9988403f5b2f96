//! The chain of plugins that complete and judge what a request brings.
//!
//! For one write, in this order: [`Admission::mutate`] completes the object; the server then defaults and validates it;
//! [`Admission::validate`] judges the result; [`Admission::within_quota`] holds it against quotas, and must be followed
//! by the write without an await in between. After every change of the store [`Admission::settle`] says what else
//! changes with it, such as what quotas have used.

mod chain;
mod request;
mod webhook;

pub use chain::Admission;
pub use request::{Operation, Request};
pub use webhook::{CallError, Endpoint, Handlers, Webhooks};
