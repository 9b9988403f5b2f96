//! Noticing that a node can't prepare a pod's devices.
//!
//! A kubelet that fails to says so in an event, calls the pod's synchronisation a success all the same, and tries
//! again only when it comes round to the pod anyway, a minute or more later (seen in Kubernetes 1.36). So who
//! waits for such a pod waits for nothing.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures::future::{Either, select};
use k8s_openapi::api::core::v1::{Event, ObjectReference};
use kube::Api;
use plimsoll_platform::{Deadline, Observer, Progress, Seen, WaitError, Watched, observed};
use tokio::time::timeout;

/// What the kubelet calls it.
const REASON: &str = "FailedPrepareDynamicResources";

/// How long a pod is still waited for after its node complained: a kubelet that is called upon for another reason
/// may try once more meanwhile.
const RETRY: Duration = Duration::from_secs(4);

/// How a wait for pods that need devices ended.
pub(crate) enum Prepared<T> {
    /// By itself.
    Ended(Result<T, WaitError>),
    /// A node can't prepare the devices; what it says.
    Unprepared(String),
}

/// Waits for `wait`, but hardly longer than until a node says that it can't prepare the devices of a pod that
/// `concerns` picks.
pub(crate) async fn unless_unprepared<T>(
    wait: impl Future<Output = Result<T, WaitError>>,
    events: Api<Event>,
    concerns: impl Fn(&ObjectReference) -> bool + Send + Sync,
    deadline: Deadline,
) -> Prepared<T> {
    let complaint = pin!(complaint(events, concerns, deadline));
    match select(pin!(wait), complaint).await {
        Either::Left((ended, _)) => Prepared::Ended(ended),
        Either::Right((Some(complaint), wait)) => match timeout(RETRY, wait).await {
            Ok(ended) => Prepared::Ended(ended),
            Err(_) => Prepared::Unprepared(complaint),
        },
        // The events can't be watched: they would only have shortened the wait.
        Either::Right((None, wait)) => Prepared::Ended(wait.await),
    }
}

async fn complaint(
    events: Api<Event>,
    concerns: impl Fn(&ObjectReference) -> bool + Send + Sync,
    deadline: Deadline,
) -> Option<String> {
    let watched = Watched::selected(events, &format!("reason={REASON}"));
    let said = |seen: &Seen<Event>| match first(seen, &concerns) {
        Some(_) => Progress::Met,
        None => Progress::NotYet("no complaint about devices".to_owned()),
    };
    // Not what people wait for: it only cuts that wait short.
    let seen = observed(Arc::new(Unheard), watched.until(said, deadline))
        .await
        .ok()?;
    first(&seen, &concerns)
}

fn first(seen: &Seen<Event>, concerns: &impl Fn(&ObjectReference) -> bool) -> Option<String> {
    let event = seen.iter().find(|event| concerns(&event.involved_object))?;
    Some(format!(
        "pod `{}`: {REASON}: {}",
        event.involved_object.name.as_deref().unwrap_or("without a name"),
        event.message.as_deref().unwrap_or("no reason given")
    ))
}

/// Keeps a wait to itself.
struct Unheard;

impl Observer for Unheard {
    fn wait_started(&self, _on: &str, _within: Duration) -> u64 {
        0
    }

    fn wait_progressed(&self, _wait: u64, _seen: &str) {}

    fn wait_ended(&self, _wait: u64, _met: bool) {}

    fn object_created(&self, _kind: &str, _namespace: Option<&str>, _name: &str) {}
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(pods: &[&str]) -> Seen<Event> {
        let event = |(number, pod): (usize, &&str)| -> Event {
            serde_json::from_value(json!({"metadata": {"name": number.to_string(), "namespace": "n"},
                "involvedObject": {"name": pod}, "reason": REASON, "message": "no driver"}))
            .unwrap()
        };
        pods.iter().enumerate().map(event).collect()
    }

    #[test]
    fn only_pods_that_are_waited_for_count() {
        let concerns = |pod: &ObjectReference| pod.name.as_deref().is_some_and(|name| name.starts_with("a-"));
        assert_eq!(first(&seen(&[]), &concerns), None);
        assert_eq!(first(&seen(&["b-0"]), &concerns), None);
        let expected = "pod `a-1`: FailedPrepareDynamicResources: no driver";
        assert_eq!(
            first(&seen(&["b-0", "a-1"]), &concerns).as_deref(),
            Some(expected)
        );
    }
}
