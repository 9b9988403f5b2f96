//! What a DaemonSet does on each node.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plimsoll_apiserver::Object;
use serde_json::{Value, json};

use super::{
    super::{
        facts::{
            meta::{self, items},
            node_fit, pod, taint,
        },
        pods::template::{mark, pod_of},
    },
    HASH,
};

/// What there is to decide from.
pub(super) struct View<'a> {
    pub(super) set: &'a Value,
    pub(super) nodes: &'a [Object],
    pub(super) by_node: BTreeMap<String, Vec<Object>>,
    /// The hash of the present template.
    pub(super) hash: &'a str,
    pub(super) now: Timestamp,
}

/// What is done.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    pub(super) create: Vec<String>,
    pub(super) delete: Vec<Object>,
    /// Events: kind, reason and message.
    pub(super) tell: Vec<(&'static str, &'static str, String)>,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }
}

/// The tolerations that every pod of a DaemonSet has.
fn tolerations(spec: &Value) -> Vec<Value> {
    let mut own = items(&spec["tolerations"]).to_vec();
    let mut bears = |key: &str, effect: &str| {
        let toleration =
            json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": effect});
        if !own.contains(&toleration) {
            own.push(toleration);
        }
    };
    bears("not-ready", "NoExecute");
    bears("unreachable", "NoExecute");
    bears("disk-pressure", "NoSchedule");
    bears("memory-pressure", "NoSchedule");
    bears("pid-pressure", "NoSchedule");
    bears("unschedulable", "NoSchedule");
    if spec["hostNetwork"] == true {
        bears("network-unavailable", "NoSchedule");
    }
    own
}

/// The set's pod for a node: the scheduler binds it, but only there.
pub(super) fn pod(set: &Value, node: &str, hash: &str) -> Value {
    let mut pod = pod_of(set, &set["spec"]["template"]);
    pod["spec"]["tolerations"] = Value::Array(tolerations(&pod["spec"]));
    let only = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    let required =
        &mut pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    if required.is_object() {
        for term in required["nodeSelectorTerms"].as_array_mut().into_iter().flatten() {
            term["matchFields"] = only.clone();
        }
    } else {
        *required = json!({"nodeSelectorTerms": [{"matchFields": only}]});
    }
    mark(&mut pod, "labels", HASH, hash);
    if let Some(generation) = meta::annotation(set, "deprecated.daemonset.template.generation") {
        mark(&mut pod, "labels", "pod-template-generation", generation);
    }
    pod
}

