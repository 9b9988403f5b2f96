//! What the chain is shown.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{GroupResource, User};

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
    /// Such as `status`.
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
