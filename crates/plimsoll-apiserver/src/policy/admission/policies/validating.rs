//! ValidatingAdmissionPolicies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        Request,
        expressions::{Compiled, Inputs, Variables, name_of},
        matching,
    },
    Policy, compile_all, read, with_params,
};
use crate::{
    Reason, Status,
    policy::{
        View,
        cached::Cached,
        fields::{items, strings, text},
    },
    resources,
};

/// How long the value of an audit annotation may be.
const LONGEST_ANNOTATION: usize = 10 * 1024;
/// How long a message from an expression may be.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// One part of a policy.
#[derive(Debug)]
enum Rule {
    /// What has to hold, and what is said where it does not.
    Holds {
        validation: Value,
        expression: Compiled,
        message: Option<Compiled>,
    },
    /// What the audit log is told.
    Tells { key: String, expression: Compiled },
}

/// The policies, compiled.
#[derive(Debug)]
pub(in crate::policy::admission) struct Validating {
    policies: Cached<Vec<Policy<Rule>>>,
}

impl Default for Validating {
    fn default() -> Self {
        Self {
            policies: Cached::of(vec![
                resources::VALIDATING_ADMISSION_POLICIES,
                resources::VALIDATING_ADMISSION_POLICY_BINDINGS,
            ]),
        }
    }
}

/// Why a policy refuses.
struct Denial {
    policy: String,
    /// None where the policy itself is to blame.
    binding: Option<String>,
    message: String,
    reason: Reason,
}

/// What a policy finds.
struct Finding {
    at: usize,
    message: String,
    reason: Reason,
}

impl Validating {
    /// Judges a request.
    pub(in crate::policy::admission) fn validate(
        &self,
        view: &dyn View,
        request: &mut Request,
    ) -> Result<(), Status> {
        if matching::is_exempt(request) {
            return Ok(());
        }
        let policies = self.policies.get(view, || {
            read(
                view,
                &resources::VALIDATING_ADMISSION_POLICIES,
                &resources::VALIDATING_ADMISSION_POLICY_BINDINGS,
                rules,
            )
        });
        let mut denials = Vec::new();
        for policy in policies.iter() {
            if let Some(version) = policy.version(view, request) {
                judge(policy, view, request, &version, &mut denials);
            }
        }
        match denials.into_iter().next() {
            Some(denial) => Err(denial.status(request)),
            None => Ok(()),
        }
    }
}

fn rules(spec: &Value, variables: &Variables, params: bool) -> Vec<Rule> {
    let holds = compile_all(spec, "validations", "expression", variables, params)
        .into_iter()
        .map(|(validation, expression)| {
            let message = match text(&validation, "messageExpression") {
                "" => None,
                source => Some(Compiled::new(source, variables, params)),
            };
            Rule::Holds {
                validation,
                expression,
                message,
            }
        });
    let tells = compile_all(spec, "auditAnnotations", "valueExpression", variables, params)
        .into_iter()
        .map(|(annotation, expression)| Rule::Tells {
            key: text(&annotation, "key").to_owned(),
            expression,
        });
    holds.chain(tells).collect()
}

fn judge(
    policy: &Policy<Rule>,
    view: &dyn View,
    request: &mut Request,
    version: &str,
    denials: &mut Vec<Denial>,
) {
    let bound: Vec<Value> = policy.bound(view, request).cloned().collect();
    if bound.is_empty() {
        return;
    }
    let inputs = Inputs::new(view, request, version);
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for binding in bound {
        let deny = |binding: Option<&Value>, message: String, reason: Reason| Denial {
            policy: policy.name().to_owned(),
            binding: binding.map(|binding| name_of(binding).to_owned()),
            message,
            reason,
        };
        let params = match policy.params(view, request, &binding) {
            Ok(params) => params,
            Err(why) => {
                if !policy.ignores_failures() {
                    let blamed = why.starts_with("failed to configure binding").then_some(&binding);
                    denials.push(deny(blamed, why, Reason::Invalid));
                }
                continue;
            }
        };
        for params in params {
            let inputs = with_params(&inputs, &params);
            for finding in findings(policy, &inputs) {
                for action in strings(&binding["spec"], "validationActions") {
                    match action.as_str() {
                        "Deny" => {
                            denials.push(deny(Some(&binding), finding.message.clone(), finding.reason));
                        }
                        "Warn" => request.warnings.push(format!(
                            "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                            policy.name(),
                            name_of(&binding),
                            finding.message
                        )),
                        "Audit" => note(policy, request, &binding, &finding),
                        _ => {}
                    }
                }
            }
            for annotation in annotations(policy, &inputs) {
                match annotation {
                    Ok((key, value)) => {
                        let values = told.entry(key).or_default();
                        if !values.contains(&value) {
                            values.push(value);
                        }
                    }
                    Err(why) => denials.push(deny(Some(&binding), why, Reason::Invalid)),
                }
            }
        }
    }
    for (key, values) in told {
        let key = format!("{}/{key}", policy.name());
        request.audit.insert(key, values.join(", "));
    }
}

