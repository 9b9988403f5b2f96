//! Nodes: whether all pods of a workload find one each that they may go to and that has enough for them.
//!
//! Pods are laid out on the nodes as if nothing else ran there, those that want devices first. It is what a scheduler
//! could do at best.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use plimsoll_apiserver::Quantity;
use plimsoll_vendors::Vendor;
use serde_json::{Value, json};

use super::{Case, Demand, Subject};
use crate::{
    change::Edit,
    devices::Offer,
    need::{Fit, Need, NeedKind},
    node::{Node, Step, steps},
    platform::{NodeFacts, TaintFacts},
};

/// Where all pods of a workload may go, and what they take.
#[derive(Clone, Debug)]
pub struct Placement {
    sets: Vec<SetPlacement>,
}

#[derive(Clone, Debug)]
struct SetPlacement {
    set: usize,
    count: u64,
    milli_cpu: u64,
    memory: u64,
    /// What each term of a required affinity wants, any of which will do; the node selector is in all of them.
    terms: Vec<Vec<Wish>>,
    tolerations: Vec<Toleration>,
}

/// What a node's label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    key: String,
    operator: String,
    values: Vec<String>,
}

#[derive(Clone, Debug)]
struct Toleration {
    key: Option<String>,
    exists: bool,
    value: String,
    effect: Option<String>,
}

/// Labels that only say that a node has accelerators, which asking for one says as well.
const PRESENCE: &[&str] = &[
    "nvidia.com/gpu.present",
    "nvidia.com/gpu",
    "amd.com/gpu",
    "habana.ai/gaudi",
    "feature.node.kubernetes.io/pci-10de.present",
    "feature.node.kubernetes.io/pci-1002.present",
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    let mut sets = Vec::new();
    let mut words = Vec::new();
    for (index, set) in subject.workload.pods.iter().enumerate() {
        let resources = set.resources(root);
        let amount = |name: &str| resources.get(name).map_or(0, |asked| asked.milli);
        let selector = set
            .spec_at(root, "nodeSelector")
            .map(Node::entries)
            .unwrap_or_default();
        let selected: Vec<Wish> = selector
            .iter()
            .map(|(key, value)| Wish {
                key: key.clone(),
                operator: "In".to_owned(),
                values: value.scalar().into_iter().collect(),
            })
            .collect();
        let required =
            "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
        let terms = set.spec_at(root, required).map(Node::items).unwrap_or_default();
        let mut terms: Vec<Vec<Wish>> = terms
            .iter()
            .map(|term| {
                let expressions = term.get("matchExpressions").items();
                selected
                    .iter()
                    .cloned()
                    .chain(expressions.iter().map(wish))
                    .collect()
            })
            .collect();
        if terms.is_empty() {
            terms.push(selected);
        }
        let tolerations = set
            .spec_at(root, "tolerations")
            .map(Node::items)
            .unwrap_or_default();
        words.push(describe(
            set.role.as_str(),
            set.count,
            amount("cpu"),
            amount("memory") / 1000,
            &terms,
        ));
        sets.push(SetPlacement {
            set: index,
            count: set.count,
            milli_cpu: amount("cpu"),
            memory: amount("memory") / 1000,
            terms,
            tolerations: tolerations.iter().map(toleration).collect(),
        });
    }
    if let Some(first) = subject.workload.pods.first() {
        let demand = Demand::Placement(Placement { sets });
        let what = format!("nodes for {}", words.join("; "));
        needs.push(subject.need(NeedKind::Placement, what, first.document, &first.spec, demand));
    }
}

