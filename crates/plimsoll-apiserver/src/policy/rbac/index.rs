//! Roles and bindings, arranged so that a request is judged without walking through all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::rule::Rule;
use crate::{
    User,
    policy::{
        View, Write,
        fields::{items, meta, text},
        selector,
    },
    resources,
};

/// Which role a binding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RoleRef {
    Cluster(String),
    Namespaced(String),
}

/// One binding.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// Its kind and name, for people.
    title: String,
    pub(super) role: RoleRef,
    subjects: Vec<Subject>,
}

/// Whom a binding is about.
#[derive(Clone, Debug)]
struct Subject {
    who: Who,
    /// As the server names it.
    title: String,
}

#[derive(Clone, Debug)]
enum Who {
    User(String),
    Group(String),
}

impl Binding {
    fn read(binding: &Value, namespace: &str) -> Self {
        let role = &binding["roleRef"];
        let name = meta(binding, "name");
        let subject = |subject: &Value| {
            let name = text(subject, "name");
            let (who, title) = match subject["kind"].as_str()? {
                "User" => (Who::User(name.to_owned()), format!("User {name:?}")),
                "Group" => (Who::Group(name.to_owned()), format!("Group {name:?}")),
                "ServiceAccount" => {
                    let own = match subject["namespace"].as_str() {
                        Some(own) if !own.is_empty() => own,
                        _ => namespace,
                    };
                    let title = format!("ServiceAccount {:?}", format!("{name}/{own}"));
                    (Who::User(format!("system:serviceaccount:{own}:{name}")), title)
                }
                _ => return None,
            };
            Some(Subject { who, title })
        };
        Self {
            title: match namespace {
                "" => format!("ClusterRoleBinding {name:?}"),
                namespace => format!("RoleBinding {:?}", format!("{name}/{namespace}")),
            },
            role: match role["kind"].as_str() {
                Some("Role") => RoleRef::Namespaced(text(role, "name").to_owned()),
                _ => RoleRef::Cluster(text(role, "name").to_owned()),
            },
            subjects: items(binding, "subjects").filter_map(subject).collect(),
        }
    }

    /// How it concerns the user, for people.
    pub(super) fn describe(&self, user: &User) -> String {
        let (kind, name) = match &self.role {
            RoleRef::Cluster(name) => ("ClusterRole", name),
            RoleRef::Namespaced(name) => ("Role", name),
        };
        let subject = self.subjects.iter().find(|subject| match &subject.who {
            Who::User(name) => *name == user.name,
            Who::Group(name) => user.is_in(name),
        });
        let subject = subject.map(|subject| subject.title.as_str()).unwrap_or_default();
        format!("{} of {kind} {name:?} to {subject}", self.title)
    }
}

/// The bindings of one namespace, or those of the cluster.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    all: Vec<Binding>,
    users: BTreeMap<String, Vec<usize>>,
    groups: BTreeMap<String, Vec<usize>>,
}

impl Bindings {
    /// Those that are about the user, in the order of their names.
    pub(super) fn of<'a>(&'a self, user: &User) -> impl Iterator<Item = &'a Binding> {
        let by_name = self.users.get(&user.name);
        let by_group = user.groups.iter().filter_map(|group| self.groups.get(group));
        let found: BTreeSet<usize> = by_name.into_iter().chain(by_group).flatten().copied().collect();
        found.into_iter().filter_map(|at| self.all.get(at))
    }

    fn add(&mut self, binding: &Value, namespace: &str) {
        let binding = Binding::read(binding, namespace);
        let at = self.all.len();
        for subject in &binding.subjects {
            match &subject.who {
                Who::User(name) => self.users.entry(name.clone()).or_default().push(at),
                Who::Group(name) => self.groups.entry(name.clone()).or_default().push(at),
            }
        }
        self.all.push(binding);
    }
}

/// What is kept of the four collections, each as long as its collection stays the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) cluster_roles: Part<BTreeMap<String, Vec<Rule>>>,
    pub(super) roles: Part<BTreeMap<(String, String), Vec<Rule>>>,
    pub(super) cluster_bindings: Part<Bindings>,
    pub(super) bindings: Part<BTreeMap<String, Bindings>>,
}

