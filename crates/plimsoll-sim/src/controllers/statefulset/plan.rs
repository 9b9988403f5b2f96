//! What a StatefulSet does next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_apiserver::Object;
use serde_json::Value;

use super::{
    super::{
        facts::{meta, pod},
        revisions,
    },
    identity,
};

/// What there is to decide from.
pub(super) struct View<'a> {
    pub(super) set: &'a Value,
    pub(super) pods: &'a [Object],
    /// The revision that pods had before an update.
    pub(super) current: &'a Value,
    /// The revision that they are to have.
    pub(super) update: &'a Value,
    pub(super) now: Timestamp,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Create(Value),
    Delete(String),
    /// Sees to it that a pod's claims belong to whom they should.
    ClaimsOf {
        pod: String,
        condemned: bool,
    },
}

impl View<'_> {
    fn available(&self, of: &Value) -> bool {
        pod::phase(of) == "Running" && pod::available(of, pod::min_ready(self.set), self.now)
    }

    fn replicas(&self) -> i64 {
        meta::number(&self.set["spec"]["replicas"], 1)
    }

    fn rolls(&self) -> bool {
        self.set["spec"]["updateStrategy"]["type"] != "OnDelete"
    }

    /// The ordinal from which on pods are updated, counted from the first.
    fn partition(&self) -> i64 {
        meta::number(
            &self.set["spec"]["updateStrategy"]["rollingUpdate"]["partition"],
            0,
        )
    }

    /// How many may be unavailable during an update.
    fn may_be_unavailable(&self) -> i64 {
        match &self.set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] {
            Value::Number(number) => number.as_i64().unwrap_or(1).max(1),
            Value::String(text) => {
                let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
                ((self.replicas() * percent + 99) / 100).max(1)
            }
            _ => 1,
        }
    }

    /// A new pod for an ordinal: of the old revision below the partition of an update.
    fn new_pod(&self, ordinal: i64) -> Value {
        let has_partition = self.set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].is_number();
        let old_below = if has_partition {
            self.partition()
        } else {
            meta::number(&self.set["status"]["currentReplicas"], 0)
        };
        let of = if self.rolls() && ordinal < identity::first(self.set) + old_below {
            self.current
        } else {
            self.update
        };
        identity::pod(self.set, &revisions::template_of(of), meta::name(of), ordinal)
    }
}

/// The steps to take now. Unless pods are managed in parallel, each waits for all of lower ordinals.
pub(super) fn steps(view: &View<'_>) -> Vec<Step> {
    let in_order = view.set["spec"]["podManagementPolicy"] != "Parallel";
    let by_ordinal: BTreeMap<i64, &Object> = view
        .pods
        .iter()
        .filter_map(|pod| Some((identity::ordinal(view.set, pod)?, pod)))
        .collect();
    let first = identity::first(view.set);
    let wanted = first..first + view.replicas();
    let mut steps = Vec::new();
    for ordinal in wanted.clone() {
        match by_ordinal.get(&ordinal) {
            None => {
                steps.push(Step::Create(view.new_pod(ordinal)));
                if in_order {
                    return steps;
                }
            }
            Some(pod) if pod::terminal(pod) => {
                if !meta::deleting(pod) {
                    steps.push(Step::Delete(meta::name(pod).to_owned()));
                }
                if in_order {
                    return steps;
                }
            }
            Some(pod) => {
                if in_order && (meta::deleting(pod) || !view.available(pod)) {
                    return steps;
                }
                steps.push(Step::ClaimsOf {
                    pod: meta::name(pod).to_owned(),
                    condemned: false,
                });
            }
        }
    }
    let condemned: Vec<&Object> = by_ordinal
        .iter()
        .rev()
        .filter(|(ordinal, _)| !wanted.contains(ordinal))
        .map(|(_, pod)| *pod)
        .collect();
    steps.extend(condemned.iter().map(|pod| Step::ClaimsOf {
        pod: meta::name(pod).to_owned(),
        condemned: true,
    }));
    let first_unhealthy = condemned
        .iter()
        .rev()
        .find(|pod| !view.available(pod) || meta::deleting(pod))
        .copied();
    for pod in condemned {
        if meta::deleting(pod) {
            if in_order {
                return steps;
            }
            continue;
        }
        let is_the_unhealthy = first_unhealthy.is_some_and(|own| meta::uid(own) == meta::uid(pod));
        if in_order && !view.available(pod) && !is_the_unhealthy {
            return steps;
        }
        steps.push(Step::Delete(meta::name(pod).to_owned()));
        if in_order {
            return steps;
        }
    }
    steps.extend(updates(view, &by_ordinal, wanted));
    steps
}

/// Pods that are replaced by ones of the new revision, the highest ordinals first.
fn updates(view: &View<'_>, by_ordinal: &BTreeMap<i64, &Object>, wanted: std::ops::Range<i64>) -> Vec<Step> {
    if !view.rolls() {
        return Vec::new();
    }
    let unavailable = |pod: &Object| meta::deleting(pod) || !view.available(pod);
    let down = wanted
        .clone()
        .filter(|ordinal| by_ordinal.get(ordinal).is_none_or(|pod| unavailable(pod)))
        .count();
    let mut room = view.may_be_unavailable() - i64::try_from(down).unwrap_or(i64::MAX);
    let mut steps = Vec::new();
    let from = wanted.start + view.partition();
    for ordinal in (from.max(wanted.start)..wanted.end).rev() {
        let Some(pod) = by_ordinal.get(&ordinal) else {
            continue;
        };
        if meta::label(pod, identity::HASH) == Some(meta::name(view.update)) || meta::deleting(pod) {
            continue;
        }
        // One that is down anyway costs nothing, and may be what the update is to mend.
        if !unavailable(pod) {
            if room <= 0 {
                break;
            }
            room -= 1;
        }
        steps.push(Step::Delete(meta::name(pod).to_owned()));
    }
    steps
}
