//! Whether policies and webhooks are about a request.

use serde_json::Value;

use super::{Operation, Request};
use crate::{
    policy::{
        View,
        fields::{items, meta, text},
        selector,
    },
    resources,
};

/// Kinds that configure admission are not subject to it, or nobody could repair it.
pub(super) fn is_exempt(request: &Request) -> bool {
    request.of.group == "admissionregistration.k8s.io"
}

/// The version in which something is about the request, by its selectors; `rules` and `match_policy` as objects hold
/// them. None if it isn't.
pub(super) fn version(view: &dyn View, request: &Request, criteria: &Value, rules: &str) -> Option<String> {
    if !in_namespace(view, request, &criteria["namespaceSelector"])
        || !chosen(request, &criteria["objectSelector"])
    {
        return None;
    }
    let equivalent = text(criteria, "matchPolicy") != "Exact";
    let find = |list: &str| by_rules(view, request, criteria, list, equivalent);
    if find("excludeResourceRules").is_some() {
        return None;
    }
    if items(criteria, rules).next().is_none() && rules == "resourceRules" {
        return Some(request.version.clone());
    }
    find(rules)
}

fn by_rules(
    view: &dyn View,
    request: &Request,
    criteria: &Value,
    list: &str,
    equivalent: bool,
) -> Option<String> {
    let about = |version: &str| {
        items(criteria, list).any(|rule| rule_is_about(rule, request, version) && names(rule, &request.name))
    };
    if about(&request.version) {
        return Some(request.version.clone());
    }
    if !equivalent {
        return None;
    }
    let mut others = view.versions(&request.of);
    others.retain(|version| *version != request.version);
    // Earlier rules come first, whatever version they are about.
    items(criteria, list).find_map(|rule| {
        others
            .iter()
            .find(|version| rule_is_about(rule, request, version) && names(rule, &request.name))
            .cloned()
    })
}

/// Whether a rule names the object, if it names any.
fn names(rule: &Value, name: &str) -> bool {
    let mut named = items(rule, "resourceNames").peekable();
    named.peek().is_none() || named.any(|own| own == name)
}

fn rule_is_about(rule: &Value, request: &Request, version: &str) -> bool {
    let has = |field: &str, wanted: &str| items(rule, field).any(|own| own == "*" || own == wanted);
    let namespaced = request.namespace.is_some() && !request.is_namespace();
    let scope = match text(rule, "scope") {
        "Namespaced" => namespaced,
        "Cluster" => !namespaced,
        _ => true,
    };
    let subresource = request.subresource.as_deref().unwrap_or_default();
    let resource = items(rule, "resources").filter_map(Value::as_str).any(|own| {
        let (own, sub) = own.split_once('/').unwrap_or((own, ""));
        (own == "*" || own == request.of.resource) && (sub == "*" || sub == subresource)
    });
    scope
        && resource
        && has("operations", request.operation.name())
        && has("apiGroups", &request.of.group)
        && has("apiVersions", version)
}

/// Whether a selector is given and chooses only some.
fn selects(selector: &Value) -> bool {
    selector.as_object().is_some_and(|fields| !fields.is_empty())
}

fn in_namespace(view: &dyn View, request: &Request, selector: &Value) -> bool {
    if !selects(selector) {
        return true;
    }
    let stored = |name: &str| view.get(&resources::NAMESPACES, None, name);
    if request.is_namespace() {
        let written = request.subresource.is_none()
            && matches!(request.operation, Operation::Create | Operation::Update);
        return match request.object.as_ref().filter(|_| written) {
            Some(namespace) => selector::matches(selector, &namespace["metadata"]["labels"]),
            None => stored(&request.name)
                .is_some_and(|namespace| selector::matches(selector, &namespace["metadata"]["labels"])),
        };
    }
    match request.namespace.as_deref() {
        // Objects of the cluster can't be exempted by namespace.
        None | Some("") => true,
        Some(name) => stored(name)
            .is_some_and(|namespace| selector::matches(selector, &namespace["metadata"]["labels"])),
    }
}

fn chosen(request: &Request, selector: &Value) -> bool {
    if !selects(selector) {
        return true;
    }
    [request.object.as_ref(), request.old.as_deref()]
        .into_iter()
        .flatten()
        .any(|object| selector::matches(selector, &object["metadata"]["labels"]))
}

/// The uid or, failing that, the name of a configuration, to know it again.
pub(super) fn identity(object: &Value) -> String {
    match meta(object, "uid") {
        "" => meta(object, "name").to_owned(),
        uid => uid.to_owned(),
    }
}
