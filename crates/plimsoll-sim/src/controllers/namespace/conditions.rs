//! What is left of a namespace's content, as its conditions tell it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_apiserver::GroupResource;
use serde_json::Value;

use super::super::facts::{
    condition::{self, Condition},
    meta,
};

/// What is left after everything was told to go.
#[derive(Debug, Default)]
pub(super) struct Remains {
    failures: Vec<String>,
    objects: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
    estimate: u64,
}

impl Remains {
    /// Notes a failure.
    pub(super) fn failed(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// Notes objects that are left, and for how many seconds they are thought to be.
    pub(super) fn left(
        &mut self,
        of: &GroupResource,
        objects: usize,
        finalizers: BTreeMap<String, usize>,
        seconds: u64,
    ) {
        self.objects
            .insert(format!("{}.{}", of.resource, of.group), objects);
        for (finalizer, objects) in finalizers {
            *self.finalizers.entry(finalizer).or_default() += objects;
        }
        self.estimate = self.estimate.max(seconds);
    }

    /// The failures alone.
    pub(super) fn failures_only(&self) -> Self {
        Self {
            failures: self.failures.clone(),
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.failures.is_empty()
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// For how many seconds something is thought to be left.
    pub(super) fn estimate(&self) -> u64 {
        self.estimate
    }

    /// The conditions that tell it.
    pub(super) fn conditions(&self) -> [Condition; 5] {
        let told = |map: &BTreeMap<String, usize>, word: &str| {
            let each: Vec<String> = map
                .iter()
                .map(|(name, count)| format!("{name} {word} {count} resource instances"))
                .collect();
            each.join(", ")
        };
        let mut failures = self.failures.clone();
        failures.sort();
        [
            Condition::new(
                "NamespaceDeletionDiscoveryFailure",
                false,
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            Condition::new(
                "NamespaceDeletionGroupVersionParsingFailure",
                false,
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            if failures.is_empty() {
                Condition::new(
                    "NamespaceDeletionContentFailure",
                    false,
                    "ContentDeleted",
                    "All content successfully deleted, may be waiting on finalization",
                )
            } else {
                Condition::new(
                    "NamespaceDeletionContentFailure",
                    true,
                    "ContentDeletionFailed",
                    format!(
                        "Failed to delete all resource types, {} remaining: {}",
                        failures.len(),
                        failures.join(", ")
                    ),
                )
            },
            if self.objects.is_empty() {
                Condition::new(
                    "NamespaceContentRemaining",
                    false,
                    "ContentRemoved",
                    "All content successfully removed",
                )
            } else {
                Condition::new(
                    "NamespaceContentRemaining",
                    true,
                    "SomeResourcesRemain",
                    format!("Some resources are remaining: {}", told(&self.objects, "has")),
                )
            },
            if self.finalizers.is_empty() {
                Condition::new(
                    "NamespaceFinalizersRemaining",
                    false,
                    "ContentHasNoFinalizers",
                    "All content-preserving finalizers finished",
                )
            } else {
                Condition::new(
                    "NamespaceFinalizersRemaining",
                    true,
                    "SomeFinalizersRemain",
                    format!(
                        "Some content in the namespace has finalizers remaining: {}",
                        told(&self.finalizers, "in")
                    ),
                )
            },
        ]
    }
}

/// Puts conditions into a namespace's status.
pub(super) fn put(namespace: &mut Value, wanted: &[Condition], now: Timestamp) {
    let mut own = meta::items(&namespace["status"]["conditions"]).to_vec();
    for condition in wanted {
        condition::set(&mut own, condition, now);
    }
    namespace["status"]["conditions"] = Value::Array(own);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted_by_kind_and_by_finalizer() {
        let mut remains = Remains::default();
        let held = BTreeMap::from([("x.io/hold".to_owned(), 2)]);
        remains.left(&GroupResource::new("", "configmaps"), 2, held.clone(), 15);
        remains.left(&GroupResource::new("apps", "deployments"), 1, held, 15);
        let conditions = remains.conditions();
        assert_eq!(
            conditions[3].message,
            "Some resources are remaining: configmaps. has 2 resource instances, deployments.apps has 1 resource instances"
        );
        assert_eq!(
            conditions[4].message,
            "Some content in the namespace has finalizers remaining: x.io/hold in 4 resource instances"
        );
        assert_eq!(conditions[2].status, "False");
    }
}
