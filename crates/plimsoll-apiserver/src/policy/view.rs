//! What policies see of the store, and what they want changed in it.

use std::sync::Arc;

use serde_json::Value;

use crate::{GroupResource, schema::Schema};

/// The stored objects, in the hub version of their kinds.
pub trait View: Send + Sync {
    /// One object.
    fn get(&self, of: &GroupResource, namespace: Option<&str>, name: &str) -> Option<Arc<Value>>;

    /// The objects of a collection, in all namespaces or in one, sorted by namespace and name.
    fn list(&self, of: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Value>>;

    /// A number that changes with every change in the collection: what is made of its objects is kept as long as this
    /// stays the same.
    fn version(&self, of: &GroupResource) -> u64;

    /// The versions in which a collection is served, best first.
    fn versions(&self, of: &GroupResource) -> Vec<String> {
        let _ = of;
        Vec::new()
    }

    /// The schema of a collection in a version, where it isn't that of a kind that is built in.
    fn schema(&self, of: &GroupResource, version: &str) -> Option<Schema> {
        let _ = (of, version);
        None
    }

    /// Where objects of that kind are kept, and whether they are in namespaces.
    fn collection(&self, api_version: &str, kind: &str) -> Option<(GroupResource, bool)> {
        let _ = (api_version, kind);
        None
    }
}

/// A change of another object, to be stored together with what was admitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Its collection.
    pub of: GroupResource,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Which of its fields changes, such as `status`.
    pub field: &'static str,
    /// What that becomes.
    pub value: Value,
}
