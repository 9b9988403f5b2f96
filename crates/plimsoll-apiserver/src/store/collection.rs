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
    /// The state before; for a deletion the last state, under the version of the deletion.
    pub(crate) old: Option<Arc<Item>>,
    /// The state since; none after a deletion.
    pub(crate) new: Option<Arc<Item>>,
}

/// The objects of one resource.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(super) items: BTreeMap<Key, Arc<Item>>,
    history: VecDeque<Arc<Record>>,
    /// Everything up to this version has been forgotten.
    forgotten: u64,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) watches: Vec<Subscriber>,
}

impl Collection {
    /// The objects of one namespace, or all.
    pub(super) fn within<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Item>)> {
        let from = namespace.map_or(Bound::Unbounded, |namespace| {
            Bound::Included(Key::new(namespace, ""))
        });
        self.items
            .range((from, Bound::Unbounded))
            .take_while(move |(key, _)| namespace.is_none_or(|namespace| &*key.namespace == namespace))
    }

    /// Remembers a change and tells it to everybody.
    pub(super) fn append(&mut self, record: Arc<Record>) {
        self.publish(&record);
        self.history.push_back(record);
        if let Some(aged) = self.history.len().checked_sub(LIVELY + 1)
            && let Some(old) = self.history.get(aged).and_then(|record| record.old.as_ref())
        {
            old.pack();
        }
        if self.history.len() > HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.forgotten = oldest.version;
        }
    }

    pub(super) fn publish(&mut self, record: &Arc<Record>) {
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
