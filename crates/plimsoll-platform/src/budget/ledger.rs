//! The books: what is free, what is lent, who waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::oneshot;

use super::{Ask, Lease, Placement, WholeNode};
use crate::survey::Path;

/// What somebody wants.
pub(super) enum Wish {
    /// Some accelerators.
    Some(Ask),
    /// Some accelerators of this very node.
    On(String, Ask),
    /// All that one node has.
    Node(WholeNode),
}

impl Wish {
    fn path(&self) -> &Path {
        match self {
            Self::Some(ask) | Self::On(_, ask) => &ask.path,
            Self::Node(node) => &node.path,
        }
    }
}

/// What is free, what is lent, who waits.
pub(super) struct Ledger {
    /// What the survey found, by path and node.
    free: BTreeMap<Path, BTreeMap<String, usize>>,
    /// What is lent, by hardware and node.
    lent: BTreeMap<(Hardware, String), usize>,
    /// Where all of a node's hardware is lent to one, by whatever path it is reached.
    whole: BTreeSet<(Hardware, String)>,
    queue: VecDeque<Waiting>,
    tickets: u64,
    /// Whether somebody who is to be served first has not asked yet.
    pub(super) is_first_due: bool,
}

/// What two paths have in common: classes of one driver may select the same devices, so what is lent by one is
/// lent by all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Hardware {
    Driver(String),
    Resource(String),
}

struct Waiting {
    ticket: u64,
    wish: Wish,
    to: oneshot::Sender<Lease>,
}

/// What somebody who waited gets.
pub(super) struct Grant {
    pub(super) path: Path,
    pub(super) slots: Vec<(String, usize)>,
    pub(super) to: oneshot::Sender<Lease>,
}

impl Ledger {
    pub(super) fn new(free: impl Iterator<Item = (Path, String, usize)>) -> Self {
        let mut by_path: BTreeMap<Path, BTreeMap<String, usize>> = BTreeMap::new();
        for (path, node, count) in free {
            *by_path.entry(path).or_default().entry(node).or_default() += count;
        }
        Self {
            free: by_path,
            lent: BTreeMap::new(),
            whole: BTreeSet::new(),
            queue: VecDeque::new(),
            tickets: 0,
            is_first_due: false,
        }
    }

    /// How many an ask could get with nothing lent.
    pub(super) fn capacity(&self, ask: &Ask) -> usize {
        let counts = self
            .free
            .get(&ask.path)
            .into_iter()
            .flatten()
            .map(|(_, count)| *count);
        match ask.placement {
            Placement::SameNode => counts.max().unwrap_or_default(),
            Placement::Anywhere => counts.sum(),
            Placement::EachNode => counts.filter(|count| *count > 0).count(),
        }
    }

    /// The most that one of the nodes asked for could give with nothing lent.
    pub(super) fn fullest(&self, ask: &WholeNode) -> usize {
        let counts = self.free.get(&ask.path).into_iter().flatten();
        let counts = counts.filter(|(node, _)| ask.takes(node));
        counts.map(|(_, count)| *count).max().unwrap_or_default()
    }

    /// How many one node could give by a path with nothing lent.
    pub(super) fn of_node(&self, path: &Path, node: &str) -> usize {
        let nodes = self.free.get(path);
        nodes
            .and_then(|nodes| nodes.get(node))
            .copied()
            .unwrap_or_default()
    }

