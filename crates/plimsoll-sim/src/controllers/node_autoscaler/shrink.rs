//! Which nodes nobody needs.

use std::collections::BTreeMap;

use plimsoll_apiserver::{Direct, Object};
use serde_json::Value;

use super::{
    super::facts::{condition, meta, pod, quantity},
    has_taint,
    room::{self, Room},
};

/// Below this share of what it has a node is hardly used.
const HARDLY: f64 = 0.5;

/// A node that could go.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) node: String,
    pub(super) group: String,
    /// The pods that would have to move.
    pub(super) pods: Vec<Object>,
    pub(super) utilization: f64,
}

/// The nodes of a group that could go: ready, hardly used, and all that runs on them could run elsewhere.
pub(super) fn candidates(api: &Direct, group: &str, own: &[Object], nodes: &[Object]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for node in own {
        if has_taint(node, super::TO_BE_DELETED)
            || meta::annotation(node, "cluster-autoscaler.kubernetes.io/scale-down-disabled") == Some("true")
            || !condition::is_true(&node["status"]["conditions"], "Ready")
        {
            continue;
        }
        let all = api.pods_on(meta::name(node));
        let utilization = utilization(node, &all);
        if utilization >= HARDLY {
            continue;
        }
        let Some(pods) = to_move(&all) else { continue };
        let others = nodes.iter().filter(|other| {
            meta::name(other) != meta::name(node)
                && condition::is_true(&other["status"]["conditions"], "Ready")
                && other["spec"]["unschedulable"] != true
                && !candidates.iter().any(|own| own.node == meta::name(other))
        });
        if !pods.is_empty() && !fit_elsewhere(api, &pods, others) {
            continue;
        }
        candidates.push(Candidate {
            node: meta::name(node).to_owned(),
            group: group.to_owned(),
            pods,
            utilization,
        });
    }
    candidates.sort_by(|a, b| a.pods.len().cmp(&b.pods.len()).then_with(|| a.node.cmp(&b.node)));
    candidates
}

/// The largest share of processors, memory or an accelerator that is asked for.
fn utilization(node: &Value, pods: &[Object]) -> f64 {
    let mut asked: BTreeMap<String, i64> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !pod::terminal(pod)) {
        for (name, amount) in room::requests(&pod["spec"]) {
            *asked.entry(name).or_default() += amount;
        }
    }
    let share = |name: &str| {
        let all = quantity::milli_of(&node["status"]["allocatable"][name]).filter(|all| *all > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        Some(asked.get(name).copied().unwrap_or_default() as f64 / all as f64)
    };
    let accelerators = node["status"]["allocatable"].as_object().into_iter().flatten();
    let accelerators = accelerators
        .map(|(name, _)| name.as_str())
        .filter(|name| name.contains('/'));
    ["cpu", "memory"]
        .into_iter()
        .chain(accelerators)
        .filter_map(share)
        .fold(0.0, f64::max)
}

/// The pods that would have to move; none if one of them must not.
fn to_move(pods: &[Object]) -> Option<Vec<Object>> {
    let mut moving = Vec::new();
    for pod in pods {
        let is_daemon = meta::controller_named(pod, "apps", "DaemonSet").is_some();
        if pod::terminal(pod) || is_daemon || meta::annotation(pod, "kubernetes.io/config.mirror").is_some() {
            continue;
        }
        let safe = meta::annotation(pod, "cluster-autoscaler.kubernetes.io/safe-to-evict");
        let has_claims = !meta::items(&pod["spec"]["resourceClaims"]).is_empty();
        let stays = safe == Some("false")
            || (safe != Some("true")
                && (meta::controller_of(pod).is_none()
                    || meta::namespace(pod) == "kube-system"
                    || has_claims));
        if stays {
            return None;
        }
        moving.push(pod.clone());
    }
    Some(moving)
}

fn fit_elsewhere<'a>(api: &Direct, pods: &[Object], others: impl Iterator<Item = &'a Object>) -> bool {
    let mut rooms: Vec<(&Object, Room)> = others
        .map(|node| {
            let mut room = Room::of_node(node);
            for pod in api
                .pods_on(meta::name(node))
                .iter()
                .filter(|pod| !pod::terminal(pod))
            {
                room.take_amounts(&room::requests(&pod["spec"]));
            }
            (node, room)
        })
        .collect();
    pods.iter().all(|pod| {
        let amounts = room::requests(&pod["spec"]);
        let place = rooms
            .iter_mut()
            .find(|(node, room)| room::could_move(&pod["spec"], &amounts, node, room));
        place.map(|(_, room)| room.take_amounts(&amounts)).is_some()
    })
}
