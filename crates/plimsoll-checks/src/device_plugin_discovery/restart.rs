//! L6: a plugin that is restarted remembers who holds what, by way of the kubelet.
//!
//! One device is held while the vendor's plugin pod on the node is deleted. Its DaemonSet makes another; then as many
//! devices must be allocatable as before, the pod that holds one must go on, and nobody else may be given what it holds.

use futures::future::join;
use k8s_openapi::api::core::v1::{Node as ApiNode, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};
use plimsoll_platform::{
    Condition, Path, Progress, Seen, WaitError, Watched,
    survey::{Node, quantity},
};
use plimsoll_vendors::Vendor;

use super::{
    judge::{Ask, Seat},
    trial::{MOST, seat},
};
use crate::{
    CheckError,
    probe_pod::{Crew, Member, Ruling, chain, goes_on, unmet},
};

/// How L6 came out, or why it was not tried.
pub(super) enum Told {
    Judged(Ruling),
    NotTried(String),
}

/// The plugin's pod on a node.
struct PluginPod {
    name: String,
    namespace: String,
    uid: String,
    /// The uid of its DaemonSet.
    owner: String,
}

/// Restarts the plugin, where that is allowed and nobody else is concerned.
pub(super) async fn told(
    crew: &Crew<'_>,
    ask: &Ask<'_>,
    facts: &Node,
    free: usize,
) -> Result<Told, CheckError> {
    let Some(vendor) = crew.vendor else {
        return Ok(Told::NotTried("whose plugin it is is not known".to_owned()));
    };
    if !crew.context.disruption.is_allowed() {
        return Ok(Told::NotTried(format!(
            "`--allow-disruption` lets the plugin's pod on node `{}` be deleted",
            facts.name
        )));
    }
    if let Some(why) = others_concerned(crew, ask, vendor) {
        return Ok(Told::NotTried(why));
    }
    let plugin = match plugin_on(crew, vendor).await {
        Ok(plugin) => plugin,
        Err(why) => return Ok(Told::NotTried(why)),
    };
    let keeper = match crew.muster([crew.asking("keeper", ask.resource, 1)]).await? {
        Ok(members) => members.into_iter().next(),
        Err(gap) => return Ok(Told::Judged(gap)),
    };
    let Some(keeper) = keeper else {
        return Ok(Told::NotTried("no device was held".to_owned()));
    };
    if let Err(error) = &keeper.heard {
        return Ok(Told::Judged(Ruling::Undecided(format!(
            "no device could be held while the plugin is restarted: {}",
            chain(error)
        ))));
    }
    let _turn = crew.context.disruption.begin().await;
    if let Err(refused) = delete(crew, &plugin).await {
        return Ok(refused);
    }
    Ok(Told::Judged(after(crew, ask, free, &plugin, &keeper).await?))
}

/// Who else might feel it: those who hold a device of that vendor on the node, and other checks of ours.
fn others_concerned(crew: &Crew<'_>, ask: &Ask<'_>, vendor: &Vendor) -> Option<String> {
    let pools = crew.context.inventory.accelerators.iter();
    let mut pools = pools.filter(|pool| pool.node == crew.node && pool.total > 0);
    pools.find_map(|pool| {
        let Path::DevicePlugin { resource } = &pool.path else {
            return None;
        };
        if resource == ask.resource {
            return (pool.free < pool.total).then(|| {
                format!(
                    "others hold some of `{resource}` on node `{}` ({}), and the plugin is theirs as well",
                    pool.node, pool.because
                )
            });
        }
        vendor.resources.matches(resource).then(|| {
            format!(
                "the plugin of node `{}` also offers `{resource}`, which is not borrowed",
                pool.node
            )
        })
    })
}

