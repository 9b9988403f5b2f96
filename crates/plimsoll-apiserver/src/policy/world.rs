//! A store of a few objects, for tests.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{View, Write};
use crate::GroupResource;

/// Objects by collection, namespace and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    objects: BTreeMap<(GroupResource, String, String), Arc<Value>>,
    versions: BTreeMap<GroupResource, u64>,
}

impl World {
    /// With that object, in place of one of its name.
    pub(crate) fn with(mut self, of: &GroupResource, object: Value) -> Self {
        self.put(of, object);
        self
    }

    /// Stores an object.
    pub(crate) fn put(&mut self, of: &GroupResource, mut object: Value) {
        let field = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = (of.clone(), field("namespace"), field("name"));
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}-{}", key.1, key.2));
        }
        self.objects.insert(key, Arc::new(object));
        *self.versions.entry(of.clone()).or_default() += 1;
    }

    /// Removes an object.
    pub(crate) fn remove(
        &mut self,
        of: &GroupResource,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        *self.versions.entry(of.clone()).or_default() += 1;
        self.objects.remove(&key(of, namespace, name))
    }

    /// Stores what a policy wants changed.
    pub(crate) fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            let found = self.get(&write.of, write.namespace.as_deref(), &write.name);
            if let Some(found) = found {
                let mut object = Value::clone(&found);
                object[write.field] = write.value;
                self.put(&write.of, object);
            }
        }
    }
}

fn key(of: &GroupResource, namespace: Option<&str>, name: &str) -> (GroupResource, String, String) {
    (
        of.clone(),
        namespace.unwrap_or_default().to_owned(),
        name.to_owned(),
    )
}

impl View for World {
    fn get(&self, of: &GroupResource, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.objects.get(&key(of, namespace, name)).cloned()
    }

    fn list(&self, of: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.objects
            .iter()
            .filter(|((collection, place, _), _)| {
                collection == of && namespace.is_none_or(|namespace| namespace == place)
            })
            .map(|(_, object)| object.clone())
            .collect()
    }

    fn version(&self, of: &GroupResource) -> u64 {
        self.versions.get(of).copied().unwrap_or_default()
    }

    fn collection(&self, api_version: &str, kind: &str) -> Option<(GroupResource, bool)> {
        (api_version == "v1" && kind == "ConfigMap").then_some((crate::resources::CONFIG_MAPS, true))
    }
}
