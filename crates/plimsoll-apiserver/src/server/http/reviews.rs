//! Questions that are asked by creating them.

use http::{Method, StatusCode};

use super::{
    Asked,
    answer::{self, Answer},
};
use crate::{
    Status,
    policy::rbac,
    server::{Inner, refusal},
};

impl Inner {
    /// Answers a review, or a binding that is created by itself.
    pub(super) async fn review(&self, asked: &Asked) -> Result<Answer, Status> {
        if asked.method != Method::POST || !asked.path.name.is_empty() {
            return Err(refusal::method_not_allowed());
        }
        let fields = asked.target()?.options.fields;
        let (object, _) = asked.object(fields)?;
        if asked.served.kind == "Binding" {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            return self.post_binding(asked, &name, &object).await;
        }
        let answers = rbac::Answers {
            view: self,
            rbac: &self.rbac,
            tokens: &self.tokens,
            clock: &self.config.clock,
        };
        let namespace = Some(asked.path.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let answered = rbac::review(answers, &asked.user, &asked.served.of, namespace, object)?;
        Ok(answer::json(StatusCode::CREATED, answered.to_string()))
    }
}
