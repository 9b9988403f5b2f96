//! The current state of what is watched.

use std::collections::BTreeMap;

use kube::{Resource, ResourceExt};

/// What a watch has shown so far.
#[derive(Clone, Debug)]
pub struct Seen<K> {
    /// The objects there now, by `namespace/name`, or by `name` without a namespace.
    pub objects: BTreeMap<String, K>,
    /// The last state of each object that was there since the watch began and is not any more. An object made
    /// again under the same name is another object: the first is here.
    pub departed: Vec<K>,
    /// Which of the departed went while the watch was lost, so that their last state may not be what it says.
    pub unwitnessed: Vec<String>,
    /// How often the watch was lost and everything had to be listed again.
    pub relists: u32,
}

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            departed: Vec::new(),
            unwitnessed: Vec::new(),
            relists: 0,
        }
    }
}

impl<K> Seen<K> {
    /// The object, where one is watched; of several, the first by name.
    #[must_use]
    pub fn one(&self) -> Option<&K> {
        self.objects.values().next()
    }

    /// The objects there now, by name.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.objects.values()
    }

    /// How many are there now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether none is there now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

impl<K: Resource> Seen<K> {
    /// Takes in an object's new state.
    pub(super) fn put(&mut self, object: K) {
        let uid = object.uid();
        if let Some(before) = self.objects.insert(key(&object), object)
            && before.uid() != uid
        {
            self.departed.push(before);
        }
    }

    /// Takes away an object, in its last state.
    pub(super) fn remove(&mut self, object: K) {
        let key = key(&object);
        if self
            .objects
            .get(&key)
            .is_none_or(|present| present.uid() == object.uid())
        {
            self.objects.remove(&key);
        }
        self.departed.push(object);
    }

    /// Replaces everything by a complete listing after the watch was lost.
    pub(super) fn replace(&mut self, listing: BTreeMap<String, K>) {
        for (key, before) in std::mem::replace(&mut self.objects, listing) {
            if self.objects.get(&key).is_none_or(|now| now.uid() != before.uid()) {
                self.unwitnessed.push(key);
                self.departed.push(before);
            }
        }
    }
}

impl<K: Resource> FromIterator<K> for Seen<K> {
    fn from_iter<I: IntoIterator<Item = K>>(objects: I) -> Self {
        let objects = objects.into_iter().map(|object| (key(&object), object)).collect();
        Self {
            objects,
            ..Self::default()
        }
    }
}

/// What an object is filed under.
pub(super) fn key<K: Resource>(object: &K) -> String {
    let name = object.name_any();
    object
        .namespace()
        .map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    fn map(name: &str, uid: &str) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "n", "uid": uid}})).unwrap()
    }

    #[test]
    fn an_object_made_again_under_its_name_leaves_the_first_among_the_departed() {
        let mut seen: Seen<ConfigMap> = [map("a", "1")].into_iter().collect();
        seen.put(map("a", "2"));
        assert_eq!(seen.one().unwrap().uid().as_deref(), Some("2"));
        assert_eq!(
            seen.departed.iter().map(ResourceExt::uid).collect::<Vec<_>>(),
            [Some("1".into())]
        );
    }

    #[test]
    fn a_late_deletion_does_not_take_the_successor() {
        let mut seen: Seen<ConfigMap> = [map("a", "2")].into_iter().collect();
        seen.remove(map("a", "1"));
        assert_eq!(seen.len(), 1);
        assert_eq!(seen.departed.len(), 1);
    }

    #[test]
    fn a_new_listing_tells_who_went_unseen() {
        let mut seen: Seen<ConfigMap> = [map("a", "1"), map("b", "1")].into_iter().collect();
        seen.replace([("n/b".to_owned(), map("b", "2"))].into());
        assert_eq!(seen.unwitnessed, ["n/a", "n/b"]);
        assert_eq!(seen.departed.len(), 2);
        assert_eq!(seen.len(), 1);
    }
}
