//! The pod that a device plugin lives and dies with.
//!
//! The plugin itself is a part of the node's process, as everything of the lab is. So that it can be restarted as people
//! restart one, by deleting its pod, it stops when its pod on the node goes and serves again when the next one runs. It
//! serves from the beginning, whenever its first pod comes.

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use tokio::sync::watch;

use crate::{
    log::{chain, log},
    shutdown::Shutdown,
};

/// Where plugins' pods are, and the label by which they are known.
const NAMESPACE: &str = "kube-system";
const LABEL: &str = "app.kubernetes.io/name";

/// How it stands with the plugin's pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Life {
    /// Whether the pod went and no other runs yet.
    pub(crate) is_gone: bool,
    /// How many pods came after one that went.
    pub(crate) restarts: u32,
}

/// Where a plugin sees how it stands.
pub(crate) type Lives = watch::Receiver<Life>;

/// What is known of the pods.
#[derive(Debug, Default)]
struct Known {
    life: Life,
    /// The uid of the pod that went last.
    gone: Option<String>,
}

impl Known {
    fn heed(&mut self, pod: &Pod, is_deleted: bool) {
        let uid = pod.uid().unwrap_or_default();
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if is_deleted || pod.metadata.deletion_timestamp.is_some() {
            if self.gone.as_ref() != Some(&uid) {
                self.gone = Some(uid);
                self.life.is_gone = true;
            }
        } else if self.life.is_gone && phase == Some("Running") && self.gone.as_ref() != Some(&uid) {
            self.life.is_gone = false;
            self.life.restarts += 1;
        }
    }
}

/// Follows the pods of the plugin of that name on a node until it is time to end.
pub(crate) async fn follow(
    client: Client,
    plugin: &str,
    node: &str,
    lives: &watch::Sender<Life>,
    shutdown: &Shutdown,
) {
    let config = watcher::Config::default()
        .labels(&format!("{LABEL}={plugin}"))
        .fields(&format!("spec.nodeName={node}"));
    let pods: Api<Pod> = Api::namespaced(client, NAMESPACE);
    let mut events = std::pin::pin!(watcher(pods, config).default_backoff());
    let mut known = Known::default();
    loop {
        let event = tokio::select! {
            () = shutdown.wait() => return,
            event = events.next() => event,
        };
        match event {
            Some(Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod))) => known.heed(&pod, false),
            Some(Ok(watcher::Event::Delete(pod))) => known.heed(&pod, true),
            Some(Ok(watcher::Event::Init | watcher::Event::InitDone)) | None => {}
            Some(Err(error)) => log!("watching the pods of `{plugin}`: {}", chain(&error)),
        }
        lives.send_if_modified(|life| {
            let is_news = *life != known.life;
            *life = known.life;
            is_news
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, phase: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": uid, "uid": uid}, "status": {"phase": phase}}))
            .unwrap()
    }

    #[test]
    fn a_plugin_is_gone_from_its_pods_end_until_another_runs() {
        let mut known = Known::default();
        known.heed(&pod("a", "Pending"), false);
        known.heed(&pod("a", "Running"), false);
        assert_eq!(known.life, Life::default());
        let mut leaving = pod("a", "Running");
        leaving.metadata.deletion_timestamp = serde_json::from_value(json!("2026-10-01T08:00:00Z")).unwrap();
        known.heed(&leaving, false);
        known.heed(&pod("b", "Pending"), false);
        known.heed(&leaving, true);
        assert!(known.life.is_gone);
        known.heed(&pod("b", "Running"), false);
        assert_eq!(
            known.life,
            Life {
                is_gone: false,
                restarts: 1
            }
        );
    }
}
