//! Conditions over pods.

use k8s_openapi::api::core::v1::{ContainerState, Pod, PodCondition};
use kube::{Resource, ResourceExt};

use super::obstruction::{containers, obstruction};
use crate::wait::{Condition, Progress, Seen};

/// A condition that every watched pod must meet. Nothing there is not yet met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pods {
    stage: Stage,
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Bound,
    Started,
    Running,
    Ready,
    Succeeded,
    Finished,
}

/// Bound to a node by a scheduler.
#[must_use]
pub fn bound() -> Pods {
    Pods {
        stage: Stage::Bound,
        count: 1,
    }
}

/// Every container was started, whether or not it has ended since.
#[must_use]
pub fn started() -> Pods {
    Pods {
        stage: Stage::Started,
        count: 1,
    }
}

/// Every container runs.
#[must_use]
pub fn running() -> Pods {
    Pods {
        stage: Stage::Running,
        count: 1,
    }
}

/// Ready.
#[must_use]
pub fn ready() -> Pods {
    Pods {
        stage: Stage::Ready,
        count: 1,
    }
}

/// Ended well.
#[must_use]
pub fn succeeded() -> Pods {
    Pods {
        stage: Stage::Succeeded,
        count: 1,
    }
}

/// Ended, well or not.
#[must_use]
pub fn finished() -> Pods {
    Pods {
        stage: Stage::Finished,
        count: 1,
    }
}

impl Pods {
    /// The same of at least `count` pods (1 unless said otherwise).
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }
}

impl Condition<Pod> for Pods {
    fn progress(&self, seen: &Seen<Pod>) -> Progress {
        let mut missing = None;
        let mut never = None;
        for pod in seen.iter() {
            match self.stage.judge(pod) {
                Progress::Met => {}
                Progress::NotYet(why) => missing = missing.or(Some(why)),
                Progress::Never(why) => never = never.or(Some(why)),
                obstructed @ Progress::Obstructed(_) => return obstructed,
            }
        }
        if let Some(why) = never {
            return Progress::Never(why);
        }
        if missing.is_none() && seen.len() >= self.count {
            return Progress::Met;
        }
        if let Some(pod) = seen.departed.first() {
            return Progress::Obstructed(format!("pod `{}` was deleted by somebody else", pod.name_any()));
        }
        Progress::NotYet(
            missing.unwrap_or_else(|| format!("{} of {} pods are there", seen.len(), self.count)),
        )
    }

    fn describe(&self) -> String {
        let stage = match self.stage {
            Stage::Bound => "bound to a node",
            Stage::Started => "started",
            Stage::Running => "running",
            Stage::Ready => "ready",
            Stage::Succeeded => "ended well",
            Stage::Finished => "ended",
        };
        if self.count == 1 {
            format!("pod {stage}")
        } else {
            format!("{} pods {stage}", self.count)
        }
    }
}

impl Stage {
    fn judge(self, pod: &Pod) -> Progress {
        if self.is_met(pod) {
            return Progress::Met;
        }
        if let Some(why) = obstruction(pod) {
            return Progress::Obstructed(why);
        }
        let name = pod.name_any();
        match phase(pod) {
            "Failed" => Progress::Never(format!("pod `{name}` failed: {}", ending(pod))),
            "Succeeded" => Progress::Obstructed(format!("pod `{name}` has already ended by itself")),
            _ => Progress::NotYet(format!("pod `{name}`: {}", standing(pod))),
        }
    }

    fn is_met(self, pod: &Pod) -> bool {
        // A pod on its way out meets nothing any more, but what it has been through it has been through.
        let staying = pod.metadata.deletion_timestamp.is_none();
        match self {
            Self::Bound => is_bound(pod) && staying,
            Self::Started => {
                every_container(pod, |state| state.running.is_some() || state.terminated.is_some())
            }
            Self::Running => {
                phase(pod) == "Running" && staying && every_container(pod, |state| state.running.is_some())
            }
            Self::Ready => staying && condition(pod, "Ready").is_some_and(|ready| ready.status == "True"),
            Self::Succeeded => phase(pod) == "Succeeded",
            Self::Finished => {
                phase(pod) == "Succeeded" || (phase(pod) == "Failed" && obstruction(pod).is_none())
            }
        }
    }
}

/// Not bound to a node, and the scheduler says why in a text that contains `reason`.
///
/// The `reason` is compared with reason and message of the condition `PodScheduled`, such as `Unschedulable`
/// or `cannot allocate all claims`.
#[must_use]
pub fn pending_because(reason: impl Into<String>) -> PendingBecause {
    PendingBecause {
        reason: reason.into(),
    }
}

/// See [`pending_because`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingBecause {
    reason: String,
}

