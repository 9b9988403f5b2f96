//! Objects, their order in time, and who wants to hear of changes.
//!
//! One counter gives every change its resourceVersion. Each [`Collection`](collection::Collection) keeps its present
//! objects, a bounded history from which watches start and past states are told, and its subscribers. [`index`] finds
//! pods by node and objects by owner.

mod collection;
mod index;
mod item;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use serde_json::Value;

pub(crate) use collection::{Key, Record, What};
pub(crate) use item::Item;
pub use item::Object;

use crate::GroupResource;
use collection::Collection;
use index::Index;

/// The objects of a platform. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Arc<Mutex<State>>);

/// What a [`Store`] guards.
#[derive(Debug, Default)]
pub(crate) struct State {
    version: u64,
    /// What was before this version can't be asked for, whatever collection it was in.
    forgotten: u64,
    collections: BTreeMap<GroupResource, Collection>,
    index: Index,
    scratch: Vec<u8>,
}

impl Store {
    /// Exclusive access; never held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who hears of every change of some collections.
pub(crate) type Subscription = UnboundedReceiver<Arc<Record>>;
type Subscriber = UnboundedSender<Arc<Record>>;

impl State {
    /// The resourceVersion of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// One object.
    pub(crate) fn get(&self, of: &GroupResource, key: &Key) -> Option<&Arc<Item>> {
        self.collections.get(of)?.items.get(key)
    }

