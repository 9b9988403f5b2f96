//! The API server: a pipeline for writes, and HTTP in front of it.
//!
//! [`http`](self::http) answers requests. [`write`](self::write) takes every write through the same
//! [`stages`](self::stages), whoever asks and however; [`delete`](self::delete) knows grace, finalizers and propagation;
//! [`settle`](self::settle) does what follows from a change. [`custom`](self::custom) serves what
//! CustomResourceDefinitions bring.

mod addresses;
mod binding;
mod bootstrap;
mod custom;
mod delete;
mod discovery;
mod http;
mod metadata;
mod nodes;
mod refusal;
mod scale;
mod selector;
mod settle;
mod stages;
mod table;
mod view;
mod write;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;

pub use delete::{DeleteOptions, Propagation};
pub use nodes::{LogRequest, Nodes};
pub(crate) use write::{Target, WriteOptions};

pub(crate) use metadata::{micro_time, time};

use crate::{
    ApiFaults, Body, Clock, Direct, Gates, GroupResource, Seed, Status, User,
    catalog::{Catalog, Served},
    direct::Recent,
    policy::{
        admission::{Admission, Handlers, Plugins},
        rbac::Rbac,
        tokens::Tokens,
    },
    store::{Key, Store},
};

/// How an API server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The minor version of Kubernetes, 33 to 37.
    pub minor: u32,
    /// The platform's time.
    pub clock: Clock,
    /// What decides uids and generated names.
    pub seed: Seed,
    /// Switches that an operator sets.
    pub gates: Gates,
    /// How long an answer takes, over HTTP.
    pub latency: Duration,
}

/// An emulated API server. Clones are the same server.
#[derive(Clone)]
pub struct ApiServer(Arc<Inner>);

/// What the clones of a server share.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) catalog: RwLock<Catalog>,
    pub(crate) nodes: RwLock<Option<Arc<dyn Nodes>>>,
    pub(crate) faults: ApiFaults,
    pub(crate) rbac: Rbac,
    pub(crate) tokens: Tokens,
    pub(crate) admission: Admission,
    pub(crate) webhooks: Handlers,
    /// The names of Events by what they tell, so that a repeated one is counted.
    pub(crate) events: Mutex<BTreeMap<String, String>>,
    pub(crate) recent: Recent,
}

impl ApiServer {
    /// A server with what every cluster has from its beginning: a few namespaces and the default roles.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let store = Store::default();
        let webhooks = Handlers::default();
        let seed = config.seed.clone();
        let server = Self(Arc::new(Inner {
            catalog: RwLock::new(Catalog::builtin(config.minor, config.gates)),
            faults: ApiFaults::new(store.clone()),
            store,
            nodes: RwLock::new(None),
            rbac: Rbac::default(),
            tokens: Tokens::default(),
            admission: Admission::new(config.minor, seed, Arc::new(webhooks.clone()), Plugins::default()),
            webhooks,
            events: Mutex::default(),
            recent: Recent::default(),
            config,
        }));
        bootstrap::fill(&server.0);
        server
    }

    /// Answers a request of that user.
    pub async fn handle(&self, user: &User, request: ::http::Request<Bytes>) -> ::http::Response<Body> {
        self.0.handle(user, request).await
    }

    /// Whose token it is, if it is one that this server handed out and still holds good.
    #[must_use]
    pub fn authenticate(&self, token: &str) -> Option<User> {
        self.0.tokens.authenticate(&*self.0, &self.0.config.clock, token)
    }

    /// Webhooks that are functions of this process.
    #[must_use]
    pub fn webhooks(&self) -> &Handlers {
        &self.0.webhooks
    }

    /// The API for a component of the same process, which acts as that user.
    #[must_use]
    pub fn direct(&self, user: User) -> Direct {
        Direct::new(Arc::clone(&self.0), user)
    }

    /// Puts many objects in their places at once, past admission and with their status, to build a platform.
    ///
    /// # Errors
    /// An object of a kind that is not served, or without a name. Those before it are there.
    pub fn load(&self, objects: impl IntoIterator<Item = Value>) -> Result<(), Status> {
        objects.into_iter().try_for_each(|object| self.0.load(object))
    }

    /// The platform's time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.config.clock
    }

    /// What decides everything that would be random.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.0.config.seed.clone()
    }

    /// Who answers for pods' logs and ports.
    pub fn set_nodes(&self, nodes: Arc<dyn Nodes>) {
        *self.0.nodes.write().unwrap_or_else(PoisonError::into_inner) = Some(nodes);
    }

    /// Trouble with the API itself, on demand.
    #[must_use]
    pub fn faults(&self) -> &ApiFaults {
        &self.0.faults
    }
}

impl Inner {
    /// What is served under that group and plural.
    pub(crate) fn served(&self, of: &GroupResource) -> Option<Arc<Served>> {
        self.catalog().get(of).cloned()
    }

    /// What is served as that kind.
    pub(crate) fn served_kind(&self, object: &Value) -> Result<(Arc<Served>, String), Status> {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let served = self
            .catalog()
            .by_kind(api_version, kind)
            .cloned()
            .ok_or_else(|| {
                refusal::bad_request(format!(
                    "no kind \"{kind}\" is registered for version \"{api_version}\""
                ))
            })?;
        let (_, version) = crate::catalog::split_api_version(api_version);
        let version = version.to_owned();
        Ok((served, version))
    }

    pub(crate) fn catalog(&self) -> std::sync::RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn events(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, object: Value) -> Result<(), Status> {
        let (served, _) = self.served_kind(&object)?;
        let mut object = stages::to_hub(&served, object);
        let key = Key::new(
            metadata::text(&object, "namespace"),
            metadata::text(&object, "name"),
        );
        if key.name.is_empty() || key.namespace.is_empty() == served.namespaced {
            return Err(refusal::bad_request(format!(
                "a {} needs a name{}",
                served.kind,
                if served.namespaced {
                    " and a namespace"
                } else {
                    " and no namespace"
                }
            )));
        }
        let fields = metadata::metadata(&mut object);
        if !fields.contains_key("uid") {
            fields.insert("uid".to_owned(), metadata::uid(&self.config.seed).into());
        }
        if !fields.contains_key("creationTimestamp") {
            fields.insert(
                "creationTimestamp".to_owned(),
                time(self.config.clock.now()).into(),
            );
        }
        if served.of == crate::resources::CUSTOM_RESOURCE_DEFINITIONS && object["status"].is_null() {
            custom::prepare(&mut object);
        }
        self.store.lock().load(&served.stored_as, key, &mut object);
        self.settle(&served.stored_as, None, Some(&object));
        Ok(())
    }
}
