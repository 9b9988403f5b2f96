//! From what probes found to outcomes.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use plimsoll_probe::{Transcript, protocol::DeviceRole};

use crate::{
    parts::{Held, Offer, exclusive, ids, parent_of},
    probe_pod::{Ruling, shown},
};

/// U1: the pod has something of the vendor's, of the class that virtual accelerators are.
pub(super) fn has_one(held: &Held, offer: &Offer) -> Ruling {
    let whose = held.whose();
    let nodes = exclusive(&held.found, offer.vendor);
    let Some(first) = nodes.first() else {
        return Ruling::Wrong(format!("{whose} runs and sees no virtual accelerator"));
    };
    let expected = offer
        .vendor
        .and_then(|vendor| vendor.virtual_functions.as_ref())
        .is_none_or(|functions| nodes.iter().any(|node| functions.nodes.matches(&node.path)));
    if expected {
        Ruling::Right(format!("{whose} runs with {}", shown(first)))
    } else {
        // The wrong kind of node is what U2 looks into.
        Ruling::Undecided(format!(
            "{whose} runs with {}, which is no node of a virtual accelerator",
            shown(first)
        ))
    }
}

/// U2: what the pod has is a virtual function of a physical device.
pub(super) fn is_virtual(held: &Held, offer: &Offer) -> Ruling {
    let whose = held.whose();
    let sight = held.sight(offer);
    if sight.own.is_none()
        && let Some(physical) = sight.whole.first()
    {
        return Ruling::Wrong(format!(
            "{whose} was given the physical device {} itself",
            shown(physical)
        ));
    }
    let Some(own) = sight.own else {
        return match sight.foreign.first() {
            // That it is another's is U3's matter; here it counts what it is.
            Some(other) if parent_of(other).is_some() => {
                Ruling::Right(format!("{whose} has {}, a virtual function", shown(other)))
            }
            Some(other) => Ruling::Undecided(format!(
                "{whose} has {}, which does not say which physical device it is a part of",
                shown(other)
            )),
            None => Ruling::Undecided(format!("{whose} has nothing that says which device it is")),
        };
    };
    let parent = parent_of(own);
    if parent.is_some_and(|parent| ids(own).contains(parent)) {
        return Ruling::Wrong(format!(
            "{whose} has {}, which is its own physical device",
            shown(own)
        ));
    }
    match (held.unit.parent(), parent) {
        (Some(stated), Some(found)) if stated != found => Ruling::Wrong(format!(
            "{whose} has {}, a virtual function of the physical device {found}, and it is published as one of {stated}",
            shown(own)
        )),
        (_, Some(found)) => Ruling::Right(format!(
            "{whose} has {}, a virtual function of {found}",
            shown(own)
        )),
        (_, None)
            if own.identity.as_ref().and_then(|identity| identity.role) == Some(DeviceRole::Virtual) =>
        {
            Ruling::Right(format!(
                "{whose} has {}, which says that it is virtual",
                shown(own)
            ))
        }
        (_, None) => Ruling::Undecided(format!(
            "{whose} has {}, which does not say which physical device it is a part of",
            shown(own)
        )),
    }
}

/// U3, first half: a pod that asked for nothing sees nothing of the vendor's.
pub(super) fn has_none(pod: &str, how: &str, found: &Transcript, offer: &Offer) -> Ruling {
    match exclusive(found, offer.vendor).first() {
        Some(node) if offer.vendor.is_some() => Ruling::Wrong(format!(
            "pod `{pod}`{how} asked for none and sees the accelerator {}{}",
            shown(node),
            if node.is_open() { ", which opens" } else { "" }
        )),
        // Of a vendor nobody described, something unusual is no accelerator yet.
        Some(_) => Ruling::Undecided(format!(
            "pod `{pod}`{how} asked for none and sees unusual device nodes"
        )),
        None => Ruling::Right(format!("pod `{pod}`{how} asked for none and sees none")),
    }
}

