//! Keeps a group of pods for as long as it has members.

use plimsoll_apiserver::{Change, Direct, Reason, Status, resources};
use serde_json::Value;

use super::{
    facts::{
        meta::{self, Key},
        pod,
    },
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

/// Keeps a group while pods are in it.
const IN_USE: &str = "scheduling.k8s.io/podgroup-protection";

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, Groups { api: api.clone() }).await;
}

struct Groups {
    api: Direct,
}

/// The group that a pod is in.
fn group_of(pod: &Value) -> Option<&str> {
    pod["spec"]["schedulingGroup"]["podGroupName"].as_str()
}

impl Reconcile for Groups {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::POD_GROUPS, resources::PODS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        if *change.of() == resources::POD_GROUPS {
            if !matches!(change, Change::Deleted(..)) && meta::deleting(object) {
                look_at(Key::of(object));
            }
        } else if let Some(group) = group_of(object)
            && (matches!(change, Change::Deleted(..)) || pod::terminal(object))
        {
            look_at(Key::new(meta::namespace(object), group));
        }
    }

    async fn reconcile(&mut self, group: &Key) -> Next {
        match self.release(group).await {
            Ok(()) => Next::Done,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Groups {
    /// Lets a group go that is to be deleted, once nobody is in it.
    async fn release(&self, key: &Key) -> Result<(), Status> {
        let Some(group) = self.api.get(&resources::POD_GROUPS, key.space(), &key.name) else {
            return Ok(());
        };
        if !meta::deleting(&group) || !meta::has_finalizer(&group, IN_USE) {
            return Ok(());
        }
        let members = self.api.list_where(&resources::PODS, key.space(), |pod| {
            !pod::terminal(pod) && group_of(pod) == Some(key.name.as_str())
        });
        if members.is_empty() {
            let patch = meta::without_finalizer(&group, IN_USE);
            self.api
                .merge(&resources::POD_GROUPS, key.space(), &key.name, None, patch)
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_apiserver::{DeleteOptions, GroupResource, elapse};
    use serde_json::json;
    use std::time::Duration;

    use super::super::stand::Stand;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_group_goes_when_its_last_member_has_gone() {
        let stand = Stand::new();
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "default"},
            "spec": {"schedulingGroup": {"podGroupName": "g"}, "containers": [{"name": "c", "image": "i"}]},
        });
        let group = json!({
            "apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup",
            "metadata": {"name": "g", "namespace": "default"}, "spec": {"schedulingPolicy": {"gang": {"minCount": 1}}},
        });
        elapse(Duration::from_secs(5)).await;
        let group = stand.create(group).await;
        assert_eq!(group["metadata"]["finalizers"], json!([IN_USE]));
        stand.create(pod).await;
        let delete = async |of: GroupResource, name: &str| {
            let options = DeleteOptions::default();
            stand
                .api
                .delete(&of, Some("default"), name, options)
                .await
                .unwrap();
            elapse(Duration::from_secs(60)).await;
        };
        let is_there = || {
            stand
                .api
                .get(&resources::POD_GROUPS, Some("default"), "g")
                .is_some()
        };
        delete(resources::POD_GROUPS, "g").await;
        assert!(is_there());
        delete(resources::PODS, "a").await;
        assert!(!is_there());
    }
}
