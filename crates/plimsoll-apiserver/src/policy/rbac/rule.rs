//! One rule of a role.

use std::fmt;

use serde_json::{Value, json};

use super::Attributes;
use crate::policy::fields::{items, strings};

/// What a role grants, read from its object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) verbs: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) urls: Vec<String>,
}

impl Rule {
    /// Reads an entry of a role's `rules`.
    pub(super) fn read(rule: &Value) -> Self {
        Self {
            verbs: strings(rule, "verbs"),
            groups: strings(rule, "apiGroups"),
            resources: strings(rule, "resources"),
            names: strings(rule, "resourceNames"),
            urls: strings(rule, "nonResourceURLs"),
        }
    }

    /// Reads a role's `rules`.
    pub(super) fn read_all(role: &Value) -> Vec<Self> {
        items(role, "rules").map(Self::read).collect()
    }

    /// Every verb on every resource and every path.
    pub(super) fn everything() -> [Self; 2] {
        let all = || vec!["*".to_owned()];
        [
            Self {
                verbs: all(),
                groups: all(),
                resources: all(),
                ..Self::default()
            },
            Self {
                verbs: all(),
                urls: all(),
                ..Self::default()
            },
        ]
    }

    /// Whether it grants that.
    pub(super) fn grants(&self, asked: &Attributes<'_>) -> bool {
        if !has(&self.verbs, asked.verb) {
            return false;
        }
        if !asked.is_resource() {
            return self.urls.iter().any(|url| covers_path(url, asked.path));
        }
        has(&self.groups, asked.group)
            && self.resources.iter().any(|own| covers_resource(own, asked))
            && (self.names.is_empty() || self.names.iter().any(|name| name == asked.name))
    }

    /// Whether it grants all that the other one does, which is broken down to one verb of one thing.
    pub(super) fn covers(&self, part: &Self) -> bool {
        let verbs = part.verbs.iter().all(|verb| has(&self.verbs, verb));
        if !part.urls.is_empty() {
            return verbs
                && part
                    .urls
                    .iter()
                    .all(|url| self.urls.iter().any(|own| covers_path(own, url)));
        }
        verbs
            && part.groups.iter().all(|group| has(&self.groups, group))
            && part
                .resources
                .iter()
                .all(|resource| self.resources.iter().any(|own| names_resource(own, resource)))
            && (self.names.is_empty()
                || (!part.names.is_empty() && part.names.iter().all(|name| self.names.contains(name))))
    }

    /// Broken down to rules of one verb of one thing each.
    pub(super) fn parts(&self) -> Vec<Self> {
        let names: Vec<Vec<String>> = match self.names.as_slice() {
            [] => vec![Vec::new()],
            names => names.iter().map(|name| vec![name.clone()]).collect(),
        };
        let mut parts = Vec::new();
        for group in &self.groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    parts.extend(names.iter().map(|names| Self {
                        verbs: vec![verb.clone()],
                        groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        names: names.clone(),
                        urls: Vec::new(),
                    }));
                }
            }
        }
        for url in &self.urls {
            parts.extend(self.verbs.iter().map(|verb| Self {
                verbs: vec![verb.clone()],
                urls: vec![url.clone()],
                ..Self::default()
            }));
        }
        parts
    }

    /// As a review lists it: what it grants of resources, or of paths.
    pub(super) fn to_json(&self, resources: bool) -> Value {
        let lists: &[(&str, &[String])] = if resources {
            &[
                ("apiGroups", &self.groups),
                ("resources", &self.resources),
                ("resourceNames", &self.names),
            ]
        } else {
            &[("nonResourceURLs", &self.urls)]
        };
        let mut rule = json!({"verbs": self.verbs});
        for (field, list) in lists {
            if !list.is_empty() {
                rule[field] = json!(list);
            }
        }
        rule
    }
}

/// As the server lists rules in refusals: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        let mut comma = "";
        for (name, list) in [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.urls),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ] {
            if !list.is_empty() {
                let list: Vec<String> = list.iter().map(|item| format!("{item:?}")).collect();
                write!(f, "{comma}{name}:[{}]", list.join(" "))?;
                comma = ", ";
            }
        }
        f.write_str("}")
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|own| own == "*" || own == wanted)
}

/// `*` is every resource with every subresource; `*/scale` one subresource of every resource.
fn covers_resource(own: &str, asked: &Attributes<'_>) -> bool {
    if own == "*" {
        return true;
    }
    match own.split_once('/') {
        None => asked.subresource.is_empty() && own == asked.resource,
        Some((resource, subresource)) => {
            subresource == asked.subresource && (resource == "*" || resource == asked.resource)
        }
    }
}

fn names_resource(own: &str, wanted: &str) -> bool {
    own == "*"
        || own == wanted
        || own.strip_prefix("*/").is_some_and(|subresource| {
            wanted
                .split_once('/')
                .is_some_and(|(_, wanted)| wanted == subresource)
        })
}

/// A `*` at the end stands for whatever follows.
fn covers_path(own: &str, path: &str) -> bool {
    own == path
        || own
            .ends_with('*')
            .then(|| own.trim_end_matches('*'))
            .is_some_and(|prefix| path.starts_with(prefix))
}
