//! How a gang is told to one solution, and how its answer is read.
//!
//! A solution is one file: it says by what it is found, which objects stand for a gang, what marks a pod as a
//! member, and where it says that a gang has been refused. Everything else (slots, controls, verdicts) is the
//! same for all of them.

mod native_v1alpha1;
mod native_v1alpha2;
mod native_v1beta1;
mod pod_group;

use std::collections::BTreeSet;

use plimsoll_platform::{Inventory, Permission};
use serde_json::Value;

use crate::probe_pod::ProbePod;

pub(super) use native_v1alpha1::NativeV1Alpha1;
pub(super) use native_v1alpha2::NativeV1Alpha2;
pub(super) use native_v1beta1::NativeV1Beta1;

/// Every adapter, in the order in which they are tried; within a family the preferred one first.
pub(super) static ALL: &[&dyn Adapter] = &[&NativeV1Beta1, &NativeV1Alpha2, &NativeV1Alpha1];

/// A gang as its solution is told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Roster<'a> {
    /// The gang's name, also that of the object that stands for it.
    pub name: &'a str,
    /// How many members start together or not at all.
    pub size: usize,
}

/// Something on a pod that makes it a member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "solutions outside Kubernetes mark by labels and annotations"
    )
)]
pub(super) enum Mark {
    /// A field of its spec.
    Field(&'static str, Value),
    /// A label.
    Label(&'static str, String),
    /// An annotation.
    Annotation(&'static str, String),
}

impl Mark {
    /// Puts it on a pod.
    pub(super) fn put(self, pod: ProbePod) -> ProbePod {
        match self {
            Self::Field(key, value) => pod.field(key, value),
            Self::Label(key, value) => pod.label(key, value),
            Self::Annotation(key, value) => pod.annotation(key, value),
        }
    }

    /// What became of it in the pod that the API server stored, if it is not there as it was sent.
    pub(super) fn lost(&self, stored: &Value) -> Option<String> {
        let (place, key, sent) = match self {
            Self::Field(key, value) => ("spec", key, value.clone()),
            Self::Label(key, value) => ("metadata.labels", key, Value::from(value.as_str())),
            Self::Annotation(key, value) => ("metadata.annotations", key, Value::from(value.as_str())),
        };
        let found = place
            .split('.')
            .try_fold(stored, |at, step| at.get(step))
            .and_then(|at| at.get(*key));
        super::read_back::difference(&sent, found).map(|what| format!("{place}.{key}{what}"))
    }
}

/// What an object that stands for a gang says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: nobody wrote a status.
    Unobserved,
    /// It has been placed.
    Placed(String),
    /// It has been refused; the reason and message as they stand there.
    Refused(String),
    /// Something else, as it stands there: about an earlier spec, or an error of the solution.
    Other(String),
}

/// One solution.
pub(super) trait Adapter: Send + Sync {
    /// Its name, such as `native/v1alpha2`.
    fn name(&self) -> &'static str;

    /// Adapters of one family speak to the same solution: only the first that is found is tried.
    fn family(&self) -> &'static str;

    /// Why the solution is taken to be there, from the survey.
    fn found(&self, inventory: &Inventory) -> Option<String>;

    /// What it takes beyond what every run may do.
    fn permissions(&self) -> &'static [Permission];

    /// The scheduler that members, and the lone pods beside them, name; none for the platform's own.
    fn scheduler(&self) -> Option<&'static str> {
        None
    }

    /// The objects that stand for the gang, created before its members. The first is the one whose status is read.
    fn group(&self, gang: Roster<'_>) -> Vec<Value>;

    /// What makes the pod of this rank a member.
    fn marks(&self, gang: Roster<'_>, rank: usize) -> Vec<Mark>;

    /// Reads what the gang's first object says of it; none where the solution only speaks through the pods.
    fn standing(&self, group: &Value) -> Option<Standing>;
}

/// What can be named to choose a solution: families, and adapters by their full names.
pub(crate) fn solutions() -> Vec<&'static str> {
    let names = ALL.iter().flat_map(|adapter| [adapter.family(), adapter.name()]);
    let names: BTreeSet<&str> = names.collect();
    names.into_iter().collect()
}

/// The adapters whose solution is there, each with why; only the `wanted` one, if one is.
pub(super) fn found(inventory: &Inventory, wanted: Option<&str>) -> Vec<(&'static dyn Adapter, String)> {
    let mut families = BTreeSet::new();
    ALL.iter()
        .filter(|adapter| wanted.is_none_or(|wanted| [adapter.family(), adapter.name()].contains(&wanted)))
        .filter_map(|adapter| Some((*adapter, adapter.found(inventory)?)))
        .filter(|(adapter, _)| families.insert(adapter.family()))
        .collect()
}

/// Why an API of the survey's is taken to be served, if it is.
fn served(inventory: &Inventory, group: &str, version: &str, kind: &str) -> Option<String> {
    inventory
        .gang_apis
        .iter()
        .find(|api| api.group == group && api.version == version && api.kind == kind)
        .map(|api| api.because.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn adapters_have_names_of_their_own() {
        let names: BTreeSet<_> = ALL.iter().map(|adapter| adapter.name()).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn a_mark_that_the_server_dropped_or_changed_is_noticed() {
        let mark = Mark::Field("schedulingGroup", json!({"podGroupName": "g"}));
        let stored = |spec: Value| json!({"metadata": {"labels": {"a": "b"}}, "spec": spec});
        assert_eq!(
            mark.lost(&stored(json!({"schedulingGroup": {"podGroupName": "g"}}))),
            None
        );
        assert!(
            mark.lost(&stored(json!({})))
                .unwrap()
                .contains("spec.schedulingGroup")
        );
        assert!(
            mark.lost(&stored(json!({"schedulingGroup": {"podGroupName": "h"}})))
                .is_some()
        );
        assert_eq!(Mark::Label("a", "b".to_owned()).lost(&stored(json!({}))), None);
        assert!(
            Mark::Annotation("a", "b".to_owned())
                .lost(&stored(json!({})))
                .is_some()
        );
        assert!(Mark::Label("a", "b".to_owned()).lost(&json!({})).is_some());
    }
}