fn describe(role: &str, count: u64, milli_cpu: u64, memory: u64, terms: &[Vec<Wish>]) -> String {
    let role = if role.is_empty() { "pods" } else { role };
    let mut text = format!("{count} × {role}");
    if milli_cpu > 0 {
        text.push_str(&format!(", {} cpu", milli_cpu as f64 / 1000.0));
    }
    if memory > 0 {
        text.push_str(&format!(", {} MiB", memory >> 20));
    }
    let mut keys: Vec<&str> = terms.iter().flatten().map(|wish| wish.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if !keys.is_empty() {
        text.push_str(&format!(", by {}", keys.join(", ")));
    }
    text
}

fn wish(expression: &Node) -> Wish {
    Wish {
        key: expression.get("key").text().unwrap_or_default().to_owned(),
        operator: expression.get("operator").text().unwrap_or_default().to_owned(),
        values: expression
            .get("values")
            .items()
            .iter()
            .filter_map(Node::scalar)
            .collect(),
    }
}

fn toleration(node: &Node) -> Toleration {
    let text = |key: &str| node.get(key).scalar().filter(|text| !text.is_empty());
    Toleration {
        key: text("key"),
        exists: node.get("operator").text() == Some("Exists"),
        value: text("value").unwrap_or_default(),
        effect: text("effect"),
    }
}

impl Toleration {
    fn tolerates(&self, taint: &TaintFacts) -> bool {
        let key = match &self.key {
            Some(key) => *key == taint.key,
            None => self.exists,
        };
        let value = self.exists || self.value == taint.value.as_deref().unwrap_or_default();
        let effect = self.effect.as_deref().is_none_or(|effect| effect == taint.effect);
        key && value && effect
    }
}

impl Wish {
    /// Whether a node's label is so; none where a survey doesn't keep that label.
    fn holds(&self, node: &NodeFacts) -> Option<bool> {
        let value = node.labels.get(&self.key);
        if value.is_none() && !plimsoll_platform::survey::keeps_label(&self.key) {
            return None;
        }
        let number = |text: &str| text.parse::<i64>().ok();
        let compare = |greater: bool| {
            let pair = value
                .and_then(|value| number(value))
                .zip(self.values.first().and_then(|text| number(text)));
            pair.is_some_and(|(is, limit)| if greater { is > limit } else { is < limit })
        };
        Some(match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => compare(true),
            "Lt" => compare(false),
            _ => return None,
        })
    }
}

/// What is overlooked on trial, to see whether a change would help.
#[derive(Clone, Copy, Default)]
struct Leniency {
    taints: bool,
    presence: bool,
}

/// How a layout ended.
enum Layout {
    Fits,
    /// The set that did not fit, how many of its pods did, and what kept the nodes.
    Short(usize, u64, BTreeMap<String, u64>),
    /// What can't be told of the nodes.
    Unclear(String),
}

type Offers<'a> = &'a [(usize, u64, Arc<Offer>)];

pub(super) fn fit(case: Case<'_>, placement: &Placement, offers: Offers<'_>) -> Fit {
    let fits = || {
        let ready = case
            .platform
            .facts
            .nodes
            .iter()
            .filter(|node| node.is_usable())
            .count();
        format!("all pods find a node among {ready} that take pods, as if nothing else ran there")
    };
    let short = match lay_out(case, placement, offers, Leniency::default()) {
        Layout::Fits => return Fit::Surveyed(fits()),
        Layout::Unclear(why) => return Fit::Unknown(why),
        Layout::Short(set, placed, reasons) => (set, placed, reasons),
    };
    for (taints, presence) in [(true, false), (false, true), (true, true)] {
        if matches!(
            lay_out(case, placement, offers, Leniency { taints, presence }),
            Layout::Fits
        ) {
            let changes = changes(case, placement, offers, Leniency { taints, presence });
            if !changes.is_empty() {
                return Fit::Changed(changes, fits());
            }
        }
    }
    let (set, placed, reasons) = short;
    let pods = &placement.sets[set];
    let role = &case.subject.workload.pods[pods.set].role;
    let role = if role.is_empty() { "pods" } else { role };
    let reasons: Vec<String> = reasons
        .iter()
        .map(|(reason, nodes)| format!("{nodes} nodes: {reason}"))
        .collect();
    let what = format!(
        "{placed} of {} {role} find a node ({})",
        pods.count,
        if reasons.is_empty() {
            "there is no node".to_owned()
        } else {
            reasons.join("; ")
        }
    );
    super::resources::lacking(case, what).fit
}

/// What is left of a node.
struct Room<'a> {
    node: &'a NodeFacts,
    milli_cpu: u64,
    memory: u64,
    pods: u64,
    devices: u64,
}