async fn plugin_on(crew: &Crew<'_>, vendor: &Vendor) -> Result<PluginPod, String> {
    let pods: Api<Pod> = Api::all(crew.context.platform.client());
    let on_node = ListParams::default().fields(&format!("spec.nodeName={}", crew.node));
    let pods = pods.list(&on_node).await.map_err(|error| {
        format!(
            "the pods of node `{}` could not be read: {}",
            crew.node,
            chain(&error)
        )
    })?;
    let found = pods.items.iter().find_map(|pod| plugin_pod(pod, vendor));
    found.ok_or_else(|| {
        format!(
            "no pod on node `{}` is of a DaemonSet that is called as the device plugin of {} is: the plugin may run as a \
             part of the node",
            crew.node, vendor.name
        )
    })
}

/// The pod as the vendor's plugin, if a DaemonSet of such a name made it: one that nobody makes anew is left alone.
fn plugin_pod(pod: &Pod, vendor: &Vendor) -> Option<PluginPod> {
    let is_live = pod.metadata.deletion_timestamp.is_none();
    let owner = pod
        .owner_references()
        .iter()
        .find(|owner| owner.kind == "DaemonSet" && vendor.plugins.matches(&owner.name))?;
    is_live.then(|| PluginPod {
        name: pod.name_any(),
        namespace: pod.namespace().unwrap_or_default(),
        uid: pod.uid().unwrap_or_default(),
        owner: owner.uid.clone(),
    })
}

async fn delete(crew: &Crew<'_>, plugin: &PluginPod) -> Result<(), Told> {
    let pods: Api<Pod> = Api::namespaced(crew.context.platform.client(), &plugin.namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(plugin.uid.clone()),
            ..Preconditions::default()
        }),
        ..DeleteParams::default()
    };
    let what = || format!("pod `{}` of namespace `{}`", plugin.name, plugin.namespace);
    match pods.delete(&plugin.name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            Err(Told::NotTried(format!("this user may not delete {}", what())))
        }
        Err(error) => Err(Told::Judged(Ruling::Undecided(format!(
            "{} could not be deleted: {}",
            what(),
            chain(&error)
        )))),
    }
}

async fn after(
    crew: &Crew<'_>,
    ask: &Ask<'_>,
    free: usize,
    plugin: &PluginPod,
    keeper: &Member,
) -> Result<Ruling, CheckError> {
    let place = ask.place();
    if let Err(error) = succeeded(crew, plugin).await {
        return Ok(unmet(
            &format!(
                "pod `{}`, the plugin of {place}, was deleted, and no other took its place",
                plugin.name
            ),
            &error,
        ));
    }
    if let Err(error) = allocatable_again(crew, ask.resource).await {
        return Ok(unmet(
            &format!("the plugin of {place} was restarted, and what it offers can't be had again"),
            &error,
        ));
    }
    let window = crew.context.patience.hold(super::trial::bound_after(keeper));
    let uid = keeper.pod.uid();
    let watched = keeper.pod.watched();
    let kept = watched.hold(goes_on(&uid).called("the pod to go on"), window);
    let more = free.saturating_sub(1).min(MOST);
    let pods = (0..more).map(|index| crew.asking(&format!("after-{index}"), ask.resource, 1));
    let (kept, members) = join(kept, crew.muster(pods)).await;
    if let Err(error) = kept {
        return Ok(unmet(
            &format!(
                "pod `{}`, which holds one of {place}, did not survive that the plugin was restarted",
                keeper.pod.name()
            ),
            &error,
        ));
    }
    let members = match members? {
        Ok(members) => members,
        Err(gap) => return Ok(gap),
    };
    let seats: Vec<Seat<'_>> = members.iter().map(seat).collect();
    Ok(ask.remembered(&seat(keeper), &seats))
}

