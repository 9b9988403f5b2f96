//! Adds nodes for pods that find no room, and takes away nodes that nobody needs, as the Cluster Autoscaler does.
//!
//! [`groups`] is what a platform lets it do, [`room`] whether pods would fit on nodes that are not there yet, [`grow`]
//! and [`shrink`] decide, [`report`] is its ConfigMap; the loop is here.

mod groups;
mod grow;
mod report;
mod room;
mod shrink;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

pub use groups::{GroupFacts, NodeGroups, Timing};

use self::shrink::Candidate;
use super::{
    facts::{condition, meta, pod},
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "cluster-autoscaler";
/// Keeps pods from a node that may go.
const CANDIDATE: &str = "DeletionCandidateOfClusterAutoscaler";
/// Keeps pods from a node that goes.
const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";

/// Runs it over the groups of a platform.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults, groups: Arc<dyn NodeGroups>) {
    let autoscaler = Autoscaler {
        api: api.clone(),
        groups,
        unneeded: BTreeMap::new(),
        grown: None,
        asked: BTreeMap::new(),
    };
    drive(&api, latencies, autoscaler).await;
}

struct Autoscaler {
    api: Direct,
    groups: Arc<dyn NodeGroups>,
    /// Since when nodes are not needed.
    unneeded: BTreeMap<String, Timestamp>,
    /// When a group grew last.
    grown: Option<Timestamp>,
    /// What pods were told last, by uid, so that they are told once.
    asked: BTreeMap<String, String>,
}

impl Reconcile for Autoscaler {
    type Key = ();

    fn watches(&self) -> Watched {
        // One namespace is always there, so the first look comes at once; each look calls for the next.
        Watched::Only(vec![resources::NAMESPACES])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(())) {
        if matches!(change, Change::Added(..)) {
            look_at(());
        }
    }

    async fn reconcile(&mut self, (): &()) -> Next {
        // A refusal is met again, and then better, with the next look.
        let _ = self.look().await;
        Next::Again(self.groups.timing().scan)
    }
}

impl Autoscaler {
    async fn look(&mut self) -> Result<(), Status> {
        let now = self.api.clock().now();
        let groups = self.groups.groups();
        let nodes = self.api.list(&resources::NODES, None);
        let pending: Vec<Object> = self
            .api
            .pods_on("")
            .into_iter()
            .filter(|pod| is_unschedulable(pod))
            .collect();
        let mut of_group: BTreeMap<String, Vec<Object>> = BTreeMap::new();
        for node in &nodes {
            if let Some(group) = self.groups.group_of(node) {
                of_group.entry(group).or_default().push(node.clone());
            }
        }
        let demands: Vec<room::Demand> = pending
            .iter()
            .map(|pod| room::Demand::of(&self.api, pod))
            .collect();
        let decision = grow::decide(&groups, &of_group, &demands);
        let growing = decision.choice.is_some();
        if let Some(choice) = &decision.choice {
            self.grow(choice, &pending, &groups).await?;
            self.grown = Some(now);
        }
        for (at, why) in &decision.refused {
            if let Some(pod) = pending.get(*at) {
                self.tell(
                    pod,
                    "NotTriggerScaleUp",
                    format!("pod didn't trigger scale-up: {why}"),
                )
                .await;
            }
        }
        let living: Vec<&str> = pending.iter().map(|pod| meta::uid(pod)).collect();
        self.asked.retain(|uid, _| living.contains(&uid.as_str()));

        let idle = pending.is_empty() && !growing;
        let candidates = if idle {
            self.candidates(&groups, &of_group, &nodes)
        } else {
            Vec::new()
        };
        self.unneeded
            .retain(|node, _| candidates.iter().any(|own| own.node == *node));
        for candidate in &candidates {
            self.unneeded.entry(candidate.node.clone()).or_insert(now);
        }
        self.mark_candidates(&nodes).await?;
        self.shrink(candidates, &groups, now).await?;
        let told = report::Report {
            groups: &groups,
            nodes: &of_group,
            growing,
            candidates: self.unneeded.len(),
            now,
        };
        report::write(&self.api, &told).await
    }

    /// Tells a pod something that it has not just been told.
    async fn tell(&mut self, pod: &Object, reason: &str, message: String) {
        if self.asked.get(meta::uid(pod)) == Some(&message) {
            return;
        }
        self.api.event(pod, COMPONENT, "Normal", reason, &message).await;
        self.asked.insert(meta::uid(pod).to_owned(), message);
    }

    async fn grow(
        &mut self,
        choice: &grow::Choice,
        pending: &[Object],
        groups: &[GroupFacts],
    ) -> Result<(), Status> {
        let Some(group) = groups.iter().find(|group| group.name == choice.group) else {
            return Ok(());
        };
        let (name, from, to, most) = (&group.name, group.size, group.size + choice.nodes, group.most);
        let report = report::object();
        let message = format!("Scale-up: setting group {name} size to {to} instead of {from} (max: {most})");
        self.api
            .event(&report, COMPONENT, "Normal", "ScaledUpGroup", &message)
            .await;
        if let Err(why) = self.groups.grow(name, to).await {
            let message = format!("Scale-up failed for group {name}: {why}");
            self.api
                .event(&report, COMPONENT, "Warning", "FailedToScaleUpGroup", &message)
                .await;
            return Ok(());
        }
        let message = format!("Scale-up: group {name} size set to {to} instead of {from} (max: {most})");
        self.api
            .event(&report, COMPONENT, "Normal", "ScaledUpGroup", &message)
            .await;
        for at in &choice.pods {
            if let Some(pod) = pending.get(*at) {
                let message = format!("pod triggered scale-up: [{{{name} {from}->{to} (max: {most})}}]");
                self.tell(pod, "TriggeredScaleUp", message).await;
            }
        }
        Ok(())
    }

