//! The server as policies see it.

use std::sync::Arc;

use serde_json::Value;

use super::Inner;
use crate::{GroupResource, policy::View, schema::Schema, store::Key};

impl View for Inner {
    fn get(&self, of: &GroupResource, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        let key = Key::new(namespace.unwrap_or_default(), name);
        self.store.lock().get(of, &key).map(|item| item.object())
    }

    fn list(&self, of: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let state = self.store.lock();
        state.list(of, namespace).map(|(_, item)| item.object()).collect()
    }

    fn version(&self, of: &GroupResource) -> u64 {
        self.store.lock().changed(of)
    }

    fn versions(&self, of: &GroupResource) -> Vec<String> {
        self.catalog()
            .get(of)
            .map(|served| served.versions.clone())
            .unwrap_or_default()
    }

    fn schema(&self, of: &GroupResource, version: &str) -> Option<Schema> {
        let served = self.catalog().get(of).cloned()?;
        served.schema(self.config.minor, version)
    }

    fn collection(&self, api_version: &str, kind: &str) -> Option<(GroupResource, bool)> {
        let catalog = self.catalog();
        let served = catalog.by_kind(api_version, kind)?;
        Some((served.stored_as.clone(), served.namespaced))
    }
}
