//! The objects of one resource, and what happened to them.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use super::{Item, Subscriber};
use crate::GroupResource;

/// How many changes of a collection are remembered.
const HISTORY: usize = 20_000;
/// How many changes keep the states before them ready to be looked at.
const LIVELY: usize = 1_000;

/// Where an object is within its collection. Sorted by namespace, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Empty for objects of the cluster.
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One change of one object.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its resourceVersion.
    pub(crate) version: u64,
    /// The collection.
    pub(crate) of: GroupResource,
    /// The object.
    pub(crate) key: Key,
    /// What happened to it.
    pub(crate) what: What,
}

/// What happened to an object.
#[derive(Debug)]
pub(crate) enum What {
    /// It came.
    Added(Arc<Item>),
    /// It changed.
    Modified {
        /// The state before.
        old: Arc<Item>,
        /// The state since.
        new: Arc<Item>,
    },
    /// It went.
    Deleted {
        /// The state before.
        old: Arc<Item>,
        /// The same under the version of the deletion.
        last: Arc<Item>,
    },
}

impl What {
    /// The state before.
    pub(crate) fn before(&self) -> Option<&Arc<Item>> {
        match self {
            Self::Added(_) => None,
            Self::Modified { old, .. } | Self::Deleted { old, .. } => Some(old),
        }
    }
}

/// The objects of one resource.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(super) items: BTreeMap<Key, Arc<Item>>,
    history: VecDeque<Arc<Record>>,
    /// Everything up to this version has been forgotten.
    forgotten: u64,
    /// The version of the last change.
    pub(super) changed: u64,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) watches: Vec<Subscriber>,
}

impl Collection {
    /// The objects of one namespace, or all; those after `after`, if that is given.
    pub(super) fn within<'a>(
        &'a self,
        namespace: Option<&'a str>,
        after: Option<&Key>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Item>)> + use<'a> {
        within(&self.items, namespace, after)
    }

    /// The objects that were there at an earlier version, as [`within`](Self::within).
    ///
    /// # Errors
    /// The version up to which history has been forgotten.
    pub(super) fn past(
        &self,
        version: u64,
        namespace: Option<&str>,
        after: Option<&Key>,
    ) -> Result<Vec<(Key, Arc<Item>)>, u64> {
        // What changed since is as it was before its first change; everything else is as it is.
        let mut before: BTreeMap<Key, Option<Arc<Item>>> = BTreeMap::new();
        for record in self.since(version)? {
            before
                .entry(record.key.clone())
                .or_insert_with(|| record.what.before().cloned());
        }
        let mut states: BTreeMap<Key, Arc<Item>> = within(&self.items, namespace, after)
            .filter(|(key, _)| !before.contains_key(*key))
            .map(|(key, item)| (key.clone(), Arc::clone(item)))
            .collect();
        for (key, item) in within(&before, namespace, after) {
            if let Some(item) = item {
                states.insert(key.clone(), Arc::clone(item));
            }
        }
        Ok(states.into_iter().collect())
    }

    /// Remembers a change and tells it to everybody.
    pub(super) fn append(&mut self, record: Arc<Record>) {
        self.publish(&record);
        self.history.push_back(record);
        if let Some(aged) = self.history.len().checked_sub(LIVELY + 1)
            && let Some(old) = self.history.get(aged).and_then(|record| record.what.before())
        {
            old.pack();
        }
        if self.history.len() > HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.forgotten = oldest.version;
        }
    }

    /// Tells a change to everybody.
    pub(super) fn publish(&mut self, record: &Arc<Record>) {
        self.changed = record.version;
        for list in [&mut self.subscribers, &mut self.watches] {
            list.retain(|subscriber| subscriber.unbounded_send(Arc::clone(record)).is_ok());
        }
    }

    /// The changes after that version, or the version up to which they have been forgotten.
    pub(super) fn since(&self, version: u64) -> Result<Vec<Arc<Record>>, u64> {
        if version < self.forgotten {
            return Err(self.forgotten);
        }
        let from = self.history.partition_point(|record| record.version <= version);
        Ok(self.history.range(from..).cloned().collect())
    }

    /// Forgets everything up to that version.
    pub(super) fn forget(&mut self, version: u64) {
        self.history.clear();
        self.forgotten = version;
    }
}

fn within<'a, T>(
    items: &'a BTreeMap<Key, T>,
    namespace: Option<&'a str>,
    after: Option<&Key>,
) -> impl Iterator<Item = (&'a Key, &'a T)> + use<'a, T> {
    let from = match (after, namespace) {
        (Some(after), _) => Bound::Excluded(after.clone()),
        (None, Some(namespace)) => Bound::Included(Key::new(namespace, "")),
        (None, None) => Bound::Unbounded,
    };
    items
        .range((from, Bound::Unbounded))
        .take_while(move |(key, _)| namespace.is_none_or(|namespace| &*key.namespace == namespace))
}