fn lay_out(case: Case<'_>, placement: &Placement, offers: Offers<'_>, leniency: Leniency) -> Layout {
    let mut rooms: Vec<Room<'_>> = case
        .platform
        .facts
        .nodes
        .iter()
        .map(|node| room(node, offers))
        .collect();
    let mut left: HashMap<(*const Offer, &str), u64> = HashMap::new();
    for (_, _, offer) in offers {
        for (node, count) in &offer.nodes {
            left.insert((Arc::as_ptr(offer), node), *count);
        }
    }
    let wanted = |set: &SetPlacement| offers.iter().filter(|(of, _, _)| *of == set.set).count();
    let mut order: Vec<usize> = (0..placement.sets.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(wanted(&placement.sets[*index])));
    for index in order {
        let set = &placement.sets[index];
        let own: Vec<&(usize, u64, Arc<Offer>)> = offers.iter().filter(|(of, _, _)| *of == set.set).collect();
        if own.is_empty() {
            // Leave the devices to those who want them.
            rooms.sort_by_key(|room| room.devices);
        }
        let mut to_place = set.count;
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        let mut unclear = None;
        for room in &mut rooms {
            if to_place == 0 {
                break;
            }
            let mut keep = |reason: String| *reasons.entry(reason).or_default() += 1;
            if let Some(reason) = closed(room.node, set, leniency) {
                keep(reason);
                continue;
            }
            match labelled(room.node, set, leniency) {
                Some(None) => {}
                Some(Some(key)) => {
                    keep(format!("label {key} is not as wanted"));
                    continue;
                }
                None => {
                    unclear.get_or_insert_with(|| unknown_labels(set));
                    continue;
                }
            }
            let fold = |has: u64, asks: u64| has.checked_div(asks).unwrap_or(u64::MAX);
            let mut slots = fold(room.milli_cpu, set.milli_cpu);
            let mut tight = "too little cpu";
            let mut narrow = |more: u64, why: &'static str| {
                if more < slots {
                    slots = more;
                    tight = why;
                }
            };
            narrow(fold(room.memory, set.memory), "too little memory");
            narrow(room.pods, "no room for more pods");
            for (_, count, offer) in &own {
                let key = device_key(offer, room.node);
                let devices = left.get(&key).copied().unwrap_or(0);
                narrow(fold(devices, *count), "too few devices");
            }
            let placed = slots.min(to_place);
            if placed == 0 {
                keep(tight.to_owned());
                continue;
            }
            to_place -= placed;
            room.milli_cpu -= set.milli_cpu.saturating_mul(placed);
            room.memory -= set.memory.saturating_mul(placed);
            room.pods -= placed;
            for (_, count, offer) in &own {
                if let Some(devices) = left.get_mut(&device_key(offer, room.node)) {
                    *devices = devices.saturating_sub(count.saturating_mul(placed));
                }
            }
            if to_place > 0 {
                keep(format!("{tight} for more"));
            }
        }
        if to_place > 0 {
            return match unclear {
                Some(why) => Layout::Unclear(why),
                None => Layout::Short(index, set.count - to_place, reasons),
            };
        }
    }
    Layout::Fits
}

/// Devices that every node can reach are under no node's name.
fn device_key<'a>(offer: &'a Arc<Offer>, node: &'a NodeFacts) -> (*const Offer, &'a str) {
    let name = if offer.nodes.contains_key(&node.name) {
        node.name.as_str()
    } else {
        ""
    };
    (Arc::as_ptr(offer), name)
}

fn room<'a>(node: &'a NodeFacts, offers: Offers<'_>) -> Room<'a> {
    let amount = |name: &str| {
        let quantity = node.allocatable.get(name)?;
        Quantity::read(&Value::String(quantity.clone()))
    };
    let whole =
        |name: &str| amount(name).map_or(u64::MAX, |amount| u64::try_from(amount.value()).unwrap_or(0));
    let devices = offers
        .iter()
        .filter_map(|(_, _, offer)| offer.nodes.get(&node.name))
        .sum();
    Room {
        node,
        milli_cpu: amount("cpu").map_or(u64::MAX, |amount| u64::try_from(amount.milli()).unwrap_or(0)),
        memory: whole("memory"),
        pods: whole("pods"),
        devices,
    }
}

