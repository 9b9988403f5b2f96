//! Judging requests.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Attributes,
    index::{Binding, Index, RoleRef},
    rule::Rule,
};
use crate::{Status, User, policy::View};

/// The group that no rule is asked about.
pub(super) const MASTERS: &str = "system:masters";

/// The authoriser. It keeps what it makes of roles and bindings until those change.
#[derive(Debug, Default)]
pub struct Rbac {
    index: Mutex<Index>,
}

impl Rbac {
    /// Judges a request.
    ///
    /// # Errors
    /// `Forbidden`, in the real server's words.
    pub fn authorize(&self, view: &dyn View, asked: &Attributes<'_>) -> Result<(), Status> {
        self.verdict(view, asked)
            .map(|_| ())
            .map_err(|because| asked.refusal(&because))
    }

    /// Whether a request is allowed.
    #[must_use]
    pub fn allows(&self, view: &dyn View, asked: &Attributes<'_>) -> bool {
        self.verdict(view, asked).is_ok()
    }

    /// As `authorize`, with the bare reason: what allows it, or what went wrong while rules were looked up.
    pub(super) fn verdict(&self, view: &dyn View, asked: &Attributes<'_>) -> Result<String, String> {
        if asked.user.is_in(MASTERS) {
            return Ok(String::new());
        }
        let mut granted = None;
        let missing = self.visit(view, asked.user, asked.namespace, |binding, rule| {
            if rule.grants(asked) {
                granted = Some(format!("RBAC: allowed by {}", binding.describe(asked.user)));
            }
            granted.is_some()
        });
        granted.ok_or_else(|| problems(&missing))
    }

    /// All rules that hold for the user in a namespace, and what could not be looked up.
    pub(super) fn rules(&self, view: &dyn View, user: &User, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let mut rules = Vec::new();
        let missing = self.visit(view, user, namespace, |_, rule| {
            rules.push(rule.clone());
            false
        });
        (rules, missing)
    }

    /// The rules of a role that a binding in the namespace may refer to; none where it isn't there.
    pub(super) fn rules_of(&self, view: &dyn View, role: &RoleRef, namespace: &str) -> Option<Vec<Rule>> {
        let index = self.current(view);
        match role {
            RoleRef::Cluster(name) => index.cluster_roles.made.get(name).cloned(),
            RoleRef::Namespaced(name) => index
                .roles
                .made
                .get(&(namespace.to_owned(), name.clone()))
                .cloned(),
        }
    }

    /// Shows the rules that hold for the user until `enough` says so; returns which roles are not there.
    fn visit(
        &self,
        view: &dyn View,
        user: &User,
        namespace: &str,
        mut enough: impl FnMut(&Binding, &Rule) -> bool,
    ) -> Vec<String> {
        let index = self.current(view);
        let mut missing = Vec::new();
        let own = index
            .bindings
            .made
            .get(namespace)
            .filter(|_| !namespace.is_empty());
        let cluster = index.cluster_bindings.made.of(user);
        for binding in cluster.chain(own.into_iter().flat_map(|own| own.of(user))) {
            let (rules, kind, name) = match &binding.role {
                RoleRef::Cluster(name) => (index.cluster_roles.made.get(name), "clusterrole", name),
                RoleRef::Namespaced(name) => {
                    let key = (namespace.to_owned(), name.clone());
                    (index.roles.made.get(&key), "role", name)
                }
            };
            let Some(rules) = rules else {
                missing.push(format!("{kind}.rbac.authorization.k8s.io {name:?} not found"));
                continue;
            };
            if rules.iter().any(|rule| enough(binding, rule)) {
                return missing;
            }
        }
        missing
    }

    fn current(&self, view: &dyn View) -> Arc<Index> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.refresh(view);
        Arc::new(index.clone())
    }
}

/// As the server adds to a refusal which roles it did not find.
fn problems(missing: &[String]) -> String {
    match missing {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        many => format!("RBAC: [{}]", many.join(", ")),
    }
}
