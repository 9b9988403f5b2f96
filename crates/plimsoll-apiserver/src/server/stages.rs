//! The stages of a write: decoding, defaulting and conversion, admission, field tracking, validation.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Inner, Target};
use crate::{
    Status,
    catalog::Served,
    convert,
    patch::{self, Manager},
    policy::admission::{Operation, Request},
    rules::{self, Features},
    schema::{Cause, invalid},
    store::Object,
};

/// Brings an object that is served as `served` into the form in which it is kept.
pub(super) fn to_hub(served: &Served, object: Value) -> Value {
    let mut object = if served.custom.is_some() {
        object
    } else {
        convert::to_hub(object)
    };
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), served.hub_api_version().into());
        fields.insert("kind".to_owned(), served.kind.clone().into());
    }
    object
}

/// A write as admission sees it.
pub(super) fn request(target: &Target<'_>, operation: Operation, old: Option<&Object>) -> Request {
    let mut options = json!({});
    if !target.options.field_manager.is_empty() {
        options["fieldManager"] = target.options.field_manager.clone().into();
    }
    if target.options.dry_run {
        options["dryRun"] = json!(["All"]);
    }
    Request {
        subresource: target.subresource().map(str::to_owned),
        namespace: target.served.namespaced.then(|| target.namespace.clone()),
        name: target.name.clone(),
        old: old.map(Arc::clone),
        options,
        dry_run: target.options.dry_run,
        ..Request::new(
            target.user.clone(),
            operation,
            target.served.stored_as.clone(),
            &target.version,
            &target.served.kind,
        )
    }
}

/// What a kind's rules do to a new object.
pub(super) fn prepare_create(server: &Inner, served: &Served, object: &mut Value) {
    if served.custom.is_none() {
        rules::prepare_create(object, &server.features());
        // Even what hasn't happened yet has a shape: `status: {}`, `replicas: 0`.
        if let Some(schema) = served.schema(server.config.minor, &served.hub) {
            schema.default(object);
        }
    }
}

