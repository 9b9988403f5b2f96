//! Who waits to be placed, and in which order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{news::News, pod::GroupKey};

/// Who is placed in one go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// A pod, by its uid.
    Pod(Arc<str>),
    /// The members of a gang that are not on nodes yet.
    Gang(GroupKey),
}

/// The higher priority first, then who came first.
type Turn = (Reverse<i64>, u64);

#[derive(Debug)]
struct Entry {
    turn: Turn,
    /// What has to happen before it is tried again; it is ready where there is none.
    cures: Option<News>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: BTreeMap<Unit, Entry>,
    ready: BTreeSet<(Turn, Unit)>,
    arrivals: u64,
}

impl Queue {
    /// Somebody waits who may not have waited before. Who does already keeps its turn, and its refusal.
    pub(super) fn offer(&mut self, unit: Unit, priority: i64) {
        if self.entries.contains_key(&unit) {
            return;
        }
        self.arrivals += 1;
        let turn = (Reverse(priority), self.arrivals);
        self.ready.insert((turn, unit.clone()));
        self.entries.insert(unit, Entry { turn, cures: None });
    }

    /// Somebody doesn't wait any more.
    pub(super) fn remove(&mut self, unit: &Unit) {
        if let Some(entry) = self.entries.remove(unit) {
            self.ready.remove(&(entry.turn, unit.clone()));
        }
    }

    /// Somebody who was refused is to be tried again.
    pub(super) fn wake(&mut self, unit: &Unit) {
        if let Some(entry) = self.entries.get_mut(unit) {
            entry.cures = None;
            self.ready.insert((entry.turn, unit.clone()));
        }
    }

    /// Something happened: who was refused and may be helped by it is to be tried again.
    pub(super) fn hear(&mut self, news: News) {
        self.hear_if(news, |_| true);
    }

    /// The same, but only for some.
    pub(super) fn hear_if(&mut self, news: News, may_hear: impl Fn(&Unit) -> bool) {
        for (unit, entry) in &mut self.entries {
            if entry.cures.is_some_and(|cures| cures.touches(news)) && may_hear(unit) {
                entry.cures = None;
                self.ready.insert((entry.turn, unit.clone()));
            }
        }
    }

    /// Who is next. It waits on until it is removed or refused.
    pub(super) fn take(&mut self) -> Option<Unit> {
        self.ready.pop_first().map(|(_, unit)| unit)
    }

    /// Somebody was refused; these would help.
    pub(super) fn refuse(&mut self, unit: &Unit, cures: News) {
        if let Some(entry) = self.entries.get_mut(unit) {
            entry.cures = Some(cures);
            self.ready.remove(&(entry.turn, unit.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Unit {
        Unit::Pod(name.into())
    }

    fn all(queue: &mut Queue) -> Vec<Unit> {
        std::iter::from_fn(|| queue.take()).collect()
    }

    #[test]
    fn the_important_go_first_and_then_who_came_first() {
        let mut queue = Queue::default();
        for (name, priority) in [("a", 0), ("b", 0), ("c", 10), ("a", 5)] {
            queue.offer(pod(name), priority);
        }
        assert_eq!(all(&mut queue), [pod("c"), pod("a"), pod("b")]);
    }

    #[test]
    fn who_was_refused_waits_for_what_can_help() {
        let mut queue = Queue::default();
        queue.offer(pod("a"), 0);
        queue.offer(pod("b"), 0);
        assert_eq!(queue.take(), Some(pod("a")));
        queue.refuse(&pod("a"), News::POD_LEFT);
        queue.hear(News::NODE);
        assert_eq!(all(&mut queue), [pod("b")]);
        queue.refuse(&pod("b"), News::NODE);
        queue.hear(News::POD_LEFT);
        assert_eq!(all(&mut queue), [pod("a")], "and it keeps its turn");
        queue.refuse(&pod("a"), News::NONE);
        queue.wake(&pod("a"));
        queue.remove(&pod("b"));
        queue.hear(News::NODE);
        assert_eq!(all(&mut queue), [pod("a")]);
    }
}
