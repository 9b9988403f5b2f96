//! Orphans that an owner might take in.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_apiserver::{Change, Direct, GroupResource, Object, resources};
use serde_json::Value;

use super::super::facts::{
    Selector,
    meta::{self, Key},
};

/// Which pods without a controller some owner's selector finds. An owner looks around its namespace once, when it is new;
/// after that it hears of each new orphan, so that a change costs the same in a full namespace as in an empty one.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    heard_of: BTreeMap<Key, BTreeSet<String>>,
    looked_around: BTreeSet<String>,
}

/// A kind of pods' owners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerKind {
    pub(crate) of: &'static GroupResource,
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
}

impl Candidates {
    /// Tells an owner's controller of a changed pod: the owner that controls it, or those that might.
    pub(crate) fn pod_changed(
        &mut self,
        api: &Direct,
        owner_kind: OwnerKind,
        change: &Change,
        look_at: &mut dyn FnMut(Key),
    ) {
        let (pod, before) = match change {
            Change::Added(_, pod) | Change::Deleted(_, pod) => (pod, None),
            Change::Modified { new, old, .. } => (new, Some(old)),
        };
        let owner = |pod: &Value| {
            meta::controller_named(pod, owner_kind.group, owner_kind.kind)
                .map(|name| Key::new(meta::namespace(pod), name))
        };
        let now = owner(pod);
        let earlier = before.and_then(|before| owner(before));
        if let Some(earlier) = earlier.filter(|earlier| now.as_ref() != Some(earlier)) {
            look_at(earlier);
        }
        if let Some(now) = now {
            look_at(now);
            return;
        }
        if matches!(change, Change::Deleted(..)) || meta::controller_of(pod).is_some() || meta::deleting(pod)
        {
            return;
        }
        let is_new = before.is_none_or(|before| {
            meta::controller_of(before).is_some() || before["metadata"]["labels"] != pod["metadata"]["labels"]
        });
        if !is_new {
            return;
        }
        for owner in api.list(owner_kind.of, Some(meta::namespace(pod))) {
            if Selector::of(&owner["spec"]["selector"]).selects(pod) {
                let key = Key::of(&owner);
                self.heard_of
                    .entry(key.clone())
                    .or_default()
                    .insert(meta::name(pod).to_owned());
                look_at(key);
            }
        }
    }

    /// The orphans that an owner has not been shown yet.
    pub(crate) fn of(&mut self, api: &Direct, owner: &Value) -> Vec<Object> {
        let heard_of = self.heard_of.remove(&Key::of(owner)).unwrap_or_default();
        let namespace = meta::namespace(owner);
        if self.looked_around.insert(meta::uid(owner).to_owned()) {
            return api
                .list(&resources::PODS, Some(namespace))
                .into_iter()
                .filter(|pod| meta::controller_of(pod).is_none())
                .collect();
        }
        heard_of
            .iter()
            .filter_map(|name| api.get(&resources::PODS, Some(namespace), name))
            .collect()
    }

    /// Lets an owner look around again, since it could not take in what it was shown.
    pub(crate) fn look_around_again(&mut self, owner: &Value) {
        self.looked_around.remove(meta::uid(owner));
    }

    /// Forgets an owner that is gone.
    pub(crate) fn forget(&mut self, owner: &Value) {
        self.look_around_again(owner);
        self.heard_of.remove(&Key::of(owner));
    }
}
