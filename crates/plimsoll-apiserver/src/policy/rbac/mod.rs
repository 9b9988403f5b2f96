//! Role-based access control.

mod attributes;
mod bootstrap;
mod escalation;
mod evaluate;
mod index;
mod reviews;
mod rule;

pub use attributes::Attributes;
pub use bootstrap::bootstrap;
pub use evaluate::Rbac;
pub(super) use index::gather_all as gather;
pub use reviews::{Answers, REVIEWS, review};

#[cfg(test)]
mod tests;