impl Condition<Pod> for PendingBecause {
    fn progress(&self, seen: &Seen<Pod>) -> Progress {
        if seen.is_empty() {
            return match seen.departed.first() {
                Some(pod) => {
                    Progress::Obstructed(format!("pod `{}` was deleted by somebody else", pod.name_any()))
                }
                None => Progress::NotYet("no pod is there".to_owned()),
            };
        }
        let mut missing = None;
        for pod in seen.iter() {
            let name = pod.name_any();
            if is_bound(pod) {
                let node = pod
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.node_name.as_deref())
                    .unwrap_or_default();
                return Progress::Never(format!("pod `{name}` was bound to node `{node}`"));
            }
            if let Some(why) = obstruction(pod) {
                return Progress::Obstructed(why);
            }
            let refused = condition(pod, "PodScheduled").filter(|scheduled| scheduled.status == "False");
            let says =
                |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains(&self.reason));
            if !refused.is_some_and(|refused| says(&refused.reason) || says(&refused.message)) {
                missing = missing.or_else(|| Some(format!("pod `{name}`: {}", standing(pod))));
            }
        }
        missing.map_or(Progress::Met, Progress::NotYet)
    }

    fn describe(&self) -> String {
        format!("pod pending because of {}", self.reason)
    }
}

/// The object with that uid is not there any more: deleted, or there under the same name is another.
#[must_use]
pub fn gone(uid: impl Into<String>) -> Gone {
    Gone { uid: uid.into() }
}

/// See [`gone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    uid: String,
}

impl<K: Resource + Send + Sync> Condition<K> for Gone {
    fn progress(&self, seen: &Seen<K>) -> Progress {
        let Some(object) = seen
            .iter()
            .find(|object| object.uid().as_deref() == Some(&self.uid))
        else {
            return Progress::Met;
        };
        let name = object.name_any();
        let finalizers = object.finalizers();
        Progress::NotYet(if object.meta().deletion_timestamp.is_none() {
            format!("`{name}` is still there and nobody deletes it")
        } else if finalizers.is_empty() {
            format!("`{name}` is still being deleted")
        } else {
            format!(
                "`{name}` is still being deleted; its finalizers: {}",
                finalizers.join(", ")
            )
        })
    }

    fn describe(&self) -> String {
        "deletion".to_owned()
    }
}

pub(super) fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

pub(super) fn is_bound(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .is_some_and(|node| !node.is_empty())
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    pod.status
        .as_ref()?
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == kind)
}

/// Whether every container that the pod asks for has a state like that. Without a container: no.
fn every_container(pod: &Pod, is: impl Fn(&ContainerState) -> bool) -> bool {
    let wanted = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    let so = statuses
        .iter()
        .filter(|container| container.state.as_ref().is_some_and(&is))
        .count();
    wanted > 0 && so >= wanted
}

/// How an unfinished pod stands, in the words of whoever it waits for.
pub(super) fn standing(pod: &Pod) -> String {
    let waiting = containers(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().filter(|reason| !reason.is_empty())?;
        Some(match waiting.message.as_deref() {
            Some(message) => format!("container `{}` waits: {reason}: {message}", container.name),
            None => format!("container `{}` waits: {reason}", container.name),
        })
    });
    if let Some(waiting) = waiting {
        return waiting;
    }
    let refused = condition(pod, "PodScheduled").filter(|scheduled| scheduled.status == "False");
    if let Some(refused) = refused {
        let reason = refused.reason.as_deref().unwrap_or("not scheduled");
        return refused
            .message
            .as_deref()
            .map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}"));
    }
    if !is_bound(pod) {
        return "no scheduler has considered it yet".to_owned();
    }
    match phase(pod) {
        "" => "its node has not reported on it yet".to_owned(),
        phase => format!("phase {phase}"),
    }
}

/// How a failed pod ended.
pub(super) fn ending(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let container = containers(pod).find_map(|container| {
        let ended = container
            .state
            .as_ref()?
            .terminated
            .as_ref()
            .filter(|ended| ended.exit_code != 0)?;
        let reason = ended.reason.as_deref().unwrap_or("Error");
        let message = ended
            .message
            .as_deref()
            .map(|message| format!(": {}", message.trim()))
            .unwrap_or_default();
        Some(format!(
            "container `{}` ended with {} ({reason}){message}",
            container.name, ended.exit_code
        ))
    });
    let reason = status.and_then(|status| status.reason.clone());
    let message = status.and_then(|status| status.message.clone());
    match (reason, message, container) {
        (Some(reason), Some(message), _) => format!("{reason}: {message}"),
        (Some(reason), None, _) => reason,
        (None, _, Some(container)) => container,
        (None, Some(message), None) => message,
        (None, None, None) => "no reason given".to_owned(),
    }
}
