//! Creating and changing objects.
//!
//! Every write takes the same way: decoded and defaulted, into the hub version, mutating admission, what the server
//! fills in, validation, validating admission, the store. What a write entails for other objects follows at once.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::{Inner, metadata, refusal, stages};
use crate::{
    Status, User,
    catalog::Served,
    policy::admission::Operation,
    schema::{Cause, FieldValidation, invalid},
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
    /// What to do about fields that the kind doesn't have.
    pub(crate) fields: FieldValidation,
    /// Fields that the body has twice.
    pub(crate) duplicates: Vec<String>,
    /// Where warnings go.
    pub(crate) warnings: Warnings,
    /// Whether `metadata.managedFields` says already what this write changes.
    pub(crate) tracked: bool,
}

/// What a client is to be warned of. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// One more.
    pub(crate) fn push(&self, warning: impl Into<String>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(warning.into());
    }

    /// All of them.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How often a change is tried again that somebody else came before.
const ATTEMPTS: usize = 5;

impl Target<'_> {
    pub(crate) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }

    pub(crate) fn not_found(&self) -> Status {
        refusal::not_found(&self.served.of, &self.name)
    }

    /// The subresource, if it is one.
    pub(crate) fn subresource(&self) -> Option<&str> {
        Some(self.subresource.as_str()).filter(|subresource| !subresource.is_empty())
    }
}

impl Inner {
    /// Creates an object, which is in the version of the request.
    pub(crate) async fn create(&self, target: &Target<'_>, mut object: Value) -> Result<Object, Status> {
        let served = &target.served;
        if let Some(refusal) = self.refuses_creation(served) {
            return Err(refusal);
        }
        place(target, &mut object)?;
        let mut object = self.decode(target, object)?;
        let mut target = target.clone();
        self.name_it(&target, &mut object)?;
        target.name = metadata::text(&object, "name").to_owned();
        let mut request = stages::request(&target, Operation::Create, None);
        // Nobody manages what admission and the server add.
        self.track(&target, None, &mut object);
        self.mutate(&mut request, &target, &mut object).await?;
        self.prepare_new(&target, &mut object)?;
        self.validate(&target, None, &object)?;
        self.admit(&mut request, &target, None, &object).await?;
        {
            let state = self.store.lock();
            if state.get(&served.stored_as, &target.key()).is_some() {
                return Err(refusal::already_exists(&served.of, &target.name));
            }
        }
        // Nothing is awaited from here on, so nobody comes in between.
        request.object = Some(object);
        self.admission.within_quota(self, &request)?;
        let object = request.object.take().unwrap_or_default();
        if target.options.dry_run {
            return Ok(Arc::new(object));
        }
        let stored = self.store.lock().put(&served.stored_as, target.key(), object);
        self.settle(&served.stored_as, None, Some(&stored));
        Ok(stored)
    }

    /// Gives a new object its name.
    fn name_it(&self, target: &Target<'_>, object: &mut Value) -> Result<(), Status> {
        let served = &target.served;
        let fields = metadata::metadata(object);
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
        if !text("resourceVersion").is_empty() {
            return Err(refusal::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        if !text("name").is_empty() {
            return Ok(());
        }
        let prefix = text("generateName").to_owned();
        // Validation will tell.
        if prefix.is_empty() {
            return Ok(());
        }
        // The real server cuts so that 63 characters remain.
        let prefix: String = prefix.chars().take(58).collect();
        let name = loop {
            let name = format!("{prefix}{}", metadata::suffix(&self.config.seed));
            let key = Key::new(&target.namespace, &name);
            if self.store.lock().get(&served.stored_as, &key).is_none() {
                break name;
            }
        };
        fields.insert("name".to_owned(), name.into());
        Ok(())
    }

    /// What the server itself says of a new object.
    fn prepare_new(&self, target: &Target<'_>, object: &mut Value) -> Result<(), Status> {
        let served = &target.served;
        let generation = has_generation(served, object);
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
        if served.has_status()
            && let Some(object) = object.as_object_mut()
        {
            object.remove("status");
        }
        stages::prepare_create(self, served, object);
        match &*served.stored_as.resource {
            "pods" if object["status"]["phase"].is_null() => object["status"]["phase"] = json!("Pending"),
            "namespaces" => {
                object["status"] = json!({"phase": "Active"});
                object["spec"]["finalizers"] = json!(["kubernetes"]);
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = target.name.clone().into();
            }
            "persistentvolumeclaims" => {
                object["status"] = json!({"phase": "Pending"});
                hold(object, "kubernetes.io/pvc-protection");
            }
            "persistentvolumes" => {
                object["status"] = json!({"phase": "Pending"});
                hold(object, "kubernetes.io/pv-protection");
            }
            "podgroups" => {
                hold(object, "scheduling.k8s.io/podgroup-protection");
                // Told even where there is none.
                if let Some(spec) = object["spec"].as_object_mut() {
                    spec.entry("podGroupTemplateRef").or_insert(Value::Null);
                }
            }
            "customresourcedefinitions" => super::custom::prepare(object),
            "services" => self.allocate_addresses(None, object)?,
            _ => {}
        }
        Ok(())
    }

    /// Replaces an object, or one of its subresources.
    pub(crate) async fn update(&self, target: &Target<'_>, mut object: Value) -> Result<Object, Status> {
        place(target, &mut object)?;
        let object = self.decode(target, object)?;
        self.change(target, |current| {
            let uid = metadata::text(&object, "uid");
            if !uid.is_empty() && uid != metadata::text(current, "uid") {
                let of = &target.served.of;
                let registry = if of.group.is_empty() {
                    of.resource.to_string()
                } else {
                    format!("{}/{}", of.group, of.resource)
                };
                // As the real server's storage words it, its own key included.
                let why = format!(
                    "StorageError: invalid object, Code: 4, Key: /registry/{registry}/{}/{}, ResourceVersion: 0, \
                     AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                    target.namespace,
                    target.name,
                    metadata::text(current, "uid")
                );
                return Err(refusal::conflict(&target.served.of, &target.name, &why));
            }
            Ok(object.clone())
        })
        .await
    }

    /// Changes an object by a function of its present state, both in the hub version. A resourceVersion in the result is
    /// a precondition; without one the change is tried again where somebody else came before.
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
            let mut request = stages::request(target, Operation::Update, Some(&old));
            let uid = metadata::text(&new, "uid");
            if !uid.is_empty() && uid != metadata::text(&old, "uid") {
                let cause = Cause::invalid("metadata.uid", &uid.into(), "field is immutable");
                return Err(invalid(&served.of.group, &served.kind, &target.name, &[cause]));
            }
            stages::prepare_update(self, target, &old, &mut new);
            metadata::keep(&mut new, &old);
            self.track(target, Some(&old), &mut new);
            self.mutate(&mut request, target, &mut new).await?;
            stages::prepare_update(self, target, &old, &mut new);
            metadata::keep(&mut new, &old);
            if served.of == crate::resources::SERVICES && target.subresource.is_empty() {
                self.allocate_addresses(Some(&old), &mut new)?;
            }
            // Where a pod runs is not what it is to be.
            if target.subresource != "binding" {
                bump_generation(served, &old, &mut new);
            }
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
            self.validate(target, Some(&old), &new)?;
            self.admit(&mut request, target, Some(&old), &new).await?;
            if self
                .store
                .lock()
                .get(&served.stored_as, &key)
                .map(|item| item.version())
                != Some(item.version())
            {
                continue;
            }
            // Nothing is awaited from here on, so nobody comes in between.
            request.object = Some(new);
            self.admission.within_quota(self, &request)?;
            return Ok(self.commit(target, &key, old, request.object.take().unwrap_or_default()));
        }
        Err(refusal::modified(&served.of, &target.name))
    }