    fn candidates(
        &self,
        groups: &[GroupFacts],
        of_group: &BTreeMap<String, Vec<Object>>,
        nodes: &[Object],
    ) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for group in groups {
            let own = of_group.get(&group.name).map_or(&[][..], Vec::as_slice);
            let spare = own
                .len()
                .saturating_sub(usize::try_from(group.least).unwrap_or(usize::MAX));
            candidates.extend(
                shrink::candidates(&self.api, &group.name, own, nodes)
                    .into_iter()
                    .take(spare),
            );
        }
        candidates
    }

    /// Lets the scheduler avoid nodes that may go, and no longer those that are needed again.
    async fn mark_candidates(&self, nodes: &[Object]) -> Result<(), Status> {
        for node in nodes {
            let marked = has_taint(node, CANDIDATE);
            let wanted = self.unneeded.contains_key(meta::name(node));
            if marked != wanted {
                self.set_taint(node, CANDIDATE, "PreferNoSchedule", wanted)
                    .await?;
            }
        }
        Ok(())
    }

    async fn set_taint(&self, node: &Object, key: &str, effect: &str, wanted: bool) -> Result<(), Status> {
        let mut taints: Vec<Value> = meta::items(&node["spec"]["taints"])
            .iter()
            .filter(|taint| taint["key"] != key)
            .cloned()
            .collect();
        if wanted {
            let since = self.api.clock().now().as_second().to_string();
            taints.push(json!({"key": key, "value": since, "effect": effect}));
        }
        let taints = if taints.is_empty() {
            Value::Null
        } else {
            Value::Array(taints)
        };
        let patch = json!({"spec": {"taints": taints}});
        match self
            .api
            .merge(&resources::NODES, None, meta::name(node), None, patch)
            .await
        {
            Err(refusal) if refusal.reason != Reason::NotFound => Err(refusal),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn shrink(
        &mut self,
        candidates: Vec<Candidate>,
        groups: &[GroupFacts],
        now: Timestamp,
    ) -> Result<(), Status> {
        let timing = self.groups.timing();
        let for_long = |since: Timestamp, duration: Duration| {
            Duration::try_from(now.duration_since(since)).is_ok_and(|passed| passed >= duration)
        };
        if self
            .grown
            .is_some_and(|grown| !for_long(grown, timing.after_growth))
        {
            return Ok(());
        }
        for candidate in candidates {
            let due = self
                .unneeded
                .get(&candidate.node)
                .is_some_and(|since| for_long(*since, timing.unneeded));
            let group_exists = groups.iter().any(|group| group.name == candidate.group);
            if !due || !group_exists {
                continue;
            }
            self.remove(&candidate).await?;
            self.unneeded.remove(&candidate.node);
        }
        Ok(())
    }

    async fn remove(&self, candidate: &Candidate) -> Result<(), Status> {
        let Some(node) = self.api.get(&resources::NODES, None, &candidate.node) else {
            return Ok(());
        };
        let report = report::object();
        let name = &candidate.node;
        let (reason, message) = if candidate.pods.is_empty() {
            (
                "ScaleDownEmpty",
                format!("Scale-down: removing empty node {name:?}"),
            )
        } else {
            let pods: Vec<&str> = candidate.pods.iter().map(|pod| meta::name(pod)).collect();
            let message = format!(
                "Scale-down: removing node {name}, utilization: {:.2}, pods to reschedule: {}",
                candidate.utilization,
                pods.join(",")
            );
            ("ScaleDown", message)
        };
        self.api
            .event(&report, COMPONENT, "Normal", reason, &message)
            .await;
        self.set_taint(&node, TO_BE_DELETED, "NoSchedule", true).await?;
        let message = "marked the node as toBeDeleted/unschedulable";
        self.api
            .event(&node, COMPONENT, "Normal", "ScaleDown", message)
            .await;
        for pod in &candidate.pods {
            self.api
                .event(
                    pod,
                    COMPONENT,
                    "Normal",
                    "ScaleDown",
                    "deleting pod for node scale down",
                )
                .await;
            let options = DeleteOptions {
                uid: Some(meta::uid(pod).to_owned()),
                ..DeleteOptions::default()
            };
            let gone = self
                .api
                .delete(
                    &resources::PODS,
                    Some(meta::namespace(pod)),
                    meta::name(pod),
                    options,
                )
                .await;
            match gone {
                Err(refusal) if refusal.reason != Reason::NotFound => return Err(refusal),
                Ok(()) | Err(_) => {}
            }
        }
        match self.groups.remove(&candidate.group, name).await {
            Ok(()) => {
                let message = "node removed by cluster autoscaler";
                self.api
                    .event(&node, COMPONENT, "Normal", "ScaleDown", message)
                    .await;
            }
            Err(why) => {
                let message = format!("failed to delete the node: {why}");
                self.api
                    .event(&node, COMPONENT, "Warning", "ScaleDownFailed", &message)
                    .await;
                self.set_taint(&node, TO_BE_DELETED, "NoSchedule", false).await?;
            }
        }
        Ok(())
    }
}

fn has_taint(node: &Value, key: &str) -> bool {
    meta::items(&node["spec"]["taints"])
        .iter()
        .any(|taint| taint["key"] == key)
}

/// Whether the scheduler has found no room for a pod.
fn is_unschedulable(of: &Value) -> bool {
    let scheduled = condition::find(&of["status"]["conditions"], "PodScheduled");
    pod::active(of)
        && scheduled.is_some_and(|own| own["status"] == "False" && own["reason"] == "Unschedulable")
}
