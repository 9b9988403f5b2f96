//! Nobody may grant what they do not hold.

use serde_json::Value;

use super::{Attributes, Rbac, index::RoleRef, rule::Rule};
use crate::{
    GroupResource, Status, User,
    policy::{View, refusal},
    resources,
};

const GROUP: &str = "rbac.authorization.k8s.io";

impl Rbac {
    /// Judges the writing of a Role, ClusterRole, RoleBinding or ClusterRoleBinding: whoever writes one must hold what
    /// it grants, or the verb `escalate` (for roles) or `bind` (for bindings) on it. Anything else passes.
    ///
    /// # Errors
    /// `Forbidden`, in the real server's words.
    pub fn may_grant(
        &self,
        view: &dyn View,
        user: &User,
        of: &GroupResource,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        if *of == resources::ROLES || *of == resources::CLUSTER_ROLES {
            self.may_write_role(view, user, of, old, new)
        } else if *of == resources::ROLE_BINDINGS || *of == resources::CLUSTER_ROLE_BINDINGS {
            self.may_write_binding(view, user, of, old, new)
        } else {
            Ok(())
        }
    }

    fn may_write_role(
        &self,
        view: &dyn View,
        user: &User,
        of: &GroupResource,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        let same = |field: &str| old.is_some_and(|old| old.get(field) == new.get(field));
        if same("rules") && same("aggregationRule") {
            return Ok(());
        }
        let (namespace, name) = place(new);
        let escalate = Attributes {
            user,
            verb: "escalate",
            group: GROUP,
            resource: &of.resource,
            subresource: "",
            namespace,
            name,
            path: "",
        };
        if self.allows(view, &escalate) {
            return Ok(());
        }
        let (held, _) = self.rules(view, user, namespace);
        if !new["aggregationRule"].is_null() && !same("aggregationRule") {
            let everything = [everything_of_resources(), everything_of_paths()];
            if !missing(&held, &everything).is_empty() {
                let why = "must have cluster-admin privileges to use the aggregationRule";
                return Err(refusal::forbidden(of, name, why));
            }
        }
        self.confirm(&held, &Rule::read_all(new), user, of, name)
    }

    fn may_write_binding(
        &self,
        view: &dyn View,
        user: &User,
        of: &GroupResource,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        let same = |field: &str| old.is_some_and(|old| old.get(field) == new.get(field));
        if same("roleRef") && same("subjects") {
            return Ok(());
        }
        let (namespace, name) = place(new);
        let role = new["roleRef"]["name"].as_str().unwrap_or_default();
        let (role, resource) = match new["roleRef"]["kind"].as_str() {
            Some("Role") => (RoleRef::Namespaced(role.to_owned()), "roles"),
            _ => (RoleRef::Cluster(role.to_owned()), "clusterroles"),
        };
        let role_name = match &role {
            RoleRef::Cluster(name) | RoleRef::Namespaced(name) => name,
        };
        let bind = Attributes {
            user,
            verb: "bind",
            group: GROUP,
            resource,
            subresource: "",
            namespace,
            name: role_name,
            path: "",
        };
        if self.allows(view, &bind) {
            return Ok(());
        }
        let Some(rules) = self.rules_of(view, &role, namespace) else {
            let of = GroupResource::new(
                GROUP,
                if resource == "roles" {
                    "roles"
                } else {
                    "clusterroles"
                },
            );
            let mut status = Status::new(crate::Reason::NotFound, format!("{of} {role_name:?} not found"));
            status.details = refusal::details(&of, role_name);
            return Err(status);
        };
        let (held, _) = self.rules(view, user, namespace);
        self.confirm(&held, &rules, user, of, name)
    }

    #[expect(clippy::unused_self, reason = "reads as the last step of both")]
    fn confirm(
        &self,
        held: &[Rule],
        wanted: &[Rule],
        user: &User,
        of: &GroupResource,
        name: &str,
    ) -> Result<(), Status> {
        let missing = missing(held, wanted);
        if missing.is_empty() {
            return Ok(());
        }
        let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
        let rules: Vec<String> = compact(&missing).iter().map(Rule::to_string).collect();
        let why = format!(
            "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
            user.name,
            groups.join(" "),
            rules.join("\n")
        );
        Err(refusal::forbidden(of, name, &why))
    }
}

/// The parts of what is wanted that no rule held covers.
fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut missing: Vec<Rule> = wanted
        .iter()
        .flat_map(Rule::parts)
        .filter(|part| !held.iter().any(|own| own.covers(part)))
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Parts of the same thing made one rule of several verbs again.
pub(super) fn compact(parts: &[Rule]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for part in parts {
        let same = |rule: &&mut Rule| {
            rule.groups == part.groups
                && rule.resources == part.resources
                && rule.names == part.names
                && rule.urls == part.urls
        };
        match rules.iter_mut().find(same) {
            Some(rule) => rule.verbs.extend(part.verbs.iter().cloned()),
            None => rules.push(part.clone()),
        }
    }
    rules
}

fn everything_of_resources() -> Rule {
    let all = || vec!["*".to_owned()];
    Rule {
        verbs: all(),
        groups: all(),
        resources: all(),
        ..Rule::default()
    }
}

fn everything_of_paths() -> Rule {
    let all = || vec!["*".to_owned()];
    Rule {
        verbs: all(),
        urls: all(),
        ..Rule::default()
    }
}

fn place(object: &Value) -> (&str, &str) {
    let field = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    (field("namespace"), field("name"))
}
