//! Expressions of policies and match conditions, with what they may look at.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::{
    cel::{Bindings, Expression},
    convert,
    policy::{
        View,
        fields::{items, meta, text},
    },
    resources,
};

/// An expression as an object holds it: compiled, or why it can't be.
#[derive(Debug)]
pub(super) struct Compiled {
    source: String,
    expression: Result<Expression, String>,
}

impl Compiled {
    /// Compiles an expression; `variables` stand for expressions of their own.
    pub(super) fn new(source: &str, variables: &Variables, params: bool) -> Self {
        let mut names = vec!["object", "oldObject", "request", "namespaceObject"];
        if params {
            names.push("params");
        }
        Self {
            source: source.to_owned(),
            expression: Expression::compile(&variables.spell_out(source), &names),
        }
    }

    /// Its value, or why it has none, in the server's words.
    pub(super) fn evaluate(&self, inputs: &Inputs) -> Result<Value, String> {
        let value = self.compiled()?.evaluate(&inputs.bindings());
        value.map_err(|why| self.failed(&why))
    }

    /// Whether it holds, or why that can't be said.
    pub(super) fn holds(&self, inputs: &Inputs) -> Result<bool, String> {
        let holds = self.compiled()?.holds(&inputs.bindings());
        holds.map_err(|why| self.failed(&why))
    }

    /// Its text, without space around it.
    pub(super) fn source(&self) -> &str {
        self.source.trim()
    }

    fn compiled(&self) -> Result<&Expression, String> {
        let expression = self.expression.as_ref();
        expression.map_err(|why| format!("compilation error: {why}"))
    }

    fn failed(&self, why: &str) -> String {
        format!("expression '{}' resulted in error: {why}", self.source)
    }
}

/// The `variables` of a policy.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Reads a policy's list; each may use those before it.
    pub(super) fn read(spec: &Value) -> Self {
        let mut variables = Self::default();
        for variable in items(spec, "variables") {
            let expression = variables.spell_out(text(variable, "expression"));
            variables.0.insert(text(variable, "name").to_owned(), expression);
        }
        variables
    }

    /// The expression with every `variables.name` replaced by what it stands for.
    ///
    /// So a variable is evaluated where and when it is used, and keeps its type.
    fn spell_out(&self, source: &str) -> String {
        if self.0.is_empty() {
            return source.to_owned();
        }
        let mut spelled = String::with_capacity(source.len());
        let mut rest = source;
        let mut previous = ' ';
        while let Some(first) = rest.chars().next() {
            let length = literal(rest, previous).unwrap_or(first.len_utf8());
            let (part, after) = rest.split_at(length);
            let starts = !(previous.is_alphanumeric() || matches!(previous, '_' | '.'));
            if starts && let Some((expression, after)) = self.reference(rest) {
                spelled.push_str(&format!("({expression})"));
                rest = after;
                previous = ')';
                continue;
            }
            spelled.push_str(part);
            previous = part.chars().next_back().unwrap_or(' ');
            rest = after;
        }
        spelled
    }

    /// What a reference at the beginning of the text stands for, and the text after it.
    fn reference<'a>(&self, source: &'a str) -> Option<(&str, &'a str)> {
        let rest = source.strip_prefix("variables")?.trim_start();
        let rest = rest.strip_prefix('.')?.trim_start();
        let end = rest
            .find(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.0.get(name).map(|expression| (expression.as_str(), rest))
    }
}

/// The length of a text in quotes at the beginning, its prefix included.
fn literal(source: &str, previous: char) -> Option<usize> {
    let word = previous.is_alphanumeric() || previous == '_';
    let prefix = match source.find(['"', '\'']) {
        Some(at) if at <= 2 && source[..at].bytes().all(|letter| b"rRbB".contains(&letter)) => at,
        _ => return None,
    };
    if word && prefix > 0 {
        return None;
    }
    let raw = source[..prefix].contains(['r', 'R']);
    let quoted = &source[prefix..];
    let quote = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quote| quoted.starts_with(quote))?;
    let mut at = quote.len();
    while let Some(rest) = quoted.get(at..) {
        if rest.starts_with(quote) {
            return Some(prefix + at + quote.len());
        }
        let mut letters = rest.chars();
        let letter = letters.next()?;
        at += letter.len_utf8();
        if letter == '\\' && !raw {
            at += letters.next().map_or(0, char::len_utf8);
        }
    }
    None
}

/// What expressions look at.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    pub(super) object: Value,
    old_object: Value,
    request: Value,
    namespace: Value,
    pub(super) params: Value,
}

