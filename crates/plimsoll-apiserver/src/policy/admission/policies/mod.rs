//! Admission policies: rules in expressions, bound to what they are about.

mod apply;
mod mutating;
mod validating;

use std::sync::Arc;

use serde_json::Value;

use super::{
    Request,
    expressions::{Compiled, Conditions, Inputs, Variables, name_of},
    matching,
};
use crate::{
    GroupResource,
    policy::{
        View,
        fields::{items, text},
        selector,
    },
};

pub(super) use mutating::Mutating;
pub(super) use validating::Validating;

/// A policy, compiled, with its bindings.
#[derive(Debug)]
struct Policy<R> {
    object: Arc<Value>,
    bindings: Vec<Arc<Value>>,
    conditions: Conditions,
    /// What it does.
    rules: Vec<R>,
}

/// Policies of one kind with their bindings, sorted by name; without bindings they do nothing.
fn read<R>(
    view: &dyn View,
    policies: &GroupResource,
    bindings: &GroupResource,
    rules: impl Fn(&Value, &Variables, bool) -> Vec<R>,
) -> Vec<Policy<R>> {
    let bindings = view.list(bindings, None);
    view.list(policies, None)
        .into_iter()
        .filter_map(|object| {
            let spec = &object["spec"];
            let bindings: Vec<_> = bindings
                .iter()
                .filter(|binding| text(&binding["spec"], "policyName") == name_of(&object))
                .cloned()
                .collect();
            if bindings.is_empty() {
                return None;
            }
            let params = spec["paramKind"].is_object();
            let variables = Variables::read(spec);
            Some(Policy {
                conditions: Conditions::read(spec, &variables, params),
                rules: rules(spec, &variables, params),
                object: object.clone(),
                bindings,
            })
        })
        .collect()
}

impl<R> Policy<R> {
    fn name(&self) -> &str {
        name_of(&self.object)
    }

    fn spec(&self) -> &Value {
        &self.object["spec"]
    }

    /// Whether what goes wrong with the policy is to be overlooked.
    fn ignores_failures(&self) -> bool {
        text(self.spec(), "failurePolicy") == "Ignore"
    }

    /// The version in which the policy is about the request, if it is.
    fn version(&self, view: &dyn View, request: &Request) -> Option<String> {
        matching::version(view, request, &self.spec()["matchConstraints"], "resourceRules")
    }

    /// The bindings that are about the request.
    fn bound<'a>(&'a self, view: &'a dyn View, request: &'a Request) -> impl Iterator<Item = &'a Value> {
        self.bindings
            .iter()
            .map(AsRef::as_ref)
            .filter(|binding: &&Value| {
                let criteria = &binding["spec"]["matchResources"];
                criteria.is_null() || matching::version(view, request, criteria, "resourceRules").is_some()
            })
    }

    /// The parameters that a binding brings; a null for a policy without.
    ///
    /// # Errors
    /// How the server says that they are not there or not right; whether it blames the policy or the binding.
    fn params(&self, view: &dyn View, request: &Request, binding: &Value) -> Result<Vec<Value>, String> {
        let kind = &self.spec()["paramKind"];
        let reference = &binding["spec"]["paramRef"];
        if kind.is_null() {
            return Ok(vec![Value::Null]);
        }
        let (api_version, kind) = (text(kind, "apiVersion"), text(kind, "kind"));
        let (of, namespaced) = view.collection(api_version, kind).ok_or_else(|| {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            format!(
                "failed to configure policy: failed to find resource referenced by paramKind: '{group}/{version}, \
                 Kind={kind}'"
            )
        })?;
        if reference.is_null() {
            return Ok(vec![Value::Null]);
        }
        let failed = |why: &str| format!("failed to configure binding: {why}");
        let namespace = match (namespaced, text(reference, "namespace")) {
            (false, "") => None,
            (false, _) => {
                let why = "paramRef.namespace must not be provided for a cluster-scoped `paramKind`";
                return Err(failed(why));
            }
            (true, "") => match request.namespace.as_deref() {
                None | Some("") => {
                    let why = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources";
                    return Err(failed(why));
                }
                own => own,
            },
            (true, own) => Some(own),
        };
        let found: Vec<Arc<Value>> = match text(reference, "name") {
            "" => view
                .list(&of, namespace)
                .into_iter()
                .filter(|object| selector::matches(&reference["selector"], &object["metadata"]["labels"]))
                .collect(),
            name => view.get(&of, namespace, name).into_iter().collect(),
        };
        if found.is_empty() && text(reference, "parameterNotFoundAction") == "Deny" {
            let why = "no params found for policy binding with `Deny` parameterNotFoundAction";
            return Err(failed(why));
        }
        Ok(found
            .iter()
            .map(|object| crate::convert::from_hub(object, api_version))
            .collect())
    }
}

/// Compiled expressions of a list.
fn compile_all(
    of: &Value,
    list: &str,
    field: &str,
    variables: &Variables,
    params: bool,
) -> Vec<(Value, Compiled)> {
    items(of, list)
        .map(|item| {
            let compiled = Compiled::new(text(item, field), variables, params);
            (item.clone(), compiled)
        })
        .collect()
}

/// The same inputs with these parameters.
fn with_params(inputs: &Inputs, params: &Value) -> Inputs {
    let mut inputs = inputs.clone();
    inputs.params = params.clone();
    inputs
}

#[cfg(test)]
mod tests;
