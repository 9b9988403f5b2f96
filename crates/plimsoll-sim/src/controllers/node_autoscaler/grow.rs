//! Which group grows, by how much, for which pods.

use std::collections::BTreeMap;

use plimsoll_apiserver::Object;

use super::{
    groups::GroupFacts,
    room::{Demand, Room},
};

/// A group that grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) group: String,
    /// By how many nodes.
    pub(super) nodes: u32,
    /// For which pods, by their place among those that pend.
    pub(super) pods: Vec<usize>,
}

/// What is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) choice: Option<Choice>,
    /// The pods that no group could help, and why.
    pub(super) refused: Vec<(usize, String)>,
}

/// Decides for pods that pend, given the nodes that each group has so far. Those that will fit on nodes that are still
/// coming up want nothing more.
pub(super) fn decide(
    groups: &[GroupFacts],
    nodes: &BTreeMap<String, Vec<Object>>,
    demands: &[Demand],
) -> Decision {
    let mut waiting: Vec<usize> = (0..demands.len()).collect();
    for group in groups {
        let present = nodes.get(&group.name).map_or(0, Vec::len);
        let coming = usize::try_from(group.size)
            .unwrap_or_default()
            .saturating_sub(present);
        let mut rooms = vec![Room::new(group); coming];
        waiting.retain(|at| !place(&demands[*at], group, &mut rooms, 0));
    }
    let mut best: Option<Choice> = None;
    for group in groups {
        let most = usize::try_from(group.most.saturating_sub(group.size)).unwrap_or_default();
        let mut rooms = Vec::new();
        let pods: Vec<usize> = waiting
            .iter()
            .copied()
            .filter(|at| place(&demands[*at], group, &mut rooms, most))
            .collect();
        if pods.is_empty() {
            continue;
        }
        let choice = Choice {
            group: group.name.clone(),
            nodes: u32::try_from(rooms.len()).unwrap_or(u32::MAX),
            pods,
        };
        let worth = |choice: &Choice| (choice.pods.len(), std::cmp::Reverse(choice.nodes));
        if best.as_ref().is_none_or(|best| worth(&choice) > worth(best)) {
            best = Some(choice);
        }
    }
    let helped = |at: &usize| best.as_ref().is_some_and(|best| best.pods.contains(at));
    let refused = waiting
        .iter()
        .filter(|at| !helped(at))
        .filter_map(|at| Some((*at, why_not(groups, &demands[*at])?)))
        .collect();
    Decision {
        choice: best,
        refused,
    }
}

/// Puts a pod on the first node with room, or on a further one if there may be one.
fn place(demand: &Demand, group: &GroupFacts, rooms: &mut Vec<Room>, most: usize) -> bool {
    if demand.misfit(group).is_some() {
        return false;
    }
    if let Some(room) = rooms.iter_mut().find(|room| room.lacks(demand).is_none()) {
        room.take(demand);
        return true;
    }
    if rooms.len() >= most {
        return false;
    }
    let mut room = Room::new(group);
    room.take(demand);
    rooms.push(room);
    true
}

/// Why no group grows for a pod; none if one might with the next look.
fn why_not(groups: &[GroupFacts], demand: &Demand) -> Option<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for group in groups {
        let reason = match demand.misfit(group) {
            Some(misfit) => misfit,
            None if group.size >= group.most => "max node group size reached".to_owned(),
            None => return None,
        };
        *reasons.entry(reason).or_default() += 1;
    }
    let reasons: Vec<String> = reasons
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    Some(reasons.join(", "))
}
