//! Single objects: read, create, replace, delete.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Asked,
    answer::{self, Answer},
};
use crate::{
    Status, resources,
    schema::{Cause, invalid},
    server::{Inner, Propagation, Target, delete::Deletion, metadata, refusal},
    store::{Item, Key},
};

/// Kinds that an update brings into being where they are missing.
const CREATED_ON_UPDATE: &[&str] = &[
    "endpoints",
    "events",
    "leases",
    "limitranges",
    "roles",
    "clusterroles",
    "rolebindings",
    "clusterrolebindings",
];

/// Kinds whose last state is the answer to their deletion; of others it only says that they are gone.
const SHOWN_ON_DELETION: &[&str] = &[
    "deviceclasses",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourceclaims",
    "resourceclaimtemplates",
    "resourcequotas",
    "resourceslices",
    "serviceaccounts",
    "services",
    "storageclasses",
    "volumeattachments",
];

impl Inner {
    /// The object that a request names.
    pub(super) fn present(&self, asked: &Asked) -> Result<std::sync::Arc<Item>, Status> {
        let namespace = if asked.served.namespaced {
            asked.path.namespace.as_str()
        } else {
            ""
        };
        let key = Key::new(namespace, &asked.path.name);
        let state = self.store.lock();
        state
            .get(&asked.served.stored_as, &key)
            .cloned()
            .ok_or_else(|| refusal::not_found(&asked.served.of, &asked.path.name))
    }

    pub(super) fn read(&self, asked: &Asked) -> Result<Answer, Status> {
        let item = self.present(asked)?;
        Ok(answer::json(StatusCode::OK, asked.presentation(self).item(&item)))
    }

    /// An answer that shows an object of the hub version.
    pub(super) fn shown(&self, asked: &Asked, code: StatusCode, object: &Value) -> Answer {
        answer::json(code, asked.presentation(self).object(object))
    }

    pub(super) async fn post(&self, asked: &Asked) -> Result<Answer, Status> {
        let mut target = asked.target()?;
        if asked.served.namespaced && target.namespace.is_empty() {
            return Err(refusal::bad_request(
                "an empty namespace may not be set during creation",
            ));
        }
        let (object, duplicates) = asked.object(target.options.fields)?;
        target.options.duplicates = duplicates;
        let created = self.create(&target, object).await?;
        Ok(self.shown(asked, StatusCode::CREATED, &created))
    }

    pub(super) async fn replace(&self, asked: &Asked) -> Result<Answer, Status> {
        let mut target = asked.target()?;
        let (object, duplicates) = asked.object(target.options.fields)?;
        target.options.duplicates = duplicates;
        let of = &asked.served.of;
        if target.subresource.is_empty()
            && CREATED_ON_UPDATE.contains(&&*of.resource)
            && self
                .store
                .lock()
                .get(&asked.served.stored_as, &target.key())
                .is_none()
        {
            self.may_create(&asked.user, &asked.path)?;
            let created = self.create(&target, object).await?;
            return Ok(self.shown(asked, StatusCode::CREATED, &created));
        }
        // Custom resources can't be replaced blindly.
        let versionless = metadata::text(&object, "resourceVersion").is_empty();
        if asked.served.custom.is_some() && versionless && self.present(asked).is_ok() {
            let cause = Cause::invalid(
                "metadata.resourceVersion",
                &0.into(),
                "must be specified for an update",
            );
            return Err(invalid(&of.group, &of.resource, &asked.path.name, &[cause]));
        }
        let updated = self.update(&target, object).await?;
        Ok(self.shown(asked, StatusCode::OK, &updated))
    }

    pub(super) async fn delete_one(&self, asked: &Asked) -> Result<Answer, Status> {
        let mut target = asked.target()?;
        let options = asked.delete_options()?;
        target.options.dry_run |= asked.body_asks_for_dry_run();
        let orphans_by_default = options.propagation.is_none() && asked.served.of == resources::JOBS;
        let deletion = self.delete(&target, &options).await?;
        if orphans_by_default {
            asked.warnings.push(
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove \
                 them or set propagationPolicy=Orphan to suppress this warning",
            );
        }
        Ok(match deletion {
            Deletion::Begun(object) => {
                let code = if options.propagation == Some(Propagation::Background) && asked.asks_to_collect()
                {
                    StatusCode::ACCEPTED
                } else {
                    StatusCode::OK
                };
                self.shown(asked, code, &object)
            }
            Deletion::Gone(object) if SHOWN_ON_DELETION.contains(&&*asked.served.of.resource) => {
                self.shown(asked, StatusCode::OK, &object)
            }
            Deletion::Gone(object) => {
                let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
                let done = answer::success(&asked.served.of, &asked.path.name, uid);
                answer::json(StatusCode::OK, done.to_string())
            }
        })
    }

    pub(super) async fn delete_many(&self, asked: &Asked) -> Result<Answer, Status> {
        let target = asked.target()?;
        let options = asked.delete_options()?;
        let selectors = asked.selectors()?;
        let dry_run = target.options.dry_run || asked.body_asks_for_dry_run();
        let namespace = Some(target.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let of = &asked.served.stored_as;
        let found: Vec<(Key, std::sync::Arc<Item>)> = self
            .store
            .lock()
            .list(of, namespace)
            .filter(|(_, item)| selectors.is_everything() || selectors.select(&item.object()))
            .map(|(key, item)| (key.clone(), std::sync::Arc::clone(item)))
            .collect();
        let mut shown = Vec::new();
        for (key, item) in &found {
            let mut one = Target {
                namespace: key.namespace.to_string(),
                name: key.name.to_string(),
                ..target.clone()
            };
            one.options.dry_run = dry_run;
            match self.delete(&one, &options).await {
                Ok(_) => shown.push(&**item),
                // Somebody else was first.
                Err(status) if status.reason == crate::Reason::NotFound => {}
                Err(status) => return Err(status),
            }
        }
        let version = self.store.lock().version().to_string();
        let text = asked
            .presentation(self)
            .list(shown.into_iter(), &json!({"resourceVersion": version}));
        Ok(answer::json(StatusCode::OK, text))
    }
}

impl Asked {
    /// Whether a deletion says in the old way that what is owned goes as well.
    fn asks_to_collect(&self) -> bool {
        self.value().is_ok_and(|body| body["orphanDependents"] == false)
            || self.query.text("orphanDependents") == "false"
    }
}
