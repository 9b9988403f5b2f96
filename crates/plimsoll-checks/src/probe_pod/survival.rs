//! That a running pod goes on as it was, whatever is done around it.

use k8s_openapi::api::core::v1::Pod;
use plimsoll_platform::{Progress, Seen};

/// The pod of that uid runs, and none of its containers was ever restarted; probe containers never are by themselves.
/// One that is gone or another does not go on either, and nothing but what was done can have caused it.
pub(crate) fn goes_on(uid: &str) -> impl Fn(&Seen<Pod>) -> Progress + Send + Sync + use<> {
    let uid = uid.to_owned();
    move |seen: &Seen<Pod>| match seen.one().map(|pod| harm(pod, &uid)) {
        Some(None) => Progress::Met,
        Some(Some(why)) => Progress::NotYet(why),
        None => Progress::NotYet("it is gone".to_owned()),
    }
}

/// How a pod is no longer what it was, if it isn't.
fn harm(pod: &Pod, uid: &str) -> Option<String> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if pod.metadata.uid.as_deref() != Some(uid) {
        return Some("it is gone, and another has its name".to_owned());
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some("it was deleted".to_owned());
    }
    if phase != Some("Running") {
        return Some(format!("it is {}", phase.unwrap_or("without a phase")));
    }
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let restarted = statuses
        .into_iter()
        .flatten()
        .any(|status| status.restart_count > 0);
    restarted.then(|| "its container was restarted".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn harm_of(changes: Value) -> Option<String> {
        let mut pod = json!({"metadata": {"uid": "u"}, "status": {"phase": "Running",
            "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0}]}});
        if let (Some(pod), Value::Object(changes)) = (pod.as_object_mut(), changes) {
            pod.extend(changes);
        }
        harm(&serde_json::from_value(pod).unwrap(), "u")
    }

    #[test]
    fn a_pod_goes_on_as_long_as_it_is_the_same_and_runs_without_a_restart() {
        assert_eq!(harm_of(json!({})), None);
        let restarted = json!({"status": {"phase": "Running",
            "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 1}]}});
        assert!(harm_of(restarted).unwrap().contains("restarted"));
        assert!(
            harm_of(json!({"metadata": {"uid": "v"}}))
                .unwrap()
                .contains("another")
        );
        assert!(
            harm_of(json!({"status": {"phase": "Failed"}}))
                .unwrap()
                .contains("Failed")
        );
        let deleted = json!({"metadata": {"uid": "u", "deletionTimestamp": "2026-10-01T08:00:00Z"}});
        assert!(harm_of(deleted).unwrap().contains("deleted"));
    }
}
