//! Taking objects away: grace, finalizers, propagation.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Inner, Target, metadata, refusal};
use crate::{Status, catalog::Served, resources, store::Object};

/// How a deletion is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Only the object of that uid.
    pub uid: Option<String>,
    /// Only in that state.
    pub resource_version: Option<String>,
    /// What becomes of the objects that it owns; the kind's default for `None`.
    pub propagation: Option<Propagation>,
    /// How long it may take its leave; what it says itself for `None`.
    pub grace_seconds: Option<u64>,
}

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are collected afterwards.
    Background,
    /// They are collected first.
    Foreground,
    /// They stay.
    Orphan,
}

impl Propagation {
    /// The finalizer that keeps the owner until the collector is done.
    fn finalizer(self) -> Option<&'static str> {
        match self {
            Self::Background => None,
            Self::Foreground => Some("foregroundDeletion"),
            Self::Orphan => Some("orphan"),
        }
    }
}

/// What a deletion came to.
#[derive(Debug)]
pub(crate) enum Deletion {
    /// It is gone; its last state.
    Gone(Object),
    /// It is on its way.
    Begun(Object),
}

impl Inner {
    /// Deletes an object, or begins to.
    pub(crate) async fn delete(
        &self,
        target: &Target<'_>,
        options: &DeleteOptions,
    ) -> Result<Deletion, Status> {
        let of = &target.served.stored_as;
        let key = target.key();
        let present = || {
            let state = self.store.lock();
            state
                .get(of, &key)
                .map(|item| item.object())
                .ok_or_else(|| target.not_found())
        };
        let seen = present()?;
        preconditions(target, options, &seen)?;
        self.admit_deletion(target, &seen).await?;
        // Somebody may have come in between.
        let old = present()?;
        preconditions(target, options, &old)?;
        let mut new = (*old).clone();
        self.take_leave(&target.served, options, &mut new);
        let gone = is_gone(&new);
        if target.options.dry_run {
            return Ok(if gone {
                Deletion::Gone(old)
            } else {
                Deletion::Begun(Arc::new(new))
            });
        }
        if gone {
            let last = self
                .store
                .lock()
                .remove(of, &key)
                .ok_or_else(|| target.not_found())?;
            self.settle(of, Some(&old), None);
            return Ok(Deletion::Gone(last));
        }
        if *old == new {
            return Ok(Deletion::Begun(old));
        }
        let stored = self.store.lock().put(of, key, new);
        self.settle(of, Some(&old), Some(&stored));
        Ok(Deletion::Begun(stored))
    }

    /// Writes into the object that it is to go, and how.
    fn take_leave(&self, served: &Served, options: &DeleteOptions, object: &mut Value) {
        let grace = grace(served, options, object);
        if let Some(propagation) = options.propagation.or_else(|| default_propagation(served)) {
            set_finalizer(object, propagation);
        }
        if served.of == resources::CUSTOM_RESOURCE_DEFINITIONS {
            self.begin_termination(object);
        }
        let now = self.config.clock.now();
        let begun = metadata::is_deleting(object);
        let earlier = object["metadata"]["deletionGracePeriodSeconds"]
            .as_u64()
            .unwrap_or_default();
        if begun && grace >= earlier {
            return;
        }
        let end = now
            .checked_add(std::time::Duration::from_secs(grace))
            .unwrap_or(jiff::Timestamp::MAX);
        let generation = object["metadata"]["generation"].as_i64();
        let fields = metadata::metadata(object);
        fields.insert("deletionTimestamp".to_owned(), metadata::time(end).into());
        fields.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
        if let (Some(generation), false) = (generation, begun) {
            fields.insert("generation".to_owned(), (generation + 1).into());
        }
        if served.of == resources::NAMESPACES {
            object["status"]["phase"] = json!("Terminating");
        }
    }
}

/// What becomes of what it owns where nobody says: Jobs and ReplicationControllers leave theirs behind, as they always did.
fn default_propagation(served: &Served) -> Option<Propagation> {
    (served.of == resources::JOBS || served.of == resources::REPLICATION_CONTROLLERS)
        .then_some(Propagation::Orphan)
}

fn preconditions(target: &Target<'_>, options: &DeleteOptions, object: &Value) -> Result<(), Status> {
    let checks = [
        ("UID", "uid", options.uid.as_deref(), "deleted and then recreated"),
        (
            "ResourceVersion",
            "resourceVersion",
            options.resource_version.as_deref(),
            "modified",
        ),
    ];
    for (word, field, wanted, meanwhile) in checks {
        let present = metadata::text(object, field);
        if let Some(wanted) = wanted
            && wanted != present
        {
            let kind = &target.served.kind;
            let name = &target.name;
            let message = format!(
                "Operation cannot be fulfilled on {kind} \"{name}\": the {word} in the precondition ({wanted}) does not \
                 match the {word} in record ({present}). The object might have been {meanwhile}"
            );
            return Err(Status {
                message,
                ..refusal::conflict(&target.served.of, name, "")
            });
        }
    }
    Ok(())
}

/// The seconds that it has. Only pods on a node that still run have any.
fn grace(served: &Served, options: &DeleteOptions, object: &Value) -> u64 {
    if served.of != resources::PODS {
        return 0;
    }
    let bound = object["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty());
    let ended = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if !bound || ended {
        return 0;
    }
    options.grace_seconds.unwrap_or_else(|| {
        object["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or(30)
    })
}

fn set_finalizer(object: &mut Value, propagation: Propagation) {
    let collectors = [Propagation::Foreground, Propagation::Orphan].map(Propagation::finalizer);
    let mut finalizers: Vec<Value> = object["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    finalizers.retain(|finalizer| !collectors.contains(&finalizer.as_str()));
    if let Some(finalizer) = propagation.finalizer() {
        finalizers.push(finalizer.into());
    }
    let fields = metadata::metadata(object);
    if finalizers.is_empty() {
        fields.remove("finalizers");
    } else {
        fields.insert("finalizers".to_owned(), finalizers.into());
    }
}

/// Whether nothing keeps a deleted object any more.
pub(super) fn is_gone(object: &Value) -> bool {
    metadata::is_deleting(object)
        && object["metadata"]["deletionGracePeriodSeconds"]
            .as_u64()
            .unwrap_or_default()
            == 0
        && !metadata::has_finalizers(object)
        && !(object["kind"] == "Namespace"
            && object["spec"]["finalizers"]
                .as_array()
                .is_some_and(|finalizers| !finalizers.is_empty()))
}
