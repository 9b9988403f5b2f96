//! The chain of plugins that complete and judge what a request brings.
//!
//! For one write, in this order: [`Admission::mutate`] completes the object; the server then defaults and validates it;
//! [`Admission::validate`] judges the result; [`Admission::within_quota`] holds it against quotas, and must be followed
//! by the write without an await in between. After every change of the store [`Admission::settle`] says what else
//! changes with it, such as what quotas have used.

mod admin_access;
mod chain;
mod expressions;
mod limit_ranger;
mod matching;
mod namespace_lifecycle;
mod pod_group;
mod pod_security;
mod policies;
mod priority;
mod quota;
mod reinvocation;
mod request;
mod runtime_class;
mod service_account;
mod storage_class;
mod tolerations;
mod topology_labels;
mod webhooks;

pub use chain::{Admission, Plugins};
pub use priority::system_classes;
pub use request::{Operation, Request};
pub use webhooks::{CallError, Endpoint, Handlers, Webhooks};

#[cfg(test)]
mod tests;
