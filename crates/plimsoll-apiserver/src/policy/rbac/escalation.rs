//! Nobody may grant what they do not hold.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Attributes, Rbac, evaluate::MASTERS, index::RoleRef, rule::Rule};
use crate::{
    GroupResource, Status, User,
    policy::{View, refusal},
    resources,
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A write of a role or binding.
#[derive(Clone, Copy)]
struct Grant<'a> {
    view: &'a dyn View,
    user: &'a User,
    of: &'a GroupResource,
    namespace: &'a str,
    name: &'a str,
}

impl Rbac {
    /// Judges the writing of a Role, ClusterRole, RoleBinding or ClusterRoleBinding: whoever writes one must hold what
    /// it grants, or the verb `escalate` (for roles) or `bind` (for bindings) on it. Anything else passes.
    ///
    /// # Errors
    /// `Forbidden`, in the real server's words; `NotFound` for a binding to a role that is not there.
    pub fn may_grant(
        &self,
        view: &dyn View,
        user: &User,
        of: &GroupResource,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        if of.group != GROUP || user.is_in(MASTERS) || old.is_some_and(|old| only_collectable(old, new)) {
            return Ok(());
        }
        let field = |field: &str| new["metadata"][field].as_str().unwrap_or_default();
        let grant = Grant {
            view,
            user,
            of,
            namespace: field("namespace"),
            name: field("name"),
        };
        if *of == resources::ROLES || *of == resources::CLUSTER_ROLES {
            self.may_write_role(grant, old, new)
        } else if *of == resources::ROLE_BINDINGS || *of == resources::CLUSTER_ROLE_BINDINGS {
            self.may_bind(grant, &new["roleRef"])
        } else {
            Ok(())
        }
    }

    fn may_write_role(&self, grant: Grant<'_>, old: Option<&Value>, new: &Value) -> Result<(), Status> {
        if self.allows(
            grant.view,
            &grant.verb("escalate", &grant.of.resource, grant.name),
        ) {
            return Ok(());
        }
        self.holds(grant, &Rule::read_all(new))?;
        let gathers = |role: &Value| {
            role["aggregationRule"]["clusterRoleSelectors"]
                .as_array()
                .is_some_and(|selectors| !selectors.is_empty())
        };
        if gathers(new) || old.is_some_and(gathers) {
            let (held, _) = self.rules(grant.view, grant.user, "");
            if !missing(&held, &Rule::everything()).is_empty() {
                let why = "must have cluster-admin privileges to use the aggregationRule";
                return Err(refusal::forbidden(grant.of, grant.name, why));
            }
        }
        Ok(())
    }

    fn may_bind(&self, grant: Grant<'_>, role: &Value) -> Result<(), Status> {
        let name = role["name"].as_str().unwrap_or_default();
        let (role, resource, singular) = match role["kind"].as_str() {
            Some("Role") => (RoleRef::Namespaced(name.to_owned()), "roles", "role"),
            _ => (RoleRef::Cluster(name.to_owned()), "clusterroles", "clusterrole"),
        };
        if self.allows(grant.view, &grant.verb("bind", resource, name)) {
            return Ok(());
        }
        match self.rules_of(grant.view, &role, grant.namespace) {
            Some(rules) => self.holds(grant, &rules),
            // The server's own lookup calls the collection by its singular.
            None => Err(refusal::not_found(&GroupResource::new(GROUP, singular), name)),
        }
    }

    /// Whether the user holds all of these rules.
    fn holds(&self, grant: Grant<'_>, wanted: &[Rule]) -> Result<(), Status> {
        let (held, unresolved) = self.rules(grant.view, grant.user, grant.namespace);
        let missing = missing(&held, wanted);
        if missing.is_empty() {
            return Ok(());
        }
        let user = grant.user;
        let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
        let rules: BTreeSet<String> = joined(&missing).iter().map(Rule::to_string).collect();
        let rules: Vec<String> = rules.into_iter().collect();
        let mut why = format!(
            "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
            user.name,
            groups.join(" "),
            rules.join("\n")
        );
        match unresolved.as_slice() {
            [] => {}
            [one] => why.push_str(&format!("; resolution errors: [{one}]")),
            many => why.push_str(&format!("; resolution errors: [[{}]]", many.join(", "))),
        }
        Err(refusal::forbidden(grant.of, grant.name, &why))
    }
}

impl<'a> Grant<'a> {
    fn verb(&self, verb: &'a str, resource: &'a str, name: &'a str) -> Attributes<'a> {
        Attributes {
            user: self.user,
            verb,
            group: GROUP,
            resource,
            subresource: "",
            namespace: self.namespace,
            name,
            path: "",
        }
    }
}

/// Whether nothing changes but what garbage collection needs to change.
fn only_collectable(old: &Value, new: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        if let Some(meta) = object["metadata"].as_object_mut() {
            for field in ["ownerReferences", "finalizers", "managedFields"] {
                meta.remove(field);
            }
        }
        object
    };
    bare(old) == bare(new)
}

/// The parts of what is wanted that no rule held covers.
fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    wanted
        .iter()
        .flat_map(Rule::parts)
        .filter(|part| !held.iter().any(|own| own.covers(part)))
        .collect()
}

/// Parts about the same resource made one rule of several verbs again.
fn joined(parts: &[Rule]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for part in parts {
        let same = |rule: &&mut Rule| {
            part.urls.is_empty()
                && rule.urls.is_empty()
                && rule.groups == part.groups
                && rule.resources == part.resources
                && rule.names == part.names
        };
        match rules.iter_mut().find(same) {
            Some(rule) => rule.verbs.extend(part.verbs.iter().cloned()),
            None => rules.push(part.clone()),
        }
    }
    rules
}
