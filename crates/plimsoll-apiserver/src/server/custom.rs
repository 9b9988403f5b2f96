//! Custom resources: what a CustomResourceDefinition brings to the catalog, and takes away again.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::{Inner, metadata};
use crate::{
    GroupResource, Reason, Status,
    catalog::{Custom, Served, Verbs},
    resources,
    schema::Schema,
    store::Key,
};

/// Keeps a definition until its objects are gone.
const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// What the server itself says of a new definition.
pub(super) fn prepare(definition: &mut Value) {
    let names = &mut definition["spec"]["names"];
    let kind = names["kind"].as_str().unwrap_or_default().to_owned();
    if names["singular"].is_null() {
        names["singular"] = kind.to_ascii_lowercase().into();
    }
    if names["listKind"].is_null() {
        names["listKind"] = format!("{kind}List").into();
    }
    if definition["spec"]["conversion"].is_null() {
        definition["spec"]["conversion"] = json!({"strategy": "None"});
    }
    let stored: Vec<Value> = versions(definition)
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    definition["status"] =
        json!({"acceptedNames": {"kind": "", "plural": ""}, "conditions": [], "storedVersions": stored});
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition["spec"]["versions"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// What a definition serves.
fn served(definition: &Value) -> Option<Served> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let mut served_versions: Vec<String> = versions(definition)
        .filter(|version| version["served"] == true)
        .map(|version| text(&version["name"]))
        .collect();
    served_versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    if served_versions.is_empty() {
        return None;
    }
    let hub = versions(definition)
        .find(|version| version["storage"] == true)
        .map_or_else(|| served_versions[0].clone(), |version| text(&version["name"]));
    let mut custom = Custom::default();
    let mut subresources = Vec::new();
    for version in versions(definition) {
        let name = text(&version["name"]);
        let schema = Schema::of_crd(&version["schema"]["openAPIV3Schema"]);
        custom.schemas.insert(name.clone(), schema);
        let fields = version["selectableFields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
            .collect();
        custom.selectable_fields.insert(name.clone(), fields);
        let columns = version["additionalPrinterColumns"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        custom.columns.insert(name.clone(), columns);
        let own = version["subresources"].clone();
        for subresource in ["status", "scale"] {
            if own.get(subresource).is_some_and(Value::is_object)
                && !subresources.contains(&subresource.to_owned())
            {
                subresources.push(subresource.to_owned());
            }
        }
        custom.subresources.insert(name, own);
    }
    let of = GroupResource {
        group: text(&spec["group"]).into(),
        resource: text(&names["plural"]).into(),
    };
    Some(Served {
        stored_as: of.clone(),
        of,
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        singular: text(&names["singular"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        versions: served_versions,
        hub,
        subresources,
        verbs: Verbs::All,
        custom: Some(Arc::new(custom)),
    })
}

/// Orders versions as Kubernetes does: stable before beta before alpha, newer before older, then anything else.
pub(super) fn priority(version: &str) -> (u8, u32, u32, std::cmp::Reverse<String>) {
    let other = (0, 0, 0, std::cmp::Reverse(version.to_owned()));
    let Some(rest) = version.strip_prefix('v') else {
        return other;
    };
    let digits = |text: &str| text.parse::<u32>().ok();
    let split = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    let (major, stage) = rest.split_at(split);
    let Some(major) = digits(major) else {
        return other;
    };
    let ranked = match stage {
        "" => Some((3, major, 0)),
        _ => stage
            .strip_prefix("beta")
            .map(|minor| (2, minor))
            .or_else(|| stage.strip_prefix("alpha").map(|minor| (1, minor)))
            .and_then(|(rank, minor)| Some((rank, major, digits(minor)?))),
    };
    match ranked {
        Some((rank, major, minor)) => (rank, major, minor, std::cmp::Reverse(String::new())),
        None => other,
    }
}

impl Inner {
    /// Whether objects of the kind can't be created any more.
    pub(super) fn refuses_creation(&self, served: &Served) -> Option<Status> {
        served.custom.as_ref()?;
        let key = Key::new("", &served.of.to_string());
        let definition = self
            .store
            .lock()
            .get(&resources::CUSTOM_RESOURCE_DEFINITIONS, &key)?
            .object();
        metadata::is_deleting(&definition).then(|| {
            Status::new(
                Reason::MethodNotAllowed,
                "create not allowed while custom resource definition is terminating",
            )
        })
    }

    /// Serves what a definition says now, and says so in its status.
    pub(super) fn settle_definition(&self, old: Option<&Value>, new: Option<&Value>) {
        let Some(definition) = new else {
            if let Some(old) = old {
                self.unserve(old);
            }
            return;
        };
        if metadata::is_deleting(definition) {
            self.clear_custom(definition);
            return;
        }
        if old.is_some_and(|old| old["spec"] == definition["spec"]) {
            return;
        }
        if let Some(conflict) = self.name_conflict(definition) {
            self.tell(definition, Some(&conflict));
            return;
        }
        match served(definition) {
            Some(served) => self.catalog_mut().insert(served),
            None => self.unserve(definition),
        }
        self.tell(definition, None);
    }

    fn name_conflict(&self, definition: &Value) -> Option<String> {
        let group = text(&definition["spec"]["group"]);
        let kind = text(&definition["spec"]["names"]["kind"]);
        let plural = text(&definition["spec"]["names"]["plural"]);
        let catalog = self.catalog();
        let other = catalog.iter().find(|served| {
            served.of.group == group.as_str() && served.kind == kind && served.of.resource != plural.as_str()
        })?;
        Some(format!("\"{}\" is already in use", other.kind))
    }

    fn unserve(&self, definition: &Value) {
        let of = GroupResource {
            group: text(&definition["spec"]["group"]).into(),
            resource: text(&definition["spec"]["names"]["plural"]).into(),
        };
        self.catalog_mut().remove(&of);
        self.store.lock().close_watches_of(&of);
    }

    /// Writes the definition's status.
    fn tell(&self, definition: &Value, conflict: Option<&str>) {
        let now = metadata::time(self.config.clock.now());
        let condition = |kind: &str, status: bool, reason: &str, message: &str| {
            json!({
                "type": kind, "status": if status { "True" } else { "False" }, "lastTransitionTime": now,
                "reason": reason, "message": message,
            })
        };
        let conditions = match conflict {
            None => json!([
                condition("NamesAccepted", true, "NoConflicts", "no conflicts found"),
                condition(
                    "Established",
                    true,
                    "InitialNamesAccepted",
                    "the initial names have been accepted"
                ),
            ]),
            Some(message) => json!([
                condition("NamesAccepted", false, "KindConflict", message),
                condition("Established", false, "NotAccepted", "not all names are accepted"),
            ]),
        };
        let key = Key::new("", metadata::text(definition, "name"));
        let of = resources::CUSTOM_RESOURCE_DEFINITIONS;
        let mut state = self.store.lock();
        let Some(item) = state.get(&of, &key) else {
            return;
        };
        let mut new = (*item.object()).clone();
        let known = new["status"]["conditions"]
            .as_array()
            .is_some_and(|conditions| !conditions.is_empty());
        if !known || conflict.is_some() {
            new["status"]["conditions"] = conditions;
        }
        new["status"]["acceptedNames"] = new["spec"]["names"].clone();
        let mut stored = texts(&new["status"]["storedVersions"]);
        for version in versions(definition).filter(|version| version["storage"] == true) {
            let name = text(&version["name"]);
            if !stored.contains(&name) {
                stored.push(name);
            }
        }
        new["status"]["storedVersions"] = stored.into();
        state.put(&of, key, new);
    }

    /// Deletes the objects of a definition that is to go, and then the definition.
    fn clear_custom(&self, definition: &Value) {
        let of = GroupResource {
            group: text(&definition["spec"]["group"]).into(),
            resource: text(&definition["spec"]["names"]["plural"]).into(),
        };
        let now = metadata::time(self.config.clock.now());
        let keys: Vec<Key> = self
            .store
            .lock()
            .list(&of, None)
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            let mut state = self.store.lock();
            let Some(object) = state.get(&of, &key).map(|item| item.object()) else {
                continue;
            };
            if !metadata::has_finalizers(&object) {
                state.remove(&of, &key);
            } else if !metadata::is_deleting(&object) {
                let mut leaving = (*object).clone();
                let fields = metadata::metadata(&mut leaving);
                fields.insert("deletionTimestamp".to_owned(), now.clone().into());
                fields.insert("deletionGracePeriodSeconds".to_owned(), 0.into());
                state.put(&of, key, leaving);
            }
        }
        self.finish(&of);
    }

    /// Looks, after an object is gone, whether that was the last one of a definition that is to go.
    pub(super) fn settle_removal(&self, of: &GroupResource) {
        let is_custom = self
            .catalog()
            .get(of)
            .is_some_and(|served| served.custom.is_some());
        if is_custom {
            self.finish(of);
        }
    }

    fn finish(&self, of: &GroupResource) {
        let key = Key::new("", &of.to_string());
        let definitions = resources::CUSTOM_RESOURCE_DEFINITIONS;
        let gone = {
            let mut state = self.store.lock();
            let Some(definition) = state.get(&definitions, &key).map(|item| item.object()) else {
                return;
            };
            if !metadata::is_deleting(&definition) || state.count(of) > 0 {
                return;
            }
            let mut rest = (*definition).clone();
            if let Some(finalizers) = rest["metadata"]["finalizers"].as_array_mut() {
                finalizers.retain(|finalizer| finalizer != FINALIZER);
            }
            if metadata::has_finalizers(&rest) {
                if *definition != rest {
                    state.put(&definitions, key, rest);
                }
                return;
            }
            state.remove(&definitions, &key)
        };
        if let Some(gone) = gone {
            self.unserve(&gone);
        }
    }

    /// Keeps a definition that is to go until its objects are gone, and says that it is on its way.
    pub(super) fn begin_termination(&self, definition: &mut Value) {
        let now = metadata::time(self.config.clock.now());
        let fields = metadata::metadata(definition);
        let finalizers = fields.entry("finalizers").or_insert_with(|| json!([]));
        if let Some(finalizers) = finalizers.as_array_mut()
            && !finalizers.iter().any(|own| own == FINALIZER)
        {
            finalizers.push(FINALIZER.into());
        }
        if let Some(conditions) = definition["status"]["conditions"].as_array_mut()
            && !conditions
                .iter()
                .any(|condition| condition["type"] == "Terminating")
        {
            conditions.push(json!({
                "type": "Terminating", "status": "True", "lastTransitionTime": now, "reason": "InstanceDeletionPending",
                "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
            }));
        }
    }

    fn catalog_mut(&self) -> std::sync::RwLockWriteGuard<'_, crate::catalog::Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_stability_and_age() {
        let mut versions = [
            "v1alpha2",
            "foo",
            "v1",
            "v2beta1",
            "v10",
            "v1beta3",
            "v11alpha1",
            "v2",
        ];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(
            versions,
            [
                "v10",
                "v2",
                "v1",
                "v2beta1",
                "v1beta3",
                "v11alpha1",
                "v1alpha2",
                "foo"
            ]
        );
    }
}
