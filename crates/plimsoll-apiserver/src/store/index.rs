//! Finding objects by what they say of others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Key;
use crate::{GroupResource, resources};

/// Pods by node, and everything by owner.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pods_by_node: BTreeMap<String, BTreeSet<Key>>,
    by_owner: BTreeMap<String, BTreeSet<(GroupResource, Key)>>,
}

impl Index {
    pub(crate) fn pods_on(&self, node: &str) -> impl Iterator<Item = &Key> {
        self.pods_by_node.get(node).into_iter().flatten()
    }

    pub(crate) fn owned_by(&self, uid: &str) -> impl Iterator<Item = &(GroupResource, Key)> {
        self.by_owner.get(uid).into_iter().flatten()
    }

    pub(crate) fn change(
        &mut self,
        of: &GroupResource,
        key: &Key,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        if *of == resources::PODS {
            let old = before.map(node_of);
            let new = after.map(node_of);
            if old != new {
                if let Some(node) = old {
                    remove(&mut self.pods_by_node, node, key);
                }
                if let Some(node) = new {
                    self.pods_by_node
                        .entry(node.to_owned())
                        .or_default()
                        .insert(key.clone());
                }
            }
        }
        let old: BTreeSet<&str> = before.into_iter().flat_map(owners_of).collect();
        let new: BTreeSet<&str> = after.into_iter().flat_map(owners_of).collect();
        if old == new {
            return;
        }
        let entry = (of.clone(), key.clone());
        for uid in old.difference(&new) {
            remove(&mut self.by_owner, uid, &entry);
        }
        for uid in new.difference(&old) {
            self.by_owner
                .entry((*uid).to_owned())
                .or_default()
                .insert(entry.clone());
        }
    }
}

fn remove<T: Ord>(map: &mut BTreeMap<String, BTreeSet<T>>, name: &str, entry: &T) {
    if let Some(entries) = map.get_mut(name) {
        entries.remove(entry);
        if entries.is_empty() {
            map.remove(name);
        }
    }
}

fn node_of(pod: &Value) -> &str {
    pod["spec"]["nodeName"].as_str().unwrap_or_default()
}

fn owners_of(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|owner| owner["uid"].as_str())
}