/// A write of the object leaves its status alone, one of a subresource everything else.
pub(super) fn prepare_update(server: &Inner, target: &Target<'_>, old: &Value, new: &mut Value) {
    match target.subresource.as_str() {
        "" if target.served.has_status() => copy(old, new, "status"),
        "status" => {
            for field in old
                .as_object()
                .into_iter()
                .chain(new.clone().as_object())
                .flat_map(|object| object.keys())
            {
                if !matches!(field.as_str(), "metadata" | "status" | "apiVersion" | "kind") {
                    copy(old, new, field);
                }
            }
            if target.served.custom.is_some() {
                let managed = new["metadata"]["managedFields"].clone();
                let version = new["metadata"]["resourceVersion"].clone();
                copy(old, new, "metadata");
                for (field, value) in [("managedFields", managed), ("resourceVersion", version)] {
                    if !value.is_null() {
                        new["metadata"][field] = value;
                    }
                }
            }
        }
        _ => {}
    }
    if target.served.custom.is_none() {
        rules::prepare_update(new, old, target.subresource(), &server.features());
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

impl Target<'_> {
    /// Who writes.
    pub(super) fn manager(&self, server: &Inner) -> Manager {
        let leaves: &[&str] = match self.subresource.as_str() {
            "" if self.served.has_status() => &["status"],
            "status" if self.served.custom.is_some() => &["metadata", "spec"],
            "status" => &["spec"],
            _ => &[],
        };
        Manager {
            name: self.options.field_manager.clone(),
            subresource: self.subresource().map(str::to_owned),
            api_version: self.served.api_version(&self.version),
            time: server.config.clock.now(),
            leaves: leaves.iter().map(|field| (*field).to_owned()).collect(),
        }
    }
}

impl Inner {
    pub(super) fn features(&self) -> Features {
        Features {
            minor: self.config.minor,
            generic_workload: self.config.gates.generic_workload,
            topology_aware: self.config.gates.topology_aware,
        }
    }

    /// Makes what was sent an object of its kind, in the hub version and with its defaults.
    pub(crate) fn decode(&self, target: &Target<'_>, mut object: Value) -> Result<Value, Status> {
        let options = &target.options;
        if let Some(schema) = target.served.schema(self.config.minor, &target.version) {
            for warning in schema.decode(&mut object, options.fields, &options.duplicates)? {
                options.warnings.push(warning);
            }
            schema.default(&mut object);
        }
        let mut object = to_hub(&target.served, object);
        if target.served.custom.is_none() {
            rules::default(&mut object);
        }
        Ok(object)
    }

    /// Admission that may change the object.
    pub(super) async fn mutate(
        &self,
        request: &mut Request,
        target: &Target<'_>,
        object: &mut Value,
    ) -> Result<(), Status> {
        let before = std::mem::take(object);
        request.object = Some(before);
        let admitted = self.admission.mutate(self, request).await;
        warn(target, request);
        *object = request.object.take().unwrap_or_default();
        admitted?;
        self.faults.drop_fields(&target.served.stored_as, object);
        // What admission added has defaults of its own.
        if let Some(schema) = target.served.schema(self.config.minor, &target.served.hub) {
            schema.default(object);
        }
        if target.served.custom.is_none() {
            rules::default(object);
        }
        Ok(())
    }

    /// Records who manages the fields that this write changes.
    pub(super) fn track(&self, target: &Target<'_>, old: Option<&Value>, new: &mut Value) {
        let served = &target.served;
        let Some(schema) = served.schema(self.config.minor, &target.version) else {
            return;
        };
        if target.options.tracked {
            return;
        }
        let by = target.manager(self);
        if target.version == served.hub && served.of == served.stored_as {
            patch::track_update(&schema, old, new, &by);
        } else {
            let old = old.map(|old| convert::from_hub(old, &by.api_version));
            let mut shown = convert::from_hub(new, &by.api_version);
            patch::track_update(&schema, old.as_ref(), &mut shown, &by);
            if let Some(managed) = shown["metadata"].get_mut("managedFields") {
                new["metadata"]["managedFields"] = managed.take();
            }
        }
    }

    /// Whether the object keeps its kind's rules.
    pub(super) fn validate(
        &self,
        target: &Target<'_>,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        let served = &target.served;
        let mut causes: Vec<Cause> = Vec::new();
        let version = if served.custom.is_some() {
            &target.version
        } else {
            &served.hub
        };
        if let Some(schema) = served.schema(self.config.minor, version) {
            causes.extend(schema.validate(new, old));
        }
        causes.extend(match old {
            None => rules::validate_create(new, served.namespaced, &self.features()),
            Some(old) => rules::validate_update(new, old, target.subresource()),
        });
        if causes.is_empty() {
            Ok(())
        } else {
            Err(invalid(&served.of.group, &served.kind, &target.name, &causes))
        }
    }

    /// Admission that may only refuse.
    pub(super) async fn admit(
        &self,
        request: &mut Request,
        target: &Target<'_>,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        self.rbac
            .may_grant(self, target.user, &target.served.of, old, new)?;
        request.name.clone_from(&target.name);
        request.object = Some(new.clone());
        let admitted = self.admission.validate(self, request).await;
        warn(target, request);
        admitted
    }

    /// Admission of a deletion.
    pub(super) async fn admit_deletion(&self, target: &Target<'_>, old: &Object) -> Result<(), Status> {
        let mut request = request(target, Operation::Delete, Some(old));
        self.admission.mutate(self, &mut request).await?;
        let admitted = self.admission.validate(self, &mut request).await;
        warn(target, &mut request);
        admitted
    }
}

fn warn(target: &Target<'_>, request: &mut Request) {
    for warning in request.warnings.drain(..) {
        target.options.warnings.push(warning);
    }
}
