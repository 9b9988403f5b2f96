//! What the chain is shown.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    GroupResource, Status, User,
    policy::{fields::meta, refusal},
    resources,
};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// An object is made.
    Create,
    /// An object, or a subresource of it, is changed.
    Update,
    /// An object is deleted.
    Delete,
    /// A subresource is connected to, such as `pods/proxy`.
    Connect,
}

impl Operation {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// One write, on its way through the chain.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub user: User,
    /// What for.
    pub operation: Operation,
    /// The collection.
    pub of: GroupResource,
    /// The version that the request was made in, such as `v1`.
    pub version: String,
    /// The kind of the collection's objects.
    pub kind: String,
    /// Such as `status`; none for the object itself.
    pub subresource: Option<String>,
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Empty as long as a name is to be generated.
    pub name: String,
    /// What is brought, in the hub version; none for deletions.
    pub object: Option<Value>,
    /// What is stored; none for creations.
    pub old: Option<Arc<Value>>,
    /// The request's options, such as DeleteOptions.
    pub options: Value,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// What the client is warned about, in `Warning` headers.
    pub warnings: Vec<String>,
    /// What an audit log would hold.
    pub audit: BTreeMap<String, String>,
}

impl Request {
    /// A request about a collection, as somebody makes it. What else it is about is filled in by the caller.
    #[must_use]
    pub fn new(user: User, operation: Operation, of: GroupResource, version: &str, kind: &str) -> Self {
        Self {
            user,
            operation,
            of,
            version: version.to_owned(),
            kind: kind.to_owned(),
            subresource: None,
            namespace: None,
            name: String::new(),
            object: None,
            old: None,
            options: Value::Null,
            dry_run: false,
            warnings: Vec::new(),
            audit: BTreeMap::new(),
        }
    }

    /// Whether it is about objects of that collection, not about subresources.
    pub(super) fn is_about(&self, of: &GroupResource) -> bool {
        self.subresource.is_none() && self.of == *of
    }

    /// A pod that is being made.
    pub(super) fn new_pod(&mut self) -> Option<&mut Value> {
        (self.operation == Operation::Create && self.is_about(&resources::PODS))
            .then_some(self.object.as_mut())
            .flatten()
    }

    /// Whether it is about a namespace itself.
    pub(super) fn is_namespace(&self) -> bool {
        self.of == resources::NAMESPACES
    }

    /// The name that refusals quote.
    pub(super) fn shown_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let object = self.object.as_ref();
        ["name", "generateName"]
            .into_iter()
            .filter_map(|field| object.map(|object| meta(object, field)))
            .find(|name| !name.is_empty())
            .unwrap_or("Unknown")
            .to_owned()
    }

    /// Refuses it, in the words of the plugins.
    pub(super) fn forbidden(&self, why: &str) -> Status {
        refusal::forbidden(&self.of, &self.shown_name(), why)
    }
}
