//! Questions about permissions and identity: reviews are created, answered and never stored.

use serde_json::{Value, json};

use super::{Attributes, Rbac};
use crate::{
    Clock, GroupResource, Reason, Status, User,
    policy::{
        View,
        fields::{strings, text},
        tokens::{AUDIENCE, Tokens},
    },
    schema::{Cause, invalid},
};

const AUTHORIZATION: &str = "authorization.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The collections whose objects are questions.
pub const REVIEWS: &[GroupResource] = &[
    GroupResource::new(AUTHORIZATION, "selfsubjectaccessreviews"),
    GroupResource::new(AUTHORIZATION, "selfsubjectrulesreviews"),
    GroupResource::new(AUTHORIZATION, "subjectaccessreviews"),
    GroupResource::new(AUTHORIZATION, "localsubjectaccessreviews"),
    GroupResource::new(AUTHENTICATION, "selfsubjectreviews"),
    GroupResource::new(AUTHENTICATION, "tokenreviews"),
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
/// `Invalid` or `BadRequest` for a question that makes no sense, `NotFound` for a collection without questions.
pub fn review(
    answers: Answers<'_>,
    user: &User,
    of: &GroupResource,
    namespace: Option<&str>,
    question: Value,
) -> Result<Value, Status> {
    match (of.group.as_ref(), of.resource.as_ref()) {
        (AUTHORIZATION, "selfsubjectaccessreviews") => answers.own_access(user, question),
        (AUTHORIZATION, "selfsubjectrulesreviews") => answers.own_rules(user, question),
        (AUTHORIZATION, "subjectaccessreviews") => answers.access("SubjectAccessReview", None, question),
        (AUTHORIZATION, "localsubjectaccessreviews") => {
            answers.access("LocalSubjectAccessReview", namespace, question)
        }
        (AUTHENTICATION, "selfsubjectreviews") => Ok(answers.who_am_i(user, question)),
        (AUTHENTICATION, "tokenreviews") => answers.token(question),
        _ => Err(Status::new(
            Reason::NotFound,
            "the server could not find the requested resource",
        )),
    }
}

impl Answers<'_> {
    fn own_access(&self, user: &User, mut question: Value) -> Result<Value, Status> {
        let broken = unclear(&question["spec"]);
        if !broken.is_empty() {
            return Err(invalid(AUTHORIZATION, "SelfSubjectAccessReview", "", &broken));
        }
        question["status"] = self.verdict(user, &question["spec"]);
        Ok(question)
    }

    fn access(
        &self,
        kind: &'static str,
        namespace: Option<&str>,
        mut question: Value,
    ) -> Result<Value, Status> {
        let spec = &question["spec"];
        let groups = strings(spec, "groups");
        let name = spec["user"].as_str().unwrap_or_default();
        let mut broken = unclear(spec);
        if name.is_empty() && groups.is_empty() {
            broken.push(Cause::invalid(
                "spec.user",
                &json!(""),
                "at least one of user or group must be specified",
            ));
        }
        if let Some(namespace) = namespace {
            let asked = spec["resourceAttributes"]["namespace"]
                .as_str()
                .unwrap_or_default();
            if !spec["resourceAttributes"].is_null() && asked != namespace {
                broken.push(Cause::invalid(
                    "spec.resourceAttributes.namespace",
                    &json!(asked),
                    "must match metadata.namespace",
                ));
            }
            if !spec["nonResourceAttributes"].is_null() {
                broken.push(Cause::invalid(
                    "spec.nonResourceAttributes",
                    &spec["nonResourceAttributes"],
                    "disallowed on this kind of request",
                ));
            }
        }
        if !broken.is_empty() {
            return Err(invalid(AUTHORIZATION, kind, "", &broken));
        }
        let user = User {
            name: name.to_owned(),
            groups,
        };
        question["status"] = self.verdict(&user, spec);
        Ok(question)
    }

    fn verdict(&self, user: &User, spec: &Value) -> Value {
        let resource = &spec["resourceAttributes"];
        let asked = if resource.is_null() {
            let path = &spec["nonResourceAttributes"];
            Attributes::path(user, text(path, "verb"), text(path, "path"))
        } else {
            Attributes {
                user,
                verb: text(resource, "verb"),
                group: text(resource, "group"),
                resource: text(resource, "resource"),
                subresource: text(resource, "subresource"),
                namespace: text(resource, "namespace"),
                name: text(resource, "name"),
                path: "",
            }
        };
        let (allowed, reason) = match self.rbac.verdict(self.view, &asked) {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        let mut status = json!({"allowed": allowed});
        if !reason.is_empty() {
            status["reason"] = json!(reason);
        }
        status
    }

    fn own_rules(&self, user: &User, mut question: Value) -> Result<Value, Status> {
        let namespace = text(&question["spec"], "namespace");
        if namespace.is_empty() {
            return Err(Status::new(Reason::BadRequest, "no namespace on request"));
        }
        let (rules, missing) = self.rbac.rules(self.view, user, namespace);
        let listed = |resource: bool| -> Vec<Value> {
            rules
                .iter()
                .filter(|rule| {
                    if resource {
                        !rule.resources.is_empty()
                    } else {
                        !rule.urls.is_empty()
                    }
                })
                .map(|rule| rule.to_json(resource))
                .collect()
        };
        let mut status = json!({
            "resourceRules": listed(true),
            "nonResourceRules": listed(false),
            "incomplete": false,
        });
        match missing.as_slice() {
            [] => {}
            [one] => status["evaluationError"] = json!(one),
            many => status["evaluationError"] = json!(format!("[{}]", many.join(", "))),
        }
        question["status"] = status;
        Ok(question)
    }

    fn who_am_i(&self, user: &User, mut question: Value) -> Value {
        question["status"] = json!({"userInfo": {"username": user.name, "groups": user.groups}});
        question
    }

    fn token(&self, mut question: Value) -> Result<Value, Status> {
        let token = text(&question["spec"], "token");
        if token.is_empty() {
            return Err(Status::new(
                Reason::BadRequest,
                "token is required for TokenReview in authentication",
            ));
        }
        let wanted = match strings(&question["spec"], "audiences") {
            none if none.is_empty() => vec![AUDIENCE.to_owned()],
            wanted => wanted,
        };
        let known = self.tokens.look_up(self.view, self.clock, token);
        question["status"] = match known {
            Some(known) if known.audiences.iter().any(|own| wanted.contains(own)) => {
                let shared: Vec<&String> = known
                    .audiences
                    .iter()
                    .filter(|own| wanted.contains(own))
                    .collect();
                json!({
                    "authenticated": true,
                    "user": {"username": known.user.name, "uid": known.uid, "groups": known.user.groups},
                    "audiences": shared,
                })
            }
            _ => json!({"user": {}, "error": "[invalid bearer token, unknown token]"}),
        };
        Ok(question)
    }
}

/// What is asked for must be said, and only once.
fn unclear(spec: &Value) -> Vec<Cause> {
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let mut broken = Vec::new();
    if !resource.is_null() && !path.is_null() {
        broken.push(Cause::invalid(
            "spec.nonResourceAttributes",
            path,
            "cannot be specified in combination with resourceAttributes",
        ));
    }
    if resource.is_null() && path.is_null() {
        broken.push(Cause::invalid(
            "spec.resourceAttributes",
            &Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ));
    }
    broken
}