/// Waits until the DaemonSet has made another pod and that one runs.
async fn succeeded(crew: &Crew<'_>, plugin: &PluginPod) -> Result<(), WaitError> {
    let pods: Api<Pod> = Api::namespaced(crew.context.platform.client(), &plugin.namespace);
    let (uid, owner) = (plugin.uid.clone(), plugin.owner.clone());
    let condition = move |seen: &Seen<Pod>| {
        let successor = seen.iter().find(|pod| {
            let is_own = pod.owner_references().iter().any(|known| known.uid == owner);
            is_own && pod.metadata.uid.as_deref() != Some(&uid)
        });
        match successor.map(|pod| (pod.name_any(), is_ready(pod))) {
            Some((_, true)) => Progress::Met,
            Some((name, false)) => Progress::NotYet(format!("pod `{name}` is not ready")),
            None => Progress::NotYet("there is no other pod".to_owned()),
        }
    };
    Watched::selected(pods, &format!("spec.nodeName={}", crew.node))
        .until(
            condition.called("the plugin's next pod"),
            crew.context.patience.plugin_return(),
        )
        .await
        .map(drop)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Waits until as many can be had as the survey found, and stay so: a kubelet tells of a plugin that went only seconds
/// later.
async fn allocatable_again(crew: &Crew<'_>, resource: &str) -> Result<(), WaitError> {
    let before = crew
        .context
        .inventory
        .node(crew.node)
        .and_then(|node| node.accelerators.get(resource))
        .map_or(0, |counted| counted.allocatable);
    let nodes: Api<ApiNode> = Api::all(crew.context.platform.client());
    let watched = Watched::one(nodes, crew.node);
    let deadline = crew.context.patience.plugin_return();
    let settled = crew.context.patience.hold(std::time::Duration::ZERO);
    let began = tokio::time::Instant::now();
    loop {
        watched
            .until(
                offers(resource, before).called("the devices to be allocatable again"),
                deadline,
            )
            .await?;
        let held = watched.hold(
            offers(resource, before).called("the devices to stay allocatable"),
            settled,
        );
        match held.await {
            Ok(_) => return Ok(()),
            Err(WaitError::Broken(_)) if began.elapsed() < deadline.within => {}
            Err(error) => return Err(error),
        }
    }
}

fn offers(resource: &str, wanted: u64) -> impl Condition<ApiNode> {
    let resource = resource.to_owned();
    move |seen: &Seen<ApiNode>| match seen.one() {
        None => Progress::Obstructed("the node is gone".to_owned()),
        Some(node) => {
            let allocatable = node
                .status
                .as_ref()
                .and_then(|status| status.allocatable.as_ref());
            let quantity = allocatable.and_then(|allocatable| allocatable.get(&resource));
            let has = quantity.map_or(0, |quantity| quantity::whole(&quantity.0));
            if has >= wanted {
                Progress::Met
            } else {
                Progress::NotYet(format!("{has} of {wanted} are allocatable"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(kind: &str, owner: &str, ready: bool) -> Pod {
        let status: Value =
            json!({"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]});
        serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "gpu-operator", "uid": "u", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": "d"}]},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn only_a_pod_that_a_daemon_set_of_that_name_makes_anew_is_the_plugin() {
        let nvidia = Vendor::by_id("nvidia").unwrap();
        let found = |kind, owner| plugin_pod(&pod(kind, owner, true), nvidia).is_some();
        assert!(found("DaemonSet", "nvidia-device-plugin-daemonset"));
        assert!(found("DaemonSet", "prod-nvidia-device-plugin"));
        assert!(!found("DaemonSet", "amdgpu-device-plugin-daemonset"));
        assert!(!found("ReplicaSet", "nvidia-device-plugin-daemonset"));
        let mut leaving = pod("DaemonSet", "nvidia-device-plugin-daemonset", true);
        leaving.metadata.deletion_timestamp = serde_json::from_value(json!("2026-10-01T08:00:00Z")).unwrap();
        assert!(plugin_pod(&leaving, nvidia).is_none());
    }

    #[test]
    fn a_pod_is_ready_when_it_says_so() {
        assert!(is_ready(&pod("DaemonSet", "x", true)));
        assert!(!is_ready(&pod("DaemonSet", "x", false)) && !is_ready(&Pod::default()));
    }
}