    /// Puts a wish at the end of the queue, or at its head if it is the one that is due first; the answer names it.
    pub(super) fn enqueue(&mut self, wish: Wish, to: oneshot::Sender<Lease>, is_first: bool) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        let waiting = Waiting { ticket, wish, to };
        if is_first && self.is_first_due {
            self.is_first_due = false;
            self.queue.push_front(waiting);
        } else {
            self.queue.push_back(waiting);
        }
        ticket
    }

    /// Takes an ask out of the queue; tells whether it was there.
    pub(super) fn withdraw(&mut self, ticket: u64) -> bool {
        let before = self.queue.len();
        self.queue.retain(|waiting| waiting.ticket != ticket);
        self.queue.len() < before
    }

    /// Takes back what was lent.
    pub(super) fn give_back(&mut self, path: &Path, slots: &[(String, usize)]) {
        for (node, count) in slots {
            let place = (hardware(path), node.clone());
            // Who has a whole node has it alone, so it is theirs that comes back.
            self.whole.remove(&place);
            if let Some(lent) = self.lent.get_mut(&place) {
                *lent = lent.saturating_sub(*count);
            }
        }
    }

    /// Lends to those in the queue that can be served, in order: whoever can't be, holds up those behind who
    /// ask for the same hardware.
    pub(super) fn serve(&mut self) -> Vec<Grant> {
        if self.is_first_due {
            return Vec::new();
        }
        let mut held_up = BTreeSet::new();
        let mut grants = Vec::new();
        let mut queue = VecDeque::new();
        for waiting in std::mem::take(&mut self.queue) {
            let hardware = hardware(waiting.wish.path());
            let slots = if held_up.contains(&hardware) {
                None
            } else {
                match &waiting.wish {
                    Wish::Some(ask) => self.choose(ask, None),
                    Wish::On(node, ask) => self.choose(ask, Some(node)),
                    Wish::Node(ask) => self.choose_node(ask),
                }
            };
            let Some(slots) = slots else {
                held_up.insert(hardware);
                queue.push_back(waiting);
                continue;
            };
            for (node, count) in &slots {
                let place = (hardware.clone(), node.clone());
                if matches!(waiting.wish, Wish::Node(_)) {
                    self.whole.insert(place.clone());
                }
                *self.lent.entry(place).or_default() += count;
            }
            grants.push(Grant {
                path: waiting.wish.path().clone(),
                slots,
                to: waiting.to,
            });
        }
        self.queue = queue;
        grants
    }

    /// The fullest of the nodes asked for of which nothing is lent, by whatever path to the same hardware.
    fn choose_node(&self, ask: &WholeNode) -> Option<Vec<(String, usize)>> {
        let hardware = hardware(&ask.path);
        let untouched = |node: &String| {
            self.lent
                .get(&(hardware.clone(), node.clone()))
                .is_none_or(|lent| *lent == 0)
        };
        self.free
            .get(&ask.path)?
            .iter()
            .filter(|(node, free)| **free >= ask.min.max(1) && ask.takes(node) && untouched(node))
            // The first of equals: `max_by_key` would take the last.
            .rev()
            .max_by_key(|(_, free)| **free)
            .map(|(node, free)| vec![(node.clone(), *free)])
    }

    /// Nodes and counts for an ask, if there is enough now.
    fn choose(&self, ask: &Ask, only: Option<&str>) -> Option<Vec<(String, usize)>> {
        let min = ask.min.max(1);
        let max = ask.max.max(min);
        let hardware = hardware(&ask.path);
        let mut nodes: Vec<(&String, usize)> = self
            .free
            .get(&ask.path)?
            .iter()
            .filter(|(node, _)| only.is_none_or(|only| only == node.as_str()))
            .filter(|(node, _)| !self.whole.contains(&(hardware.clone(), (*node).clone())))
            .map(|(node, free)| {
                let lent = self
                    .lent
                    .get(&(hardware.clone(), node.clone()))
                    .copied()
                    .unwrap_or_default();
                (node, free.saturating_sub(lent))
            })
            .filter(|(_, left)| *left > 0)
            .collect();
        nodes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let slots: Vec<(String, usize)> = match ask.placement {
            // The fullest node that has the maximum leaves the emptier ones to bigger asks.
            Placement::SameNode => nodes
                .iter()
                .rev()
                .find(|(_, left)| *left >= max)
                .or(nodes.first())
                .map(|(node, left)| ((*node).clone(), max.min(*left)))
                .into_iter()
                .collect(),
            Placement::EachNode => nodes
                .iter()
                .take(max)
                .map(|(node, _)| ((*node).clone(), 1))
                .collect(),
            Placement::Anywhere => {
                let mut wanted = max;
                nodes
                    .iter()
                    .map_while(|(node, left)| {
                        let count = wanted.min(*left);
                        wanted -= count;
                        (count > 0).then(|| ((*node).clone(), count))
                    })
                    .collect()
            }
        };
        (slots.iter().map(|(_, count)| count).sum::<usize>() >= min).then_some(slots)
    }
}

fn hardware(path: &Path) -> Hardware {
    match path {
        Path::Dra { driver, .. } => Hardware::Driver(driver.clone()),
        Path::DevicePlugin { resource } => Hardware::Resource(resource.clone()),
    }
}