impl Inputs {
    /// A request as it looks in a version of its kind.
    pub(super) fn new(view: &dyn View, request: &Request, version: &str) -> Self {
        let in_version =
            |object: Option<&Value>| object.map_or(Value::Null, |object| versioned(object, request, version));
        let namespace = match request.namespace.as_deref() {
            Some(name) if !request.is_namespace() => view.get(&resources::NAMESPACES, None, name),
            _ => None,
        };
        Self {
            object: in_version(request.object.as_ref()),
            old_object: in_version(request.old.as_deref()),
            request: about(request, version),
            namespace: namespace.map_or(Value::Null, |namespace| shown_namespace(&namespace)),
            params: Value::Null,
        }
    }

    fn bindings(&self) -> Bindings<'_> {
        Bindings::from([
            ("object", &self.object),
            ("oldObject", &self.old_object),
            ("request", &self.request),
            ("namespaceObject", &self.namespace),
            ("params", &self.params),
        ])
    }
}

/// An object of the request's collection in a version of its kind.
pub(super) fn versioned(object: &Value, request: &Request, version: &str) -> Value {
    let api_version = match request.of.group.as_ref() {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    if text(object, "apiVersion") == api_version {
        object.clone()
    } else {
        convert::from_hub(object, &api_version)
    }
}

/// The AdmissionRequest, without the objects.
pub(super) fn about(request: &Request, version: &str) -> Value {
    let kind = |version: &str| json!({"group": request.of.group, "version": version, "kind": request.kind});
    let resource = |version: &str| json!({"group": request.of.group, "version": version, "resource": request.of.resource});
    let subresource = request.subresource.clone().unwrap_or_default();
    // A namespace is in itself.
    let namespace = match request.is_namespace() {
        true => request.name.clone(),
        false => request.namespace.clone().unwrap_or_default(),
    };
    let mut about = json!({
        "kind": kind(version),
        "resource": resource(version),
        "requestKind": kind(&request.version),
        "requestResource": resource(&request.version),
        "operation": request.operation.name(),
        "userInfo": {"username": request.user.name, "groups": request.user.groups},
        "dryRun": request.dry_run,
    });
    for (field, value) in [
        ("name", &request.name),
        ("namespace", &namespace),
        ("subResource", &subresource),
        ("requestSubResource", &subresource),
    ] {
        if !value.is_empty() {
            about[field] = json!(value);
        }
    }
    if !request.options.is_null() {
        about["options"] = request.options.clone();
    }
    if request.operation == Operation::Connect {
        about["requestSubResource"] = json!(subresource);
    }
    about
}

/// What expressions see of a namespace.
fn shown_namespace(namespace: &Value) -> Value {
    let mut shown = json!({"metadata": {}, "spec": namespace["spec"], "status": namespace["status"]});
    for field in [
        "name",
        "generateName",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "labels",
        "annotations",
        "finalizers",
    ] {
        let value = &namespace["metadata"][field];
        if !value.is_null() {
            shown["metadata"][field] = value.clone();
        }
    }
    shown
}

/// Named conditions that all have to hold.
#[derive(Debug, Default)]
pub(super) struct Conditions(Vec<Compiled>);

impl Conditions {
    /// Reads `matchConditions`.
    pub(super) fn read(of: &Value, variables: &Variables, params: bool) -> Self {
        let conditions = items(of, "matchConditions");
        Self(
            conditions
                .map(|condition| Compiled::new(text(condition, "expression"), variables, params))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold. One that does not decides, whatever fails beside it; otherwise the failures are told.
    pub(super) fn hold(&self, inputs: &Inputs) -> Result<bool, String> {
        let mut failures = Vec::new();
        for condition in &self.0 {
            match condition.holds(inputs) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => failures.push(why),
            }
        }
        match failures.as_slice() {
            [] => Ok(true),
            [one] => Err(one.clone()),
            many => Err(format!("[{}]", many.join(", "))),
        }
    }
}

/// The name of an object in the words of policies.
pub(super) fn name_of(object: &Value) -> &str {
    meta(object, "name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_spelled_out_where_they_are_used_and_nowhere_else() {
        let spec = json!({"variables": [
            {"name": "labels", "expression": "object.metadata.labels"},
            {"name": "team", "expression": "variables.labels.team"},
        ]});
        let variables = Variables::read(&spec);
        for (source, spelled) in [
            ("variables.team == 'x'", "((object.metadata.labels).team) == 'x'"),
            ("'variables.team'", "'variables.team'"),
            (
                r#""a\"variables.team" + r"\" + variables.team"#,
                r#""a\"variables.team" + r"\" + ((object.metadata.labels).team)"#,
            ),
            ("object.variables.team", "object.variables.team"),
            ("myvariables.team", "myvariables.team"),
            ("variables . labels", "(object.metadata.labels)"),
            ("variables.unknown", "variables.unknown"),
            (
                "'''variables.team''' + variables.labels",
                "'''variables.team''' + (object.metadata.labels)",
            ),
        ] {
            assert_eq!(variables.spell_out(source), spelled);
        }
    }
}
