//! What keeps a pod from being judged, as far as its own status tells.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

/// Reasons of waiting containers that are about the image or our own configuration.
const WAITING: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
];

/// Reasons of failed pods that are about the node's state, not about what is tested.
const FAILED: &[&str] = &[
    "Evicted",
    "NodeLost",
    "NodeShutdown",
    "Terminated",
    "Shutdown",
    "Preempting",
    "NodeAffinity",
    "OutOfcpu",
    "OutOfmemory",
    "OutOfpods",
    "OutOfephemeral-storage",
    "DeadlineExceeded",
];

/// What stands in the pod's way, if something does.
pub(super) fn obstruction(pod: &Pod) -> Option<String> {
    let name = pod.name_any();
    deleted(pod).or_else(|| disrupted(pod)).or_else(|| {
        containers(pod)
            .find_map(image_or_configuration)
            .map(|(container, why)| format!("container `{container}` of pod `{name}` can't start: {why}"))
    })
}

/// Somebody deletes the pod.
fn deleted(pod: &Pod) -> Option<String> {
    pod.metadata.deletion_timestamp.as_ref()?;
    let why = disruption(pod).map(|why| format!(" ({why})")).unwrap_or_default();
    Some(format!(
        "pod `{}` is being deleted by somebody else{why}",
        pod.name_any()
    ))
}

/// The pod was evicted, preempted or refused by its node for lack of something.
fn disrupted(pod: &Pod) -> Option<String> {
    let name = pod.name_any();
    if let Some(why) = disruption(pod) {
        return Some(format!("pod `{name}` is disrupted: {why}"));
    }
    let status = pod.status.as_ref()?;
    let reason = status.reason.as_deref()?;
    if !FAILED.contains(&reason) {
        return None;
    }
    let message = status.message.as_deref().unwrap_or("no message");
    Some(format!("pod `{name}` failed with {reason}: {message}"))
}

/// The text of the condition `DisruptionTarget`.
fn disruption(pod: &Pod) -> Option<String> {
    let target = pod
        .status
        .as_ref()?
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")?;
    let reason = target.reason.as_deref().unwrap_or("no reason");
    Some(match target.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        _ => reason.to_owned(),
    })
}

fn image_or_configuration(container: &ContainerStatus) -> Option<(&str, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    if !WAITING.contains(&reason) {
        return None;
    }
    let message = waiting.message.as_deref().filter(|message| !message.is_empty());
    Some((
        &container.name,
        message.map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}")),
    ))
}

/// The statuses of all containers, init containers first.
pub(super) fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status
        .and_then(|status| status.init_container_statuses.as_deref())
        .unwrap_or_default();
    let main = status
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    init.iter().chain(main)
}
