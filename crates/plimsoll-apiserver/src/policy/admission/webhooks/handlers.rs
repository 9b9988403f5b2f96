//! Where webhooks are, without a network.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// Behind a service.
    Service {
        /// The service's namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The port; 443 if the configuration names none.
        port: u16,
        /// The path, with its slash; empty for none.
        path: String,
    },
    /// At a URL.
    Url(String),
}

/// As a request line names it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                namespace,
                name,
                port,
                path,
            } => write!(f, "https://{name}.{namespace}.svc:{port}{path}"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// Why a webhook gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody is there; says what the connection failed with.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with something else than a review; says what.
    #[error("{0}")]
    Nonsense(String),
}

/// Calls webhooks.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Sends an AdmissionReview and brings the answer, whose patch may be a list of operations or, as on the wire,
    /// their text in base64. The caller minds the timeout.
    ///
    /// # Errors
    /// Whatever kept it from answering.
    async fn call(&self, endpoint: &Endpoint, review: Value, timeout: Duration) -> Result<Value, CallError>;
}

/// Webhooks that are functions of this process, by service (path and port don't matter) or URL. Clones share them.
#[derive(Clone, Default)]
pub struct Handlers(Arc<RwLock<BTreeMap<Endpoint, Arc<dyn Webhooks>>>>);

impl Handlers {
    /// Lets a handler answer for the endpoint.
    pub fn set(&self, endpoint: &Endpoint, handler: Arc<dyn Webhooks>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key(endpoint), handler);
    }

    /// Lets nobody answer there any more.
    pub fn remove(&self, endpoint: &Endpoint) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(endpoint));
    }

    fn handler(&self, endpoint: &Endpoint) -> Option<Arc<dyn Webhooks>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key(endpoint))
            .cloned()
    }
}

/// What a handler is found by.
fn key(endpoint: &Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Service { namespace, name, .. } => Endpoint::Service {
            namespace: namespace.clone(),
            name: name.clone(),
            port: 0,
            path: String::new(),
        },
        Endpoint::Url(url) => Endpoint::Url(url.clone()),
    }
}

#[async_trait]
impl Webhooks for Handlers {
    async fn call(&self, endpoint: &Endpoint, review: Value, timeout: Duration) -> Result<Value, CallError> {
        match self.handler(endpoint) {
            Some(handler) => handler.call(endpoint, review, timeout).await,
            None => Err(CallError::Unreachable("connect: connection refused".to_owned())),
        }
    }
}
