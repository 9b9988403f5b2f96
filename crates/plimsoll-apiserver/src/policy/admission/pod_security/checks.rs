//! Which rules make up a level, and how what they find is told.

use serde_json::Value;

use super::{
    baseline,
    level::{Demand, Level},
    restricted,
};
use crate::policy::{
    fields::{items, text},
    pods::all_containers,
};

/// The newest version of Kubernetes in which a rule changed.
const NEWEST: u32 = 35;

/// A pod, or the template of pods.
pub(super) struct Subject<'a> {
    annotations: &'a Value,
    pub(super) spec: &'a Value,
}

impl<'a> Subject<'a> {
    pub(super) fn of(object: &'a Value) -> Self {
        Self {
            annotations: &object["metadata"]["annotations"],
            spec: &object["spec"],
        }
    }

    /// The pod's annotations, sorted by key.
    pub(super) fn annotations(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.annotations
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// The pod's own security context.
    pub(super) fn context(&self) -> &'a Value {
        &self.spec["securityContext"]
    }

    /// All containers: init containers first, ephemeral ones last.
    pub(super) fn containers(&self) -> impl Iterator<Item = &'a Value> {
        all_containers(self.spec)
    }

    /// The names of the containers of which that is true.
    pub(super) fn which(&self, is: impl Fn(&'a Value) -> bool) -> Vec<&'a str> {
        self.containers()
            .filter(|container| is(container))
            .map(|container| text(container, "name"))
            .collect()
    }

    pub(super) fn volumes(&self) -> impl Iterator<Item = &'a Value> {
        items(self.spec, "volumes")
    }

    /// Whether root in the pod is nobody on its node.
    pub(super) fn has_own_users(&self) -> bool {
        self.spec["hostUsers"] == false
    }

    pub(super) fn is_windows(&self) -> bool {
        self.spec["os"]["name"] == "windows"
    }
}

/// What one rule finds.
pub(super) struct Finding {
    pub(super) reason: String,
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn new(reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            detail: detail.into(),
        }
    }
}

/// One rule.
pub(super) struct Check {
    /// Its name; rules speak in the order of their names.
    pub(super) id: &'static str,
    /// The minor version since which it is one.
    pub(super) since: u32,
    /// The rule of the baseline that it stands for.
    pub(super) instead_of: &'static str,
    /// What it finds, by the version.
    pub(super) judge: fn(&Subject<'_>, u32) -> Option<Finding>,
}

/// What all rules found.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with what it is about: `privileged (container "c" must not …), host namespaces (…)`.
    pub(super) fn details(&self) -> String {
        let told: Vec<String> = self
            .0
            .iter()
            .map(|finding| match finding.detail.as_str() {
                "" => finding.reason.clone(),
                detail => format!("{} ({detail})", finding.reason),
            })
            .collect();
        told.join(", ")
    }

    /// Without what they are about.
    pub(super) fn reasons(&self) -> String {
        let told: Vec<&str> = self.0.iter().map(|finding| finding.reason.as_str()).collect();
        told.join(", ")
    }
}

/// Holds a pod against a demand, on a server of Kubernetes 1.`minor`.
pub(super) fn findings(demand: Demand, minor: u32, subject: &Subject<'_>) -> Findings {
    if demand.level == Level::Privileged {
        return Findings::default();
    }
    let newest = minor.min(NEWEST);
    let version = demand.version.map_or(newest, |version| version.min(newest));
    let holds = |check: &&Check| check.since <= version;
    let stricter: Vec<&Check> = match demand.level {
        Level::Restricted => restricted::CHECKS.iter().filter(holds).collect(),
        Level::Privileged | Level::Baseline => Vec::new(),
    };
    let replaced = |check: &&Check| stricter.iter().any(|stricter| stricter.instead_of == check.id);
    let base = baseline::CHECKS
        .iter()
        .filter(holds)
        .filter(|check| !replaced(check));
    Findings(
        base.chain(stricter.iter().copied())
            .filter_map(|check| (check.judge)(subject, version))
            .collect(),
    )
}

/// `"a", "b"`.
pub(super) fn quoted<S: AsRef<str>>(list: &[S]) -> String {
    let list: Vec<String> = list.iter().map(|item| format!("\"{}\"", item.as_ref())).collect();
    list.join(", ")
}

/// The first word for one, the second for several or none.
pub(super) fn number<'a>(count: usize, one: &'a str, several: &'a str) -> &'a str {
    if count == 1 { one } else { several }
}

/// `container "a"`, `containers "a", "b"`.
pub(super) fn containers_named(names: &[&str]) -> String {
    format!(
        "{} {}",
        number(names.len(), "container", "containers"),
        quoted(names)
    )
}

/// Who set something: the pod itself, some containers, or both.
pub(super) fn setters(pod: bool, containers: &[&str]) -> Option<String> {
    let mut setters = Vec::new();
    if pod {
        setters.push("pod".to_owned());
    }
    if !containers.is_empty() {
        setters.push(containers_named(containers));
    }
    (!setters.is_empty()).then(|| setters.join(" and "))
}