/// Why a node takes none of the pods.
fn closed(node: &NodeFacts, set: &SetPlacement, leniency: Leniency) -> Option<String> {
    if !node.ready {
        return Some("not ready".to_owned());
    }
    if !node.schedulable {
        return Some("cordoned".to_owned());
    }
    untolerated(node, set)
        .find(|taint| !(leniency.taints && is_vendors(taint)))
        .map(|taint| format!("the taint {}:{} is not tolerated", taint.key, taint.effect))
}

fn untolerated<'n>(node: &'n NodeFacts, set: &'n SetPlacement) -> impl Iterator<Item = &'n TaintFacts> {
    node.taints
        .iter()
        .filter(|taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute")
        .filter(|taint| {
            !set.tolerations
                .iter()
                .any(|toleration| toleration.tolerates(taint))
        })
}

fn is_vendors(taint: &TaintFacts) -> bool {
    Vendor::all()
        .iter()
        .any(|vendor| vendor.taints.contains(&taint.key))
}

/// `Some(None)`: labels are as wanted; `Some(Some(key))`: that one is not; `None`: there is no telling.
fn labelled<'s>(node: &NodeFacts, set: &'s SetPlacement, leniency: Leniency) -> Option<Option<&'s str>> {
    let mut wrong = None;
    let mut unclear = false;
    for term in &set.terms {
        let mut all = Some(true);
        for wish in term {
            if leniency.presence && PRESENCE.contains(&wish.key.as_str()) {
                continue;
            }
            match wish.holds(node) {
                Some(true) => {}
                Some(false) => {
                    wrong.get_or_insert(wish.key.as_str());
                    all = Some(false);
                    break;
                }
                None => all = None,
            }
        }
        match all {
            Some(true) => return Some(None),
            Some(false) => {}
            None => unclear = true,
        }
    }
    if unclear { None } else { Some(wrong) }
}

fn unknown_labels(set: &SetPlacement) -> String {
    let mut keys: Vec<&str> = set
        .terms
        .iter()
        .flatten()
        .map(|wish| wish.key.as_str())
        .filter(|key| !plimsoll_platform::survey::keeps_label(key))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    format!(
        "a survey does not keep the node label {}, so which nodes have it is not known",
        keys.join(", ")
    )
}

/// The changes by which what was overlooked need not be.
fn changes(
    case: Case<'_>,
    placement: &Placement,
    offers: Offers<'_>,
    leniency: Leniency,
) -> Vec<crate::change::Change> {
    let subject = case.subject;
    let mut changes = Vec::new();
    for set in &placement.sets {
        let pods = &subject.workload.pods[set.set];
        if leniency.presence {
            let selector = pods
                .spec_at(subject.root(), "nodeSelector")
                .map(Node::entries)
                .unwrap_or_default();
            for (key, _) in selector
                .iter()
                .filter(|(key, _)| PRESENCE.contains(&key.as_str()))
            {
                let mut path = pods.spec.clone();
                path.extend([Step::Key("nodeSelector".to_owned()), Step::Key(key.clone())]);
                let edit = Edit::Remove {
                    document: pods.document,
                    path: path.clone(),
                };
                let what = format!("select no nodes by `{key}`: asking for the devices does");
                changes.push(subject.change(what, pods.document, &path, edit));
            }
        }
        let wants_devices = offers.iter().any(|(of, _, _)| *of == set.set);
        if leniency.taints && wants_devices {
            let nodes = case.platform.facts.nodes.iter();
            let mut taints: Vec<(&str, &str)> = nodes
                .flat_map(|node| untolerated(node, set))
                .filter(|taint| is_vendors(taint))
                .map(|taint| (taint.key.as_str(), taint.effect.as_str()))
                .collect();
            taints.sort_unstable();
            taints.dedup();
            for (key, effect) in taints {
                let path = [pods.spec.clone(), steps("tolerations")].concat();
                let edit = Edit::Append {
                    document: pods.document,
                    path: path.clone(),
                    value: json!({"key": key, "operator": "Exists", "effect": effect}),
                };
                let what = format!("tolerate the taint {key}:{effect} of nodes with accelerators");
                changes.push(subject.change(what, pods.document, &path, edit));
            }
        }
    }
    changes
}
