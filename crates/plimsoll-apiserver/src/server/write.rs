//! Creating and changing objects.
//!
//! Every write takes the same way: into the hub version, mutating admission, the fields that the server fills in,
//! validation, validating admission, the store.

use std::sync::Arc;

use serde_json::Value;

use super::{Inner, metadata, refusal, stages};
use crate::{
    Status, User,
    catalog::Served,
    store::{Key, Object},
};

/// What a write is about.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) user: &'a User,
    pub(crate) served: Arc<Served>,
    /// The version in which the request speaks.
    pub(crate) version: String,
    /// Empty for objects of the cluster.
    pub(crate) namespace: String,
    /// Empty for a create.
    pub(crate) name: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
    pub(crate) options: WriteOptions,
}

/// How a write is to be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions {
    /// Everything but the store.
    pub(crate) dry_run: bool,
    /// Who is said to manage the written fields.
    pub(crate) field_manager: String,
}

/// How often a change is tried again that somebody else came before.
const ATTEMPTS: usize = 5;

impl Target<'_> {
    pub(crate) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }

    fn not_found(&self) -> Status {
        refusal::not_found(&self.served.of, &self.name)
    }
}

impl Inner {
    /// Creates an object.
    pub(crate) async fn create(&self, target: &Target<'_>, mut object: Value) -> Result<Object, Status> {
        let served = &target.served;
        self.place(target, &mut object)?;
        stages::to_hub(served, &target.version, &mut object)?;
        let mut target = target.clone();
        let metadata = metadata::metadata(&mut object);
        let prefix = metadata
            .get("generateName")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let named = metadata
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| !name.is_empty());
        if !named && !prefix.is_empty() {
            metadata.insert(
                "name".to_owned(),
                format!("{prefix}{}", metadata::suffix(&self.config.seed)).into(),
            );
        }
        if metadata
            .get("resourceVersion")
            .and_then(Value::as_str)
            .is_some_and(|version| !version.is_empty())
        {
            return Err(refusal::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        target.name = metadata::text(&object, "name").to_owned();
        if target.name.is_empty() {
            return Err(refusal::invalid(
                &served.kind,
                &served.of.group,
                "",
                "metadata.name",
                "FieldValueRequired",
                "Required value: name or generateName is required",
            ));
        }
        stages::mutate(self, &target, None, &mut object).await?;
        self.prepare_new(&target, &mut object);
        stages::validate(self, &target, None, &mut object)?;
        stages::admit(self, &target, None, &object).await?;
        let mut state = self.store.lock();
        if state.get(&served.stored_as, &target.key()).is_some() {
            return Err(refusal::already_exists(&served.of, &target.name));
        }
        if target.options.dry_run {
            return Ok(Arc::new(object));
        }
        let stored = state.put(&served.stored_as, target.key(), object);
        drop(state);
        Ok(stored)
    }

    /// Whether the body is of the kind and in the place that the request names; fills in what it leaves out.
    fn place(&self, target: &Target<'_>, object: &mut Value) -> Result<(), Status> {
        if !object.is_object() {
            return Err(refusal::bad_request("the object is not a JSON object"));
        }
        let metadata = metadata::metadata(object);
        let namespace = metadata
            .get("namespace")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if target.served.namespaced {
            if namespace.is_empty() {
                metadata.insert("namespace".to_owned(), target.namespace.clone().into());
            } else if namespace != target.namespace {
                return Err(refusal::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        } else {
            metadata.remove("namespace");
        }
        if !target.name.is_empty() {
            let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
            if name.is_empty() {
                metadata.insert("name".to_owned(), target.name.clone().into());
            } else if name != target.name {
                return Err(refusal::bad_request(format!(
                    "the name of the object ({name}) does not match the name on the URL ({})",
                    target.name
                )));
            }
        }
        Ok(())
    }

    /// What the server itself says of a new object.
    fn prepare_new(&self, target: &Target<'_>, object: &mut Value) {
        let generation = has_generation(&target.served, object);
        let fields = metadata::metadata(object);
        fields.insert("uid".to_owned(), metadata::uid(&self.config.seed).into());
        fields.insert(
            "creationTimestamp".to_owned(),
            metadata::time(self.config.clock.now()).into(),
        );
        for field in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "generation",
            "resourceVersion",
        ] {
            fields.remove(field);
        }
        if generation {
            fields.insert("generation".to_owned(), 1.into());
        }
        if target.served.has_status()
            && let Some(object) = object.as_object_mut()
        {
            object.remove("status");
        }
        match &*target.served.stored_as.resource {
            "pods" => object["status"] = serde_json::json!({"phase": "Pending"}),
            "namespaces" => {
                object["status"] = serde_json::json!({"phase": "Active"});
                object["spec"]["finalizers"] = serde_json::json!(["kubernetes"]);
            }
            "persistentvolumeclaims" | "persistentvolumes" => {
                object["status"] = serde_json::json!({"phase": "Pending"})
            }
            _ => {}
        }
    }

    /// Replaces an object, or one of its subresources.
    pub(crate) async fn update(&self, target: &Target<'_>, mut object: Value) -> Result<Object, Status> {
        self.place(target, &mut object)?;
        stages::to_hub(&target.served, &target.version, &mut object)?;
        self.change(target, |current| {
            let uid = metadata::text(&object, "uid");
            if !uid.is_empty() && uid != metadata::text(current, "uid") {
                let why = format!(
                    "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                    metadata::text(current, "uid")
                );
                return Err(refusal::conflict(&target.served.of, &target.name, &why));
            }
            Ok(object.clone())
        })
        .await
    }

    /// Changes an object by a function of its present state, in the hub version. A resourceVersion in the result is a
    /// precondition; without one the change is tried again where somebody else came before.
    pub(crate) async fn change(
        &self,
        target: &Target<'_>,
        apply: impl Fn(&Value) -> Result<Value, Status>,
    ) -> Result<Object, Status> {
        let served = &target.served;
        let key = target.key();
        for _ in 0..ATTEMPTS {
            let item = self.store.lock().get(&served.stored_as, &key).cloned();
            let item = item.ok_or_else(|| target.not_found())?;
            let old = item.object();
            let mut new = apply(&old)?;
            let wanted = metadata::text(&new, "resourceVersion").to_owned();
            if !wanted.is_empty() && wanted != metadata::text(&old, "resourceVersion") {
                return Err(refusal::modified(&served.of, &target.name));
            }
            only_its_part(target, &old, &mut new);
            metadata::keep(&mut new, &old);
            stages::mutate(self, target, Some(&old), &mut new).await?;
            only_its_part(target, &old, &mut new);
            stages::validate(self, target, Some(&old), &mut new)?;
            bump_generation(served, &old, &mut new);
            stages::admit(self, target, Some(&old), &new).await?;
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
            if let Some(stored) = self.commit(target, &key, item.version(), &old, new)? {
                return Ok(stored);
            }
        }
        Err(refusal::modified(&served.of, &target.name))
    }

    /// Stores the new state if the present one is still that of `version`.
    fn commit(
        &self,
        target: &Target<'_>,
        key: &Key,
        version: u64,
        old: &Object,
        new: Value,
    ) -> Result<Option<Object>, Status> {
        let of = &target.served.stored_as;
        let mut state = self.store.lock();
        let present = state.get(of, key).ok_or_else(|| target.not_found())?;
        if present.version() != version {
            return Ok(None);
        }
        if **old == new {
            return Ok(Some(Arc::clone(old)));
        }
        if target.options.dry_run {
            return Ok(Some(Arc::new(new)));
        }
        let stored = state.put(of, key.clone(), new);
        if super::delete::is_gone(&stored) {
            state.remove(of, key);
        }
        Ok(Some(stored))
    }
}

/// A write of the object leaves its status alone, one of the status everything else.
fn only_its_part(target: &Target<'_>, old: &Value, new: &mut Value) {
    match target.subresource.as_str() {
        "" if target.served.has_status() => copy(old, new, "status"),
        "status" => {
            let status = new.get("status").cloned();
            let managed = new["metadata"].get("managedFields").cloned();
            *new = old.clone();
            if let Some(object) = new.as_object_mut() {
                match status {
                    Some(status) => object.insert("status".to_owned(), status),
                    None => object.remove("status"),
                };
            }
            if let Some(managed) = managed {
                new["metadata"]["managedFields"] = managed;
            }
        }
        _ => {}
    }
}

fn copy(from: &Value, to: &mut Value, field: &str) {
    if let Some(object) = to.as_object_mut() {
        match from.get(field) {
            Some(value) => object.insert(field.to_owned(), value.clone()),
            None => object.remove(field),
        };
    }
}

/// Whether its kind counts the changes of what is wanted.
fn has_generation(served: &Served, object: &Value) -> bool {
    served.custom
        || (object.get("spec").is_some()
            && !matches!(&*served.of.resource, "namespaces" | "nodes" | "services"))
}

/// One more where anything but metadata and status changed.
fn bump_generation(served: &Served, old: &Value, new: &mut Value) {
    let Some(generation) = old["metadata"]["generation"].as_i64() else {
        return;
    };
    let wanted = |object: &Value| -> Vec<(String, Value)> {
        object
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, _)| {
                !matches!(field.as_str(), "metadata" | "apiVersion" | "kind")
                    && (field.as_str() != "status" || (served.custom && !served.has_status()))
            })
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect()
    };
    if wanted(old) != wanted(new) {
        new["metadata"]["generation"] = (generation + 1).into();
    }
}