    /// The objects of a collection, or of one namespace of it, sorted.
    pub(crate) fn list<'a>(
        &'a self,
        of: &GroupResource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Item>)> + use<'a> {
        self.collections
            .get(of)
            .into_iter()
            .flat_map(move |collection| collection.within(namespace, None))
    }

    /// As [`list`](Self::list), of what follows that key.
    pub(crate) fn list_after<'a>(
        &'a self,
        of: &GroupResource,
        namespace: Option<&'a str>,
        after: Option<&Key>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Item>)> + use<'a> {
        let within = self
            .collections
            .get(of)
            .map(|collection| collection.within(namespace, after));
        within.into_iter().flatten()
    }

    /// The objects that were there at an earlier version.
    ///
    /// # Errors
    /// The version up to which history has been forgotten.
    pub(crate) fn past(
        &self,
        of: &GroupResource,
        version: u64,
        namespace: Option<&str>,
        after: Option<&Key>,
    ) -> Result<Vec<(Key, Arc<Item>)>, u64> {
        match self.collections.get(of) {
            Some(collection) => collection.past(version, namespace, after),
            None if version < self.forgotten => Err(self.forgotten),
            None => Ok(Vec::new()),
        }
    }

    /// The version of the last change of a collection.
    pub(crate) fn changed(&self, of: &GroupResource) -> u64 {
        self.collections
            .get(of)
            .map_or(0, |collection| collection.changed)
    }

    /// How many objects a collection has.
    pub(crate) fn count(&self, of: &GroupResource) -> usize {
        self.collections
            .get(of)
            .map_or(0, |collection| collection.items.len())
    }

    /// The collections that ever had an object.
    pub(crate) fn collections(&self) -> impl Iterator<Item = &GroupResource> {
        self.collections.keys()
    }

    /// Pods on that node; those that are not bound for an empty name.
    pub(crate) fn pods_on(&self, node: &str) -> impl Iterator<Item = (&Key, &Arc<Item>)> {
        self.index
            .pods_on(node)
            .filter_map(|key| Some((key, self.get(&crate::resources::PODS, key)?)))
    }

    /// What names that uid as an owner.
    pub(crate) fn owned_by(&self, uid: &str) -> impl Iterator<Item = (&GroupResource, &Key, &Arc<Item>)> {
        self.index
            .owned_by(uid)
            .filter_map(|(of, key)| Some((of, key, self.get(of, key)?)))
    }

    /// Puts an object in its place, whether or not there is one, under the next resourceVersion, which it is given.
    pub(crate) fn put(&mut self, of: &GroupResource, key: Key, mut object: Value) -> Object {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object: Object = Arc::new(object);
        let item = Arc::new(Item::live(self.version, Arc::clone(&object)));
        let collection = entry(&mut self.collections, of, self.forgotten);
        let old = collection.items.insert(key.clone(), Arc::clone(&item));
        let before = old.as_ref().map(|item| item.object());
        self.index.change(of, &key, before.as_deref(), Some(&object));
        collection.append(Arc::new(Record {
            version: self.version,
            of: of.clone(),
            key,
            what: put(old, item),
        }));
        object
    }

    /// Puts a new object in its place in a compact form, without a record in the history. For bulk.
    pub(crate) fn load(&mut self, of: &GroupResource, key: Key, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let item = Arc::new(Item::packed(self.version, object, &mut self.scratch));
        let before = self.get(of, &key).map(|item| item.object());
        self.index.change(of, &key, before.as_deref(), Some(object));
        let collection = entry(&mut self.collections, of, self.forgotten);
        collection.forget(self.version);
        let old = collection.items.insert(key.clone(), Arc::clone(&item));
        collection.publish(&Arc::new(Record {
            version: self.version,
            of: of.clone(),
            key,
            what: put(old, item),
        }));
    }

    /// Takes an object away. Its last state has the resourceVersion of its deletion.
    pub(crate) fn remove(&mut self, of: &GroupResource, key: &Key) -> Option<Object> {
        let collection = self.collections.get_mut(of)?;
        let old = collection.items.remove(key)?;
        self.version += 1;
        let mut last = (*old.object()).clone();
        last["metadata"]["resourceVersion"] = self.version.to_string().into();
        let last: Object = Arc::new(last);
        self.index.change(of, key, Some(&last), None);
        collection.append(Arc::new(Record {
            version: self.version,
            of: of.clone(),
            key: key.clone(),
            what: What::Deleted {
                old,
                last: Arc::new(Item::live(self.version, Arc::clone(&last))),
            },
        }));
        Some(last)
    }

    /// Hears of every change of these collections from now on.
    pub(crate) fn subscribe(&mut self, of: &[GroupResource]) -> Subscription {
        let (sender, receiver) = unbounded();
        for of in of {
            let collection = entry(&mut self.collections, of, self.forgotten);
            collection.subscribers.push(sender.clone());
        }
        receiver
    }

    /// Hears of changes like [`subscribe`](Self::subscribe), but can be cut off by [`close_watches`](Self::close_watches).
    pub(crate) fn watch(&mut self, of: &GroupResource) -> Subscription {
        let (sender, receiver) = unbounded();
        entry(&mut self.collections, of, self.forgotten)
            .watches
            .push(sender);
        receiver
    }

    /// The changes of a collection after that resourceVersion.
    ///
    /// # Errors
    /// The oldest version that can be asked for, if that one has been forgotten.
    pub(crate) fn since(&self, of: &GroupResource, version: u64) -> Result<Vec<Arc<Record>>, u64> {
        match self.collections.get(of) {
            Some(collection) => collection.since(version),
            None if version < self.forgotten => Err(self.forgotten),
            None => Ok(Vec::new()),
        }
    }

    /// Ends every watch of a collection that came over HTTP.
    pub(crate) fn close_watches_of(&mut self, of: &GroupResource) {
        if let Some(collection) = self.collections.get_mut(of) {
            collection.watches.clear();
        }
    }

    /// Ends every watch that came over HTTP.
    pub(crate) fn close_watches(&mut self) {
        for collection in self.collections.values_mut() {
            collection.watches.clear();
        }
    }

    /// Forgets what happened, so that nobody can go on from an earlier resourceVersion.
    pub(crate) fn forget_history(&mut self) {
        let version = self.version;
        self.forgotten = version;
        for collection in self.collections.values_mut() {
            collection.forget(version);
        }
    }
}

/// A collection; one that is new remembers no more than the others.
fn entry<'a>(
    collections: &'a mut BTreeMap<GroupResource, Collection>,
    of: &GroupResource,
    forgotten: u64,
) -> &'a mut Collection {
    collections.entry(of.clone()).or_insert_with(|| {
        let mut collection = Collection::default();
        collection.forget(forgotten);
        collection
    })
}

fn put(old: Option<Arc<Item>>, new: Arc<Item>) -> What {
    match old {
        Some(old) => What::Modified { old, new },
        None => What::Added(new),
    }
}

#[cfg(test)]
mod tests;
