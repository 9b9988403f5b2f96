//! What the events of a pod say stands in its way.

use std::{any::Any, fmt, time::Duration};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt};
use tokio::time::timeout;

use super::{EventNote, condition::phase, events_for, obstruction::obstruction};

/// How long reading events may take: they only explain.
const READ: Duration = Duration::from_secs(3);

/// How many pods are explained.
const PODS: usize = 8;

/// Events that are about the surroundings, not about what is tested.
const SURROUNDINGS: &[&str] = &[
    "FailedCreatePodSandBox",
    "FailedMount",
    "FailedAttachVolume",
    "NetworkNotReady",
    "NodeNotReady",
    "TaintManagerEviction",
    "Evicted",
    "Preempted",
    "ErrImageNeverPull",
    "InspectFailed",
    "FailedToRetrieveImagePullSecret",
];

/// Events that are the platform's own account of why it does not do what was asked.
const ACCOUNTS: &[&str] = &[
    "FailedPrepareDynamicResources",
    "UnexpectedAdmissionError",
    "FailedScheduling",
    "Failed",
    "BackOff",
    "FailedCreate",
    "FailedKillPod",
];

/// What stands in a pod's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether it keeps the platform from being judged.
    pub obstructs: bool,
    /// Why, in the platform's words.
    pub why: String,
}

impl Trouble {
    /// What was seen, with the trouble's text unless that says the same.
    pub(crate) fn added_to(&self, seen: String) -> String {
        let said = self.why.splitn(3, ": ").last().unwrap_or_default();
        if seen.contains(said) {
            seen
        } else {
            format!("{seen} ({self})")
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What stands in the pod's way, by its status and events; the latest event counts.
#[must_use]
pub fn trouble(pod: &Pod, events: &[EventNote]) -> Option<Trouble> {
    if let Some(why) = obstruction(pod) {
        return Some(Trouble { obstructs: true, why });
    }
    let name = pod.name_any();
    let latest = |reasons: &[&str]| {
        events
            .iter()
            .rev()
            .find(|event| event.warning && reasons.contains(&event.reason.as_str()))
    };
    let quote = |event: &EventNote| format!("pod `{name}`: {}: {}", event.reason, event.message);
    if let Some(event) = latest(SURROUNDINGS) {
        return Some(Trouble {
            obstructs: true,
            why: quote(event),
        });
    }
    let event = latest(ACCOUNTS)?;
    let obstructs = (event.reason == "FailedScheduling" && lacks_room_only(&event.message))
        || (event.reason == "Failed" && event.message.contains("pull image"));
    Some(Trouble {
        obstructs,
        why: quote(event),
    })
}

/// Whether the scheduler names nothing but a lack of what every pod needs, which other people's pods use up.
fn lacks_room_only(message: &str) -> bool {
    const ROOM: &[&str] = &[
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient ephemeral-storage",
        "Too many pods",
    ];
    // `0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods. preemption: …`
    let Some((_, reasons)) = message.split_once("nodes are available: ") else {
        return false;
    };
    let reasons = reasons
        .split(". ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    reasons.split(", ").all(|reason| {
        let reason = reason.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
        ROOM.contains(&reason)
    })
}

/// The first trouble among those objects that are unfinished pods; other kinds have none.
pub(crate) async fn explain<'a, K: Any>(
    client: &Client,
    objects: impl Iterator<Item = &'a K>,
) -> Option<Trouble> {
    let pods: Vec<&Pod> = objects
        .filter_map(|object| (object as &dyn Any).downcast_ref::<Pod>())
        .filter(|pod| !matches!(phase(pod), "Running" | "Succeeded"))
        .take(PODS)
        .collect();
    let troubles = stream::iter(pods)
        .map(|pod| async move {
            let namespace = pod.namespace().unwrap_or_default();
            let events = events_for(client, &namespace, &pod.uid().unwrap_or_default()).await;
            trouble(pod, &events)
        })
        .buffered(4)
        .filter_map(std::future::ready)
        .collect::<Vec<_>>();
    let troubles = timeout(READ, troubles).await.unwrap_or_default();
    troubles
        .iter()
        .find(|trouble| trouble.obstructs)
        .or_else(|| troubles.first())
        .cloned()
}