/// What is wrong, by the policy's own rules; a failure of one of them counts unless failures are ignored.
fn findings(policy: &Policy<Rule>, inputs: &Inputs) -> Vec<Finding> {
    let failure = |at: usize, message: String| {
        (!policy.ignores_failures()).then_some(Finding {
            at,
            message,
            reason: Reason::Invalid,
        })
    };
    match policy.conditions.hold(inputs) {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(why) => return failure(0, why).into_iter().collect(),
    }
    let validations = policy.rules.iter().filter_map(|rule| match rule {
        Rule::Holds {
            validation,
            expression,
            message,
        } => Some((validation, expression, message)),
        Rule::Tells { .. } => None,
    });
    validations
        .enumerate()
        .filter_map(
            |(at, (validation, expression, message))| match expression.holds(inputs) {
                Ok(true) => None,
                Ok(false) => Some(Finding {
                    at,
                    message: worded(validation, expression, message.as_ref(), inputs),
                    reason: match text(validation, "reason") {
                        "Forbidden" => Reason::Forbidden,
                        "Unauthorized" => Reason::Unauthorized,
                        _ => Reason::Invalid,
                    },
                }),
                Err(why) => failure(at, why),
            },
        )
        .collect()
}

/// What is said of something that does not hold.
fn worded(validation: &Value, expression: &Compiled, message: Option<&Compiled>, inputs: &Inputs) -> String {
    let composed = message
        .and_then(|message| message.evaluate(inputs).ok())
        .and_then(|message| message.as_str().map(|message| message.trim().to_owned()))
        .filter(|message| message.len() <= LONGEST_MESSAGE && !message.contains('\n'));
    [
        composed.as_deref().unwrap_or_default(),
        text(validation, "message").trim(),
    ]
    .into_iter()
    .find(|message| !message.is_empty())
    .map_or_else(
        || format!("failed expression: {}", expression.source()),
        str::to_owned,
    )
}

/// What the audit log is told, or why that can't be said.
fn annotations(policy: &Policy<Rule>, inputs: &Inputs) -> Vec<Result<(String, String), String>> {
    if policy.conditions.hold(inputs) != Ok(true) {
        return Vec::new();
    }
    let told = policy.rules.iter().filter_map(|rule| match rule {
        Rule::Tells { key, expression } => Some((key, expression)),
        Rule::Holds { .. } => None,
    });
    told.filter_map(|(key, expression)| match expression.evaluate(inputs) {
        Ok(Value::Null) => None,
        Ok(Value::String(value)) => {
            let value: String = value.trim().chars().take(LONGEST_ANNOTATION).collect();
            (!value.is_empty()).then(|| Ok((key.clone(), value)))
        }
        Ok(_) => Some(Err(format!(
            "valueExpression '{}' resulted in unsupported return type. Return type must be either string or null.",
            expression.source()
        ))),
        Err(why) => (!policy.ignores_failures()).then_some(Err(why)),
    })
    .collect()
}

fn note(policy: &Policy<Rule>, request: &mut Request, binding: &Value, finding: &Finding) {
    let actions: Vec<&Value> = items(&binding["spec"], "validationActions").collect();
    let note = json!([{
        "message": finding.message,
        "policy": policy.name(),
        "binding": name_of(binding),
        "expressionIndex": finding.at,
        "validationActions": actions,
    }]);
    let key = "validation.policy.admission.k8s.io/validation_failure".to_owned();
    request.audit.insert(key, note.to_string());
}

impl Denial {
    fn status(self, request: &Request) -> Status {
        let with = self
            .binding
            .map_or_else(String::new, |binding| format!(" with binding '{binding}'"));
        let message = format!(
            "ValidatingAdmissionPolicy '{}'{with} denied request: {}",
            self.policy, self.message
        );
        let mut status = request.forbidden(&message);
        status.reason = self.reason;
        status.details["causes"] = json!([{"message": message}]);
        status
    }
}
