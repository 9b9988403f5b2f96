//! Deletes what its owners leave behind, as they say: in the background, in the foreground, or not at all.
//!
//! [`verdict`] decides about one dependent from the state of its owners; the loop is here. Owners are looked up by kind
//! and name in the dependent's namespace, as the API has them, and are absent if the one there has another uid.

#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_apiserver::{
    Change, DeleteOptions, Direct, GroupResource, Object, Propagation, Reason, Status, resources,
};
use serde_json::{Value, json};

use self::verdict::{Owner, Verdict};
use super::{
    facts::meta::{self, Key, Place},
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "garbage-collector-controller";
/// Holds an object until those dependents are gone that say they block it.
const FOREGROUND: &str = "foregroundDeletion";
/// Holds an object until its dependents no longer name it.
const ORPHAN: &str = "orphan";

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let collector = Collector {
        api: api.clone(),
        gone: BTreeSet::new(),
        elsewhere: BTreeMap::new(),
    };
    drive(&api, latencies, collector).await;
}

struct Collector {
    api: Direct,
    /// Owners that were seen going while they had dependents.
    gone: BTreeSet<String>,
    /// Owners that dependents look for in vain, and whether they live in another namespace.
    elsewhere: BTreeMap<String, bool>,
}

impl Reconcile for Collector {
    type Key = Place;

