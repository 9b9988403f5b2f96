//! `x-kubernetes-validations`: rules in CEL on one value of a custom resource.

use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

use super::{Cause, CauseReason, graph::View, path::Path};
use crate::cel::{Expression, Variable};

/// One rule; compiled when it is first needed.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) source: String,
    message: String,
    message_expression: Option<String>,
    reason: CauseReason,
    field_path: String,
    optional_old: bool,
    uses_old: bool,
    compiled: OnceLock<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    rule: Result<Expression, String>,
    message: Option<Result<Expression, String>>,
}

impl Rule {
    pub(crate) fn parse(rule: &Value) -> Self {
        let text = |name: &str| {
            rule.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let source = text("rule");
        Self {
            uses_old: Regex::new(r"\boldSelf\b").is_ok_and(|old| old.is_match(&source)),
            source,
            message: text("message"),
            message_expression: Some(text("messageExpression")).filter(|expression| !expression.is_empty()),
            reason: match text("reason").as_str() {
                "FieldValueForbidden" => CauseReason::Forbidden,
                "FieldValueRequired" => CauseReason::Required,
                "FieldValueDuplicate" => CauseReason::Duplicate,
                _ => CauseReason::Invalid,
            },
            field_path: text("fieldPath"),
            optional_old: rule
                .get("optionalOldSelf")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            compiled: OnceLock::new(),
        }
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let compile = |source: &str| Expression::compile(source, &["self", "oldSelf"]);
            Compiled {
                rule: compile(&self.source),
                message: self.message_expression.as_deref().map(compile),
            }
        })
    }

    /// What keeps it from being compiled, at the field of the rule that is to blame.
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let compiled = self.compiled();
        let mut faults = Vec::new();
        match &compiled.rule {
            Err(fault) => faults.push(("rule", fault.clone())),
            Ok(rule) if rule.is_no_truth() => {
                faults.push(("rule", "cel expression must evaluate to a bool".to_owned()));
            }
            Ok(_) => {}
        }
        if let Some(Err(fault)) = &compiled.message {
            faults.push(("messageExpression", fault.clone()));
        }
        if self.optional_old && !self.uses_old {
            faults.push((
                "optionalOldSelf",
                "may not be set if oldSelf is not used in rule".to_owned(),
            ));
        }
        faults
    }

    /// Whether it only concerns a change.
    pub(crate) fn uses_old(&self) -> bool {
        self.uses_old
    }

    /// What it has against a value.
    pub(crate) fn check(
        &self,
        schema: View<'_>,
        value: &Value,
        old: Option<&Value>,
        path: &Path,
    ) -> Option<Cause> {
        if self.uses_old && old.is_none() && !self.optional_old {
            return None;
        }
        let kind = schema.type_name();
        let named = || {
            if self.message.is_empty() {
                &self.source
            } else {
                &self.message
            }
        };
        let compiled = self.compiled();
        let expression = match &compiled.rule {
            Ok(expression) => expression,
            Err(fault) => {
                return Some(Cause::invalid(
                    path,
                    &kind.into(),
                    &format!("rule compile error: {fault}"),
                ));
            }
        };
        let old = match self.optional_old {
            true => Variable::Optional(old, schema),
            false => Variable::Typed(old.unwrap_or(&Value::Null), schema),
        };
        let variables = [("self", Variable::Typed(value, schema)), ("oldSelf", old)];
        match expression.holds_for(&variables) {
            Ok(true) => None,
            Ok(false) => {
                let message = compiled
                    .message
                    .as_ref()
                    .and_then(|message| message.as_ref().ok());
                let said = message
                    .and_then(|message| message.text(&variables).ok())
                    .filter(|text| is_message(text));
                let detail = said.unwrap_or_else(|| match self.message.as_str() {
                    "" => format!("failed rule: {}", self.source),
                    message => message.to_owned(),
                });
                Some(self.cause(schema, value, path, &detail))
            }
            Err(fault) if fault.starts_with("no such overload") => {
                let detail = format!(
                    "'{fault}': call arguments did not match a supported operator, function or macro signature for \
                     rule: {}",
                    named()
                );
                Some(Cause::invalid(path, &kind.into(), &detail))
            }
            Err(fault) if fault.starts_with("operation cancelled") => {
                let detail = format!(
                    "'{fault}': no further validation rules will be run due to call cost exceeds limit for rule: {}",
                    named()
                );
                Some(Cause::invalid(path, &kind.into(), &detail))
            }
            Err(fault) => Some(Cause::invalid(
                path,
                &kind.into(),
                &format!("{fault} evaluating rule: {}", named()),
            )),
        }
    }

    fn cause(&self, schema: View<'_>, value: &Value, path: &Path, detail: &str) -> Cause {
        let path = match self.field_path.strip_prefix('.') {
            Some(below) if path.is_root() => Path::new(below),
            Some(below) => path.child(below),
            None if self.field_path.is_empty() => path.clone(),
            None => Path::new(&format!("{path}{}", self.field_path)),
        };
        let is_compound = schema.fields().is_some() || schema.list().is_some();
        match self.reason {
            CauseReason::Forbidden => Cause::forbidden(path, detail),
            CauseReason::Required => Cause::required(path, detail),
            CauseReason::Duplicate if is_compound => Cause::without_value(self.reason, path, ""),
            CauseReason::Duplicate => Cause::duplicate(path, value),
            _ if is_compound => Cause::without_value(CauseReason::Invalid, path, detail),
            _ => Cause::invalid(path, value, detail),
        }
    }
}

fn is_message(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n') && text.len() <= 5 * 1024
}
