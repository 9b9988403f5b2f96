//! Roles and who has them.

use serde_json::Value;

use super::{one_of, read};
use crate::schema::{Cause, path::Path};

/// What is wrong with a role or a binding, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let kind = read::text(object, "kind");
    if kind.ends_with("Binding") {
        check_binding(object, kind, old, causes);
    } else {
        check_rules(object, kind == "Role", causes);
    }
}

fn check_binding(object: &Value, kind: &str, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (role, path) = (&object["roleRef"], Path::new("roleRef"));
    let group = read::text(role, "apiGroup");
    if group != "rbac.authorization.k8s.io" {
        let supported = ["rbac.authorization.k8s.io"];
        causes.push(Cause::not_supported(
            path.child("apiGroup"),
            &group.into(),
            &supported,
        ));
    }
    let kinds: &[&str] = if kind == "RoleBinding" {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    let named = read::text(role, "kind");
    if !kinds.contains(&named) {
        causes.push(Cause::not_supported(path.child("kind"), &named.into(), kinds));
    }
    if read::text(role, "name").is_empty() {
        causes.push(Cause::required(path.child("name"), ""));
    }
    for (index, subject) in read::list(object, "subjects").iter().enumerate() {
        let path = Path::new("subjects").index(index);
        if read::text(subject, "name").is_empty() {
            causes.push(Cause::required(path.child("name"), ""));
        }
        one_of(
            subject,
            "kind",
            &["ServiceAccount", "User", "Group"],
            &path,
            causes,
        );
        let is_account = read::text(subject, "kind") == "ServiceAccount";
        if is_account && kind == "ClusterRoleBinding" && read::text(subject, "namespace").is_empty() {
            causes.push(Cause::required(path.child("namespace"), ""));
        }
    }
    if let Some(old) = old
        && object.get("roleRef") != old.get("roleRef")
    {
        causes.push(Cause::invalid(path, role, "cannot change roleRef"));
    }
}

fn check_rules(object: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    for (index, rule) in read::list(object, "rules").iter().enumerate() {
        let path = Path::new("rules").index(index);
        if read::list(rule, "verbs").is_empty() {
            causes.push(Cause::required(
                path.child("verbs"),
                "verbs must contain at least one value",
            ));
        }
        let (resources, urls) = (read::list(rule, "resources"), read::list(rule, "nonResourceURLs"));
        if !urls.is_empty() {
            if namespaced {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                causes.push(Cause::invalid(
                    path.child("nonResourceURLs"),
                    &rule["nonResourceURLs"],
                    detail,
                ));
            }
            if !resources.is_empty() || !read::list(rule, "apiGroups").is_empty() {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                causes.push(Cause::invalid(
                    path.child("nonResourceURLs"),
                    &rule["nonResourceURLs"],
                    detail,
                ));
            }
            continue;
        }
        if read::list(rule, "apiGroups").is_empty() {
            let detail = "resource rules must supply at least one api group";
            causes.push(Cause::required(path.child("apiGroups"), detail));
        }
        if resources.is_empty() {
            causes.push(Cause::required(
                path.child("resources"),
                "resource rules must supply at least one resource",
            ));
        }
    }
}