    fn watches(&self) -> Watched {
        Watched::AllBut(IGNORED.to_vec())
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Place)) {
        match change {
            Change::Added(of, object) => {
                if is_held(object) || self.needs_a_look(object) {
                    look_at(place(of, object));
                }
            }
            Change::Modified { of, old, new } => {
                if meta::owners(old) != meta::owners(new) {
                    self.owners_of(old, look_at);
                }
                if is_held(new) || self.needs_a_look(new) {
                    look_at(place(of, new));
                }
            }
            Change::Deleted(_, object) => {
                let uid = meta::uid(object);
                for (of, dependent) in self.api.owned_by(uid) {
                    self.gone.insert(uid.to_owned());
                    look_at(place(&of, &dependent));
                }
                self.owners_of(object, look_at);
            }
        }
    }

    async fn reconcile(&mut self, place: &Place) -> Next {
        let Some(object) = self.api.get(&place.of, place.key.space(), &place.key.name) else {
            return Next::Done;
        };
        match self.look(place, &object).await {
            Ok(()) => Next::Done,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

/// Whether an object that is to go waits for the collector.
fn is_held(object: &Value) -> bool {
    meta::deleting(object) && (meta::has_finalizer(object, FOREGROUND) || meta::has_finalizer(object, ORPHAN))
}

fn place(of: &GroupResource, object: &Value) -> Place {
    Place {
        of: of.clone(),
        key: Key::of(object),
    }
}

impl Collector {
    /// Whether any owner of an object is not simply there.
    fn needs_a_look(&mut self, object: &Value) -> bool {
        meta::owners(object)
            .iter()
            .any(|reference| !matches!(self.owner(object, reference), Owner::Solid | Owner::Unknown))
    }

    /// Looks at those owners that wait for their dependents.
    fn owners_of(&self, dependent: &Value, look_at: &mut dyn FnMut(Place)) {
        for reference in meta::owners(dependent) {
            if let Some((place, owner)) = self.find(dependent, reference)
                && meta::deleting(&owner)
                && meta::has_finalizer(&owner, FOREGROUND)
            {
                look_at(place);
            }
        }
    }

    /// The object that a reference names.
    fn find(&self, dependent: &Value, reference: &Value) -> Option<(Place, Object)> {
        let collection = self.api.kind(
            reference["apiVersion"].as_str().unwrap_or_default(),
            reference["kind"].as_str().unwrap_or_default(),
        )?;
        let namespace = if collection.namespaced {
            meta::namespace(dependent)
        } else {
            ""
        };
        let key = Key::new(namespace, reference["name"].as_str().unwrap_or_default());
        let owner = self.api.get(&collection.of, key.space(), &key.name)?;
        (reference["uid"] == meta::uid(&owner)).then_some((
            Place {
                of: collection.of,
                key,
            },
            owner,
        ))
    }

    /// The state of an owner.
    fn owner(&self, dependent: &Value, reference: &Value) -> Owner {
        let collection = self.api.kind(
            reference["apiVersion"].as_str().unwrap_or_default(),
            reference["kind"].as_str().unwrap_or_default(),
        );
        let Some(collection) = collection else {
            return Owner::Unknown;
        };
        if collection.namespaced && meta::namespace(dependent).is_empty() {
            return Owner::Unreachable;
        }
        match self.find(dependent, reference) {
            None => Owner::Absent,
            Some((_, owner)) if meta::deleting(&owner) && meta::has_finalizer(&owner, FOREGROUND) => {
                Owner::Waiting
            }
            Some(_) => Owner::Solid,
        }
    }

    async fn look(&mut self, place: &Place, object: &Object) -> Result<(), Status> {
        if meta::deleting(object) {
            if meta::has_finalizer(object, ORPHAN) {
                return self.orphan_dependents(place, object).await;
            }
            if meta::has_finalizer(object, FOREGROUND) {
                return self.delete_dependents(place, object).await;
            }
            return Ok(());
        }
        let references = meta::owners(object);
        if references.is_empty() {
            return Ok(());
        }
        let owners: Vec<Owner> = references
            .iter()
            .map(|reference| self.owner(object, reference))
            .collect();
        for (reference, owner) in references.iter().zip(&owners) {
            if matches!(owner, Owner::Absent | Owner::Unreachable) {
                self.tell_of_wrong_namespace(place, object, reference).await;
            }
        }
        match verdict::of(&owners) {
            Verdict::Keep => Ok(()),
            Verdict::Disown => {
                let rest: Vec<&Value> = references
                    .iter()
                    .zip(&owners)
                    .filter(|(_, owner)| matches!(owner, Owner::Solid))
                    .map(|(reference, _)| reference)
                    .collect();
                self.set_owners(place, object, json!(rest)).await
            }
            Verdict::DeleteFor { waiting } => {
                let dependents = self.api.owned_by(meta::uid(object));
                let propagation = if meta::has_finalizer(object, ORPHAN) {
                    Propagation::Orphan
                } else if meta::has_finalizer(object, FOREGROUND) || (waiting && !dependents.is_empty()) {
                    Propagation::Foreground
                } else {
                    Propagation::Background
                };
                let in_a_circle = waiting
                    && dependents.iter().any(|(_, dependent)| {
                        meta::deleting(dependent) && meta::has_finalizer(dependent, FOREGROUND)
                    });
                if in_a_circle {
                    self.unblock(place, object).await?;
                }
                let options = DeleteOptions {
                    uid: Some(meta::uid(object).to_owned()),
                    propagation: Some(propagation),
                    ..DeleteOptions::default()
                };
                self.api
                    .delete(&place.of, place.key.space(), &place.key.name, options)
                    .await
            }
        }
    }

    /// Deletes the dependents that an object in foreground deletion waits for, and lets it go when there are none.
    async fn delete_dependents(&mut self, place: &Place, owner: &Object) -> Result<(), Status> {
        let uid = meta::uid(owner);
        let mut blocked = false;
        for (of, dependent) in self.api.owned_by(uid) {
            let blocks = meta::owners(&dependent)
                .iter()
                .any(|reference| reference["uid"] == uid && reference["blockOwnerDeletion"] == true);
            blocked |= blocks;
            if !meta::deleting(&dependent) {
                let at = self::place(&of, &dependent);
                match Box::pin(self.look(&at, &dependent)).await {
                    Err(refusal) if refusal.reason != Reason::NotFound => return Err(refusal),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        let still_blocked = blocked
            && self.api.owned_by(uid).iter().any(|(_, dependent)| {
                meta::owners(dependent)
                    .iter()
                    .any(|reference| reference["uid"] == uid && reference["blockOwnerDeletion"] == true)
            });
        if still_blocked {
            return Ok(());
        }
        self.let_go(place, owner, FOREGROUND).await
    }

    /// Takes an object out of its dependents' owners, and lets it go.
    async fn orphan_dependents(&mut self, place: &Place, owner: &Object) -> Result<(), Status> {
        let uid = meta::uid(owner);
        for (of, dependent) in self.api.owned_by(uid) {
            let rest: Vec<&Value> = meta::owners(&dependent)
                .iter()
                .filter(|reference| reference["uid"] != uid)
                .collect();
            let at = self::place(&of, &dependent);
            match self.set_owners(&at, &dependent, json!(rest)).await {
                Err(refusal) if refusal.reason != Reason::NotFound => return Err(refusal),
                Ok(()) | Err(_) => {}
            }
        }
        self.let_go(place, owner, ORPHAN).await
    }

    async fn let_go(&self, place: &Place, object: &Object, finalizer: &str) -> Result<(), Status> {
        let patch = meta::without_finalizer(object, finalizer);
        self.api
            .merge(&place.of, place.key.space(), &place.key.name, None, patch)
            .await?;
        Ok(())
    }

    async fn set_owners(&self, place: &Place, object: &Object, owners: Value) -> Result<(), Status> {
        let owners = if meta::items(&owners).is_empty() {
            Value::Null
        } else {
            owners
        };
        let patch = json!({"metadata": {
            "uid": meta::uid(object), "resourceVersion": meta::text(object, "resourceVersion"),
            "ownerReferences": owners,
        }});
        self.api
            .merge(&place.of, place.key.space(), &place.key.name, None, patch)
            .await?;
        Ok(())
    }

    /// Two objects that own each other must not wait for each other.
    async fn unblock(&self, place: &Place, object: &Object) -> Result<(), Status> {
        let mut owners = meta::owners(object).to_vec();
        for owner in &mut owners {
            owner["blockOwnerDeletion"] = json!(false);
        }
        let patch = json!({"metadata": {"uid": meta::uid(object), "ownerReferences": owners}});
        self.api
            .merge(&place.of, place.key.space(), &place.key.name, None, patch)
            .await?;
        Ok(())
    }

    /// Says that an owner lives in another namespace than its dependent, where that is why it is absent.
    async fn tell_of_wrong_namespace(&mut self, place: &Place, object: &Object, reference: &Value) {
        let uid = reference["uid"].as_str().unwrap_or_default();
        if self.gone.contains(uid) {
            return;
        }
        let is_elsewhere = match self.elsewhere.get(uid) {
            Some(known) => *known,
            None => {
                let collection = self.api.kind(
                    reference["apiVersion"].as_str().unwrap_or_default(),
                    reference["kind"].as_str().unwrap_or_default(),
                );
                let found = collection.is_some_and(|collection| {
                    collection.namespaced
                        && self
                            .api
                            .list(&collection.of, None)
                            .iter()
                            .any(|owner| meta::uid(owner) == uid)
                });
                self.elsewhere.insert(uid.to_owned(), found);
                found
            }
        };
        if is_elsewhere {
            let namespace = &place.key.namespace;
            let message = format!(
                "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {uid}] does not exist in namespace {namespace:?}",
                reference["apiVersion"].as_str().unwrap_or_default(),
                reference["kind"].as_str().unwrap_or_default(),
                reference["name"].as_str().unwrap_or_default(),
            );
            self.api
                .event(object, COMPONENT, "Warning", "OwnerRefInvalidNamespace", &message)
                .await;
        }
    }
}

/// The collections whose objects are never anybody's dependents.
const IGNORED: [GroupResource; 2] = [resources::EVENTS, GroupResource::new("events.k8s.io", "events")];