/// The node that a pod is on, or is meant for.
pub(super) fn node_of(of: &Value) -> Option<&str> {
    pod::node(of).or_else(|| {
        let required =
            &of["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        items(&required["nodeSelectorTerms"])
            .iter()
            .flat_map(|term| items(&term["matchFields"]))
            .find(|field| field["key"] == "metadata.name")
            .and_then(|field| field["values"][0].as_str())
    })
}

/// Whether the set's pod is to run on a node, and whether one that is there may stay.
pub(super) fn fits(set: &Value, node: &Value) -> (bool, bool) {
    let spec = &set["spec"]["template"]["spec"];
    let named = spec["nodeName"].as_str().filter(|name| !name.is_empty());
    if named.is_some_and(|name| name != meta::name(node)) || !node_fit::allows(spec, node) {
        return (false, false);
    }
    let tolerations = tolerations(spec);
    let bears = |effects: &[&str]| {
        taint::of(node, effects).all(|taint| {
            tolerations
                .iter()
                .any(|toleration| taint::tolerates(toleration, taint))
        })
    };
    if bears(&["NoSchedule", "NoExecute"]) {
        (true, true)
    } else {
        (false, bears(&["NoExecute"]))
    }
}

/// Creates and deletes pods so that each node has the one that it should.
pub(super) fn keep(view: &View<'_>) -> Moves {
    let mut moves = Moves::default();
    for node in view.nodes {
        let name = meta::name(node);
        let own = view.by_node.get(name).map_or(&[][..], Vec::as_slice);
        let (runs, stays) = fits(view.set, node);
        if !stays {
            moves
                .delete
                .extend(own.iter().filter(|pod| !meta::deleting(pod)).cloned());
            continue;
        }
        if runs && own.is_empty() {
            moves.create.push(name.to_owned());
            continue;
        }
        let mut running = Vec::new();
        for pod in own.iter().filter(|pod| !meta::deleting(pod)) {
            let place = format!("{}/{} on node {name}", meta::namespace(pod), meta::name(pod));
            match pod::phase(pod) {
                "Failed" => {
                    let message = format!("Found failed daemon pod {place}, will try to kill it");
                    moves.tell.push(("Warning", "FailedDaemonPod", message));
                    moves.delete.push(pod.clone());
                }
                "Succeeded" => {
                    let message = format!("Found succeeded daemon pod {place}, will try to delete it");
                    moves.tell.push(("Normal", "SucceededDaemonPod", message));
                    moves.delete.push(pod.clone());
                }
                _ => running.push(pod),
            }
        }
        if surge(view.set, view.nodes.len()) == 0 {
            moves.delete.extend(running.into_iter().skip(1).cloned());
        } else if running.is_empty() && runs {
            moves.create.push(name.to_owned());
        } else {
            moves.delete.extend(surplus(view, &running));
        }
    }
    // Pods of nodes that are gone, if they are not bound: nobody else clears them up.
    let known: BTreeSet<&str> = view.nodes.iter().map(|node| meta::name(node)).collect();
    for (node, pods) in &view.by_node {
        if !known.contains(node.as_str()) {
            moves.delete.extend(
                pods.iter()
                    .filter(|pod| pod::node(pod).is_none() && !meta::deleting(pod))
                    .cloned(),
            );
        }
    }
    moves
}

/// With a surge there may be two: an old one that is ready, until the new one is available.
fn surplus(view: &View<'_>, running: &[&Object]) -> Vec<Object> {
    let (mut new, mut old): (Vec<&Object>, Vec<&Object>) = running
        .iter()
        .partition(|pod| meta::label(pod, HASH) == Some(view.hash));
    let mut surplus: Vec<Object> = new
        .iter()
        .skip(1)
        .chain(old.iter().skip(1))
        .map(|pod| (*pod).clone())
        .collect();
    new.truncate(1);
    old.truncate(1);
    if let ([new], [old]) = (&new[..], &old[..])
        && (!pod::ready(old) || pod::available(new, pod::min_ready(view.set), view.now))
    {
        surplus.push((*old).clone());
    }
    surplus
}

fn share(value: &Value, whole: usize, default: i64) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or(default),
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
            let whole = i64::try_from(whole).unwrap_or(i64::MAX);
            (whole.saturating_mul(percent) + 99) / 100
        }
        _ => default,
    }
}

fn surge(set: &Value, nodes: usize) -> i64 {
    share(
        &set["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"],
        nodes,
        0,
    )
}

/// Replaces pods of old templates, a few at a time.
pub(super) fn update(view: &View<'_>) -> Moves {
    let strategy = &view.set["spec"]["updateStrategy"];
    let mut moves = Moves::default();
    if strategy["type"] == "OnDelete" {
        return moves;
    }
    let wanted: Vec<&str> = view
        .nodes
        .iter()
        .filter(|node| fits(view.set, node).0)
        .map(|node| meta::name(node))
        .collect();
    let most_surge = surge(view.set, wanted.len());
    let default = i64::from(most_surge == 0);
    let most_down = share(
        &strategy["rollingUpdate"]["maxUnavailable"],
        wanted.len(),
        default,
    );
    let (mut down, mut surging) = (0, 0);
    let mut candidates = Vec::new();
    for node in wanted {
        let own = view.by_node.get(node).map_or(&[][..], Vec::as_slice);
        let living: Vec<&Object> = own.iter().filter(|pod| !meta::deleting(pod)).collect();
        let (new, old): (Vec<&Object>, Vec<&Object>) = living
            .iter()
            .partition(|pod| meta::label(pod, HASH) == Some(view.hash));
        let available = |pods: &[&Object]| {
            pods.iter()
                .any(|pod| pod::available(pod, pod::min_ready(view.set), view.now))
        };
        match (new.first(), old.first()) {
            (Some(_), Some(_)) => surging += 1,
            (None, Some(old)) if !available(&[*old]) => {
                down += 1;
                // It costs nothing, and may be what the update is to mend.
                if most_surge > 0 {
                    moves.create.push(node.to_owned());
                } else {
                    moves.delete.push((*old).clone());
                }
            }
            (None, Some(old)) => candidates.push((node, (*old).clone())),
            (Some(_), None) if available(&new) => {}
            (Some(_) | None, None) => down += 1,
        }
    }
    if most_surge > 0 {
        let room = usize::try_from(most_surge - surging).unwrap_or_default();
        moves
            .create
            .extend(candidates.into_iter().take(room).map(|(node, _)| node.to_owned()));
    } else {
        let room = usize::try_from(most_down - down).unwrap_or_default();
        moves
            .delete
            .extend(candidates.into_iter().take(room).map(|(_, old)| old));
    }
    moves
}