/// Something made of one version of a collection.
#[derive(Debug)]
pub(super) struct Part<T> {
    version: Option<u64>,
    pub(super) made: Arc<T>,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            version: self.version,
            made: self.made.clone(),
        }
    }
}

impl<T: Default> Default for Part<T> {
    fn default() -> Self {
        Self {
            version: None,
            made: Arc::default(),
        }
    }
}

impl<T> Part<T> {
    fn refresh(&mut self, version: u64, make: impl FnOnce() -> T) {
        if self.version != Some(version) {
            self.made = Arc::new(make());
            self.version = Some(version);
        }
    }
}

impl Index {
    /// Brings it up to date.
    pub(super) fn refresh(&mut self, view: &dyn View) {
        self.cluster_roles
            .refresh(view.version(&resources::CLUSTER_ROLES), || {
                cluster_roles(&view.list(&resources::CLUSTER_ROLES, None))
            });
        self.roles.refresh(view.version(&resources::ROLES), || {
            let roles = view.list(&resources::ROLES, None);
            roles
                .iter()
                .map(|role| {
                    (
                        (meta(role, "namespace").to_owned(), meta(role, "name").to_owned()),
                        Rule::read_all(role),
                    )
                })
                .collect()
        });
        self.cluster_bindings
            .refresh(view.version(&resources::CLUSTER_ROLE_BINDINGS), || {
                let mut bindings = Bindings::default();
                for binding in view.list(&resources::CLUSTER_ROLE_BINDINGS, None) {
                    bindings.add(&binding, "");
                }
                bindings
            });
        self.bindings
            .refresh(view.version(&resources::ROLE_BINDINGS), || {
                let mut bindings: BTreeMap<String, Bindings> = BTreeMap::new();
                for binding in view.list(&resources::ROLE_BINDINGS, None) {
                    let namespace = meta(&binding, "namespace").to_owned();
                    bindings
                        .entry(namespace.clone())
                        .or_default()
                        .add(&binding, &namespace);
                }
                bindings
            });
    }
}

/// The rules of each ClusterRole, those that it gathers from others included.
fn cluster_roles(roles: &[Arc<Value>]) -> BTreeMap<String, Vec<Rule>> {
    roles
        .iter()
        .map(|role| {
            let rules = match gathered(role, roles) {
                Some(rules) => rules.iter().map(Rule::read).collect(),
                None => Rule::read_all(role),
            };
            (meta(role, "name").to_owned(), rules)
        })
        .collect()
}

/// The rules that an aggregating ClusterRole has, from the roles that its selectors choose; none for any other.
///
/// A role that is chosen and aggregates itself gives what it gathers, as once its own `rules` were filled in.
pub(super) fn gathered(role: &Value, roles: &[Arc<Value>]) -> Option<Vec<Value>> {
    gather(role, roles, &mut BTreeSet::new())
}

fn gather(role: &Value, roles: &[Arc<Value>], seen: &mut BTreeSet<String>) -> Option<Vec<Value>> {
    let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array()?;
    if !seen.insert(meta(role, "name").to_owned()) {
        return Some(Vec::new());
    }
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors {
        for other in roles {
            if meta(other, "name") == meta(role, "name")
                || !selector::matches(selector, &other["metadata"]["labels"])
            {
                continue;
            }
            let more = gather(other, roles, seen)
                .unwrap_or_else(|| other["rules"].as_array().cloned().unwrap_or_default());
            for rule in more {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
    }
    seen.remove(meta(role, "name"));
    Some(rules)
}

/// What the rules of aggregating roles become, where they are not that already.
pub(in crate::policy) fn gather_all(view: &dyn View) -> Vec<Write> {
    let roles = view.list(&resources::CLUSTER_ROLES, None);
    roles
        .iter()
        .filter_map(|role| {
            let rules = Value::Array(gathered(role, &roles)?);
            (role["rules"] != rules).then(|| Write {
                of: resources::CLUSTER_ROLES,
                namespace: None,
                name: meta(role, "name").to_owned(),
                field: "rules",
                value: rules,
            })
        })
        .collect()
}