/// U3, second half: no two pods have the same.
pub(super) fn differ(held: &[Held], offer: &Offer) -> Ruling {
    let mut rulings = Vec::new();
    for (at, one) in held.iter().enumerate() {
        for other in &held[at + 1..] {
            let (mine, theirs) = (
                exclusive(&one.found, offer.vendor),
                exclusive(&other.found, offer.vendor),
            );
            let common = mine.iter().find(|node| {
                theirs
                    .iter()
                    .any(|other| other.number == node.number || !ids(other).is_disjoint(&ids(node)))
            });
            rulings.push(match common {
                Some(node) => Ruling::Wrong(format!(
                    "pods `{}` and `{}` both have the same virtual accelerator, {}",
                    one.pod.name(),
                    other.pod.name(),
                    shown(node)
                )),
                None if mine.is_empty() || theirs.is_empty() => Ruling::Undecided(format!(
                    "pods `{}` and `{}` do not both have something to compare",
                    one.pod.name(),
                    other.pod.name()
                )),
                None => Ruling::Right(format!(
                    "pods `{}` and `{}` have different ones",
                    one.pod.name(),
                    other.pod.name()
                )),
            });
        }
    }
    Ruling::all(rulings).in_short(|| {
        format!(
            "{} pods have a virtual accelerator each, all different",
            held.len()
        )
    })
}

/// U6: the pods went through the same states.
pub(super) fn alike(physical: &Held, of_virtual: &Held) -> Ruling {
    let (one, two) = (states(&physical.seen), states(&of_virtual.seen));
    let granted = (physical.allocated.len(), of_virtual.allocated.len());
    if one == two && granted.0 == granted.1 {
        return Ruling::Right(format!(
            "pods with a physical and with a virtual accelerator have the conditions {}",
            one.iter().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    let differ: Vec<String> = one.symmetric_difference(&two).cloned().collect();
    Ruling::Wrong(format!(
        "a pod with a virtual accelerator is in other states than one with a physical one: {} ({} and {} devices \
         allocated)",
        differ.join(", "),
        granted.0,
        granted.1
    ))
}

/// Conditions that say how far a pod is, whatever it does then.
fn states(pod: &Pod) -> BTreeSet<String> {
    const STAGES: [&str; 3] = ["PodScheduled", "PodReadyToStartContainers", "Initialized"];
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .filter(|condition| STAGES.contains(&condition.type_.as_str()))
        .map(|condition| format!("{}={}", condition.type_, condition.status))
        .collect()
}

/// U7: it opens and says who it is.
pub(super) fn works(held: &Held, offer: &Offer) -> Ruling {
    let whose = held.whose();
    let nodes = exclusive(&held.found, offer.vendor);
    let Some(node) = nodes.first() else {
        return Ruling::Undecided(format!("{whose} has nothing that could work"));
    };
    let opens = node
        .opened
        .as_ref()
        .is_some_and(|opened| opened.read_write.is_granted());
    if !opens {
        return Ruling::Wrong(format!(
            "{whose} can't open {} for reading and writing",
            shown(node)
        ));
    }
    if ids(node).is_empty() {
        return Ruling::Undecided(format!(
            "{whose} opens {}, which says nothing of itself",
            shown(node)
        ));
    }
    Ruling::Right(format!("{whose} opens {}, and it answers", shown(node)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_held_proves_nothing() {
        assert!(matches!(differ(&[], &Offer::empty()), Ruling::Undecided(_)));
    }

    #[test]
    fn a_pod_that_sees_nothing_has_none() {
        let ruling = has_none("p", "", &Transcript::default(), &Offer::empty());
        assert!(ruling.is_right());
    }

    #[test]
    fn only_stages_that_every_pod_goes_through_are_compared() {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False"},
            {"type": "Somebodys", "status": "True"},
        ]}}))
        .unwrap();
        assert_eq!(
            states(&pod).into_iter().collect::<Vec<_>>(),
            ["PodScheduled=True"]
        );
        assert!(states(&Pod::default()).is_empty());
    }
}
