//! Webhooks and policies of admission: above all, that their expressions mean something.

use serde_json::Value;

use super::{formed, names, one_of, read};
use crate::{
    cel::Expression,
    schema::{Cause, path::Path},
};

/// The names that a policy's expressions may use.
const VARIABLES: [&str; 8] = [
    "object",
    "oldObject",
    "request",
    "params",
    "namespaceObject",
    "variables",
    "authorizer",
    "self",
];

/// What is wrong with a webhook configuration, a policy or a binding.
pub(super) fn check(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let path = Path::new("spec");
    match read::text(object, "kind") {
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => check_webhooks(object, causes),
        "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding" => {
            if read::text(spec, "policyName").is_empty() {
                causes.push(Cause::required(path.child("policyName"), ""));
            }
            if read::text(object, "kind").starts_with("Validating") {
                check_actions(spec, &path, causes);
            }
        }
        kind => check_policy(spec, kind.starts_with("Mutating"), &path, causes),
    }
}

fn check_policy(spec: &Value, is_mutating: bool, path: &Path, causes: &mut Vec<Cause>) {
    one_of(spec, "failurePolicy", &["Fail", "Ignore"], path, causes);
    let constraints = &spec["matchConstraints"];
    if constraints.is_null() {
        causes.push(Cause::required(path.child("matchConstraints"), ""));
    } else if read::list(constraints, "resourceRules").is_empty() {
        causes.push(Cause::required(
            path.child("matchConstraints").child("resourceRules"),
            "",
        ));
    }
    let expression =
        |of: &Value, field: &str, path: &Path, causes: &mut Vec<Cause>| match read::text(of, field) {
            "" => causes.push(Cause::required(
                path.child(field),
                &format!("{field} is not specified"),
            )),
            text => compile(text, &path.child(field), causes),
        };
    for (index, condition) in read::list(spec, "matchConditions").iter().enumerate() {
        let path = path.child("matchConditions").index(index);
        match read::text(condition, "expression") {
            "" => causes.push(Cause::required(path.child("expression"), "")),
            text => compile(text, &path.child("expression"), causes),
        }
        match read::text(condition, "name") {
            "" => causes.push(Cause::required(path.child("name"), "")),
            name => formed(name, names::qualified_name(name), &path.child("name"), causes),
        }
    }
    for (index, variable) in read::list(spec, "variables").iter().enumerate() {
        expression(
            variable,
            "expression",
            &path.child("variables").index(index),
            causes,
        );
    }
    if is_mutating {
        let mutations = read::list(spec, "mutations");
        if mutations.is_empty() {
            causes.push(Cause::required(
                path.child("mutations"),
                "mutations must contain at least one item",
            ));
        }
        for (index, mutation) in mutations.iter().enumerate() {
            let path = path.child("mutations").index(index);
            let (kind, field, other) = match read::text(mutation, "patchType") {
                "JSONPatch" => ("jsonPatch", "JSONPatch", "applyConfiguration"),
                "ApplyConfiguration" => ("applyConfiguration", "ApplyConfiguration", "jsonPatch"),
                other => {
                    let supported = ["ApplyConfiguration", "JSONPatch"];
                    causes.push(Cause::not_supported(
                        path.child("patchType"),
                        &other.into(),
                        &supported,
                    ));
                    continue;
                }
            };
            if mutation[kind].is_null() {
                let detail = format!("must be specified when patchType is {field}");
                causes.push(Cause::required(path.child(kind), &detail));
            } else {
                expression(&mutation[kind], "expression", &path.child(kind), causes);
            }
            if !mutation[other].is_null() {
                let detail = format!("must not be specified when patchType is {field}");
                let value = format!("{{{other}}}").into();
                causes.push(Cause::invalid(path.child(other), &value, &detail));
            }
        }
        one_of(spec, "reinvocationPolicy", &["Never", "IfNeeded"], path, causes);
        return;
    }
    let (validations, annotations) = (
        read::list(spec, "validations"),
        read::list(spec, "auditAnnotations"),
    );
    if validations.is_empty() && annotations.is_empty() {
        let detail = "validations or auditAnnotations must contain at least one item";
        causes.push(Cause::required(path.child("validations"), detail));
        causes.push(Cause::required(path.child("auditAnnotations"), detail));
    }
    for (index, validation) in validations.iter().enumerate() {
        let path = path.child("validations").index(index);
        expression(validation, "expression", &path, causes);
        let message = read::text(validation, "messageExpression");
        if !message.is_empty() {
            compile(message, &path.child("messageExpression"), causes);
        }
    }
    for (index, annotation) in annotations.iter().enumerate() {
        expression(
            annotation,
            "valueExpression",
            &path.child("auditAnnotations").index(index),
            causes,
        );
    }
}

fn compile(expression: &str, path: &Path, causes: &mut Vec<Cause>) {
    if let Err(fault) = Expression::compile(expression, &VARIABLES) {
        causes.push(Cause::invalid(path, &expression.into(), &fault));
    }
}

fn check_actions(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let actions = read::list(spec, "validationActions");
    let path = path.child("validationActions");
    if actions.is_empty() {
        causes.push(Cause::required(
            &path,
            "at least one validation action is required",
        ));
    }
    let supported = ["Audit", "Deny", "Warn"];
    for (index, action) in actions.iter().enumerate() {
        if !action.as_str().is_some_and(|action| supported.contains(&action)) {
            causes.push(Cause::not_supported(path.index(index), action, &supported));
        }
    }
    let has = |name: &str| actions.iter().any(|action| action.as_str() == Some(name));
    if has("Deny") && has("Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the \
                      API response and headers serves no purpose)";
        causes.push(Cause::invalid(path, &spec["validationActions"], detail));
    }
}

fn check_webhooks(object: &Value, causes: &mut Vec<Cause>) {
    for (index, webhook) in read::list(object, "webhooks").iter().enumerate() {
        let path = Path::new("webhooks").index(index);
        let name = read::text(webhook, "name");
        match name {
            "" => causes.push(Cause::required(path.child("name"), "")),
            name if name.split('.').count() < 3 => {
                let detail = "should be a domain with at least three segments separated by dots";
                causes.push(Cause::invalid(path.child("name"), &name.into(), detail));
            }
            name => formed(name, names::dns1123_subdomain(name), &path.child("name"), causes),
        }
        one_of(webhook, "failurePolicy", &["Fail", "Ignore"], &path, causes);
        one_of(webhook, "sideEffects", &["None", "NoneOnDryRun"], &path, causes);
        let versions = read::list(webhook, "admissionReviewVersions");
        if versions.is_empty() {
            let detail = "must specify one of v1, v1beta1";
            causes.push(Cause::required(path.child("admissionReviewVersions"), detail));
        }
        let client = &webhook["clientConfig"];
        if read::has(client, "url") == read::has(client, "service") {
            let detail = "exactly one of url or service is required";
            causes.push(Cause::required(path.child("clientConfig"), detail));
        }
        if let Some(seconds) =
            read::whole(webhook, "timeoutSeconds").filter(|seconds| !(1..=30).contains(seconds))
        {
            let detail = "the timeout value must be between 1 and 30 seconds";
            causes.push(Cause::invalid(
                path.child("timeoutSeconds"),
                &seconds.into(),
                detail,
            ));
        }
    }
}
