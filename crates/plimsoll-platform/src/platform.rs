//! The connection to the cluster under test.

use std::sync::Arc;

use http::{HeaderValue, header::USER_AGENT};
use kube::{Client, client::Body};
use tokio::sync::OnceCell;

use crate::{
    apis::Apis,
    clock::Clock,
    connect::{self, ConnectError, ConnectOptions},
    ground::Ground,
    permission::{self, Permission},
};

/// A connected platform. Clones are cheap and share the connection.
#[derive(Clone)]
pub struct Platform {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    plain: Client,
    version: ServerVersion,
    context: Option<String>,
    ground: Ground,
    clock: Clock,
    apis: OnceCell<Apis>,
}

/// The API server's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// Usually 1.
    pub major: u32,
    /// Such as 36.
    pub minor: u32,
    /// As the server gives it, such as `v1.36.3`.
    pub git: String,
}

/// The API server could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("could not {what}")]
pub struct ApiError {
    /// What was attempted, such as `discover what is served`.
    pub what: String,
    /// The API's answer.
    #[source]
    pub source: kube::Error,
}

impl ApiError {
    /// Says what was attempted when `source` came back.
    pub(crate) fn new(what: impl Into<String>, source: kube::Error) -> Self {
        Self {
            what: what.into(),
            source,
        }
    }
}

impl Platform {
    /// Connects, and makes sure that somebody sensible answers.
    ///
    /// # Errors
    /// One variant of [`ConnectError`] for each way that this can fail.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        connect::connect(options).await
    }

    /// The platform behind a client, whose time is told by `clock`.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn over(client: Client, clock: Clock) -> Result<Self, ConnectError> {
        connect::over(client, clock).await
    }

    /// A platform from its parts: what [`connect`](Self::connect) found out, or a test made up.
    #[must_use]
    pub fn new(
        plain: Client,
        version: ServerVersion,
        context: Option<String>,
        ground: Ground,
        clock: Clock,
    ) -> Self {
        let client = naming(&plain, concat!("plimsoll/", env!("CARGO_PKG_VERSION")));
        Self {
            client,
            shared: Arc::new(Shared {
                plain,
                version,
                context,
                ground,
                clock,
                apis: OnceCell::new(),
            }),
        }
    }

    /// The same platform through a client that names the check, so that the platform's audit log can be read
    /// by check.
    #[must_use]
    pub fn named(&self, check: &str) -> Self {
        let agent = format!("plimsoll/{} ({check})", env!("CARGO_PKG_VERSION"));
        Self {
            client: naming(&self.shared.plain, &agent),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The API server's version.
    #[must_use]
    pub fn version(&self) -> &ServerVersion {
        &self.shared.version
    }

    /// The kubeconfig context in use.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.shared.context.as_deref()
    }

    /// What kind of ground it stands on.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.shared.ground
    }

    /// What time it is there.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The kinds that are served; asked for once.
    ///
    /// # Errors
    /// When the API server does not answer as it should.
    pub async fn discover(&self) -> Result<Apis, ApiError> {
        self.shared
            .apis
            .get_or_try_init(|| Apis::discover(&self.client))
            .await
            .cloned()
    }

    /// Which of the permissions are missing, one verb each.
    ///
    /// # Errors
    /// When the API server does not answer as it should.
    pub async fn may(&self, permissions: &[Permission]) -> Result<Vec<Permission>, ApiError> {
        permission::missing(&self.client, permissions).await
    }
}

/// A client over the same connections whose requests carry `agent`.
fn naming(plain: &Client, agent: &str) -> Client {
    let namespace = plain.default_namespace().to_owned();
    let plain = plain.clone();
    let agent = HeaderValue::from_str(agent).ok();
    let service = tower::service_fn(move |mut request: http::Request<Body>| {
        let plain = plain.clone();
        if let Some(agent) = &agent {
            request.headers_mut().insert(USER_AGENT, agent.clone());
        }
        async move { plain.send(request).await }
    });
    Client::new(service, namespace)
}
