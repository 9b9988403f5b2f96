//! The ConfigMap in which an autoscaler says how it is.

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;
use plimsoll_apiserver::{Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use super::{
    super::facts::{condition, meta},
    groups::GroupFacts,
};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "cluster-autoscaler-status";

/// What is said.
pub(super) struct Report<'a> {
    pub(super) groups: &'a [GroupFacts],
    pub(super) nodes: &'a BTreeMap<String, Vec<Object>>,
    pub(super) growing: bool,
    pub(super) candidates: usize,
    pub(super) now: Timestamp,
}

/// The ConfigMap, as far as an event of it names it.
pub(super) fn object() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": NAMESPACE}})
}

impl Report<'_> {
    fn text(&self) -> String {
        let is_ready = |node: &&Object| condition::is_true(&node["status"]["conditions"], "Ready");
        let nodes = |group: &GroupFacts| self.nodes.get(&group.name).map_or(&[][..], Vec::as_slice);
        let all: usize = self.groups.iter().map(|group| nodes(group).len()).sum();
        let ready: usize = self
            .groups
            .iter()
            .map(|group| nodes(group).iter().filter(is_ready).count())
            .sum();
        let up = if self.growing { "InProgress" } else { "NoActivity" };
        let down = if self.candidates > 0 {
            "CandidatesPresent"
        } else {
            "NoCandidates"
        };
        let mut text = format!(
            "time: {}\nautoscalerStatus: Running\nclusterWide:\n  health:\n    status: Healthy\n    nodeCounts:\n      \
             registered:\n        total: {all}\n        ready: {ready}\n        notStarted: {}\n  scaleUp:\n    \
             status: {up}\n  scaleDown:\n    status: {down}\n    candidates: {}\nnodeGroups:\n",
            meta::stamp(self.now),
            all - ready,
            self.candidates
        );
        for group in self.groups {
            let (total, ready) = (nodes(group).len(), nodes(group).iter().filter(is_ready).count());
            let up = if usize::try_from(group.size).is_ok_and(|size| size > total) {
                "InProgress"
            } else {
                "NoActivity"
            };
            // Writing into a string doesn't fail.
            let _ = write!(
                text,
                "- name: {}\n  health:\n    status: Healthy\n    nodeCounts:\n      registered:\n        \
                 total: {total}\n        ready: {ready}\n    cloudProviderTarget: {}\n    minSize: {}\n    \
                 maxSize: {}\n  scaleUp:\n    status: {up}\n",
                group.name, group.size, group.least, group.most
            );
        }
        text
    }
}

/// Writes it.
///
/// # Errors
/// As the API refuses it.
pub(super) async fn write(api: &Direct, report: &Report<'_>) -> Result<(), Status> {
    let text = report.text();
    let updated = report.now.strftime("%Y-%m-%d %H:%M:%S%.9f +0000 UTC").to_string();
    let patch = json!({
        "metadata": {"annotations": {"cluster-autoscaler.kubernetes.io/last-updated": updated}},
        "data": {"status": text},
    });
    match api
        .merge(
            &resources::CONFIG_MAPS,
            Some(NAMESPACE),
            NAME,
            None,
            patch.clone(),
        )
        .await
    {
        Err(refusal) if refusal.reason == Reason::NotFound => {
            let mut new = object();
            new["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
            new["data"] = patch["data"].clone();
            api.create(new).await.map(drop)
        }
        outcome => outcome.map(drop),
    }
}