    /// Stores the new state, unless nothing changed.
    fn commit(&self, target: &Target<'_>, key: &Key, old: Object, new: Value) -> Object {
        let of = &target.served.stored_as;
        if *old == new {
            return old;
        }
        if target.options.dry_run {
            return Arc::new(new);
        }
        if super::delete::is_gone(&new) {
            let last = self.store.lock().remove(of, key);
            self.settle(of, last.as_deref(), None);
            return Arc::new(new);
        }
        let stored = self.store.lock().put(of, key.clone(), new);
        self.settle(of, Some(&old), Some(&stored));
        stored
    }
}

/// Whether the body is in the place that the request names; fills in what it leaves out.
fn place(target: &Target<'_>, object: &mut Value) -> Result<(), Status> {
    if !object.is_object() {
        return Err(refusal::bad_request("the object is not a JSON object"));
    }
    let fields = metadata::metadata(object);
    let namespace = fields
        .get("namespace")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if target.served.namespaced {
        if namespace.is_empty() {
            fields.insert("namespace".to_owned(), target.namespace.clone().into());
        } else if namespace != target.namespace {
            return Err(refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    } else {
        fields.remove("namespace");
    }
    if !target.name.is_empty() {
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() {
            fields.insert("name".to_owned(), target.name.clone().into());
        } else if name != target.name {
            return Err(refusal::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                target.name
            )));
        }
    }
    Ok(())
}

/// Adds a finalizer, as Kubernetes does from the beginning to what may be in use.
fn hold(object: &mut Value, finalizer: &str) {
    let finalizers = &mut object["metadata"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(own) if own.iter().any(|own| own == finalizer) => {}
        Some(own) => own.push(finalizer.into()),
        None => *finalizers = json!([finalizer]),
    }
}

/// Kinds without a `spec` whose changes are counted, too.
const COUNTED: &[&str] = &["endpointslices", "podtemplates", "priorityclasses"];

/// Kinds with a `spec` whose changes nobody counts.
const UNCOUNTED: &[&str] = &[
    "horizontalpodautoscalers",
    "podgroups",
    "workloads",
    "namespaces",
    "nodes",
    "services",
    "leases",
    "persistentvolumes",
    "persistentvolumeclaims",
    "resourcequotas",
    "limitranges",
    "resourceclaims",
    "resourceclaimtemplates",
];

/// Whether its kind counts the changes of what is wanted.
fn has_generation(served: &Served, object: &Value) -> bool {
    served.custom.is_some()
        || matches!(&*served.of.group, "admissionregistration.k8s.io")
        || COUNTED.contains(&&*served.of.resource)
        || (object.get("spec").is_some() && !UNCOUNTED.contains(&&*served.of.resource))
}

/// One more where anything but metadata and status changed.
fn bump_generation(served: &Served, old: &Value, new: &mut Value) {
    let Some(generation) = old["metadata"]["generation"].as_i64() else {
        return;
    };
    let counts = |field: &str| {
        !matches!(field, "metadata" | "apiVersion" | "kind")
            && (field != "status" || (served.custom.is_some() && !served.has_status()))
    };
    let changed = |one: &Value, other: &Value| {
        one.as_object()
            .into_iter()
            .flatten()
            .any(|(field, value)| counts(field) && other.get(field) != Some(value))
    };
    if changed(old, new) || changed(new, old) {
        new["metadata"]["generation"] = (generation + 1).into();
    }
}
