//! What is watched.

use std::fmt::Debug;

use kube::{Api, Resource, runtime::watcher};
use serde::de::DeserializeOwned;

/// What a kind needs in order to be watched; every API kind has it.
pub trait Watchable: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static {}

impl<K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Watchable for K {}

/// The objects of a wait.
#[derive(Clone)]
pub struct Watched<K> {
    pub(super) api: Api<K>,
    pub(super) config: watcher::Config,
    pub(super) what: String,
}

impl<K: Resource> Watched<K> {
    /// The object of that name, there or not.
    #[must_use]
    pub fn one(api: Api<K>, name: &str) -> Self {
        let what = format!("{} `{name}`", place(&api));
        Self {
            api,
            config: watcher::Config::default().fields(&format!("metadata.name={name}")),
            what,
        }
    }

    /// Every object that the label selector picks.
    #[must_use]
    pub fn labelled(api: Api<K>, selector: &str) -> Self {
        let what = format!("{} with {selector}", place(&api));
        Self {
            api,
            config: watcher::Config::default().labels(selector),
            what,
        }
    }

    /// Every object that the field selector picks.
    #[must_use]
    pub fn selected(api: Api<K>, fields: &str) -> Self {
        let what = format!("{} with {fields}", place(&api));
        Self {
            api,
            config: watcher::Config::default().fields(fields),
            what,
        }
    }

    /// Every object the API shows.
    #[must_use]
    pub fn all(api: Api<K>) -> Self {
        let what = place(&api);
        Self {
            api,
            config: watcher::Config::default(),
            what,
        }
    }
}

/// `pods in namespace x`, from the API's address.
fn place<K: Resource>(api: &Api<K>) -> String {
    let kind = api.resource_url().rsplit('/').next().unwrap_or_default();
    match api.namespace() {
        Some(namespace) => format!("{kind} in namespace {namespace}"),
        None => kind.to_owned(),
    }
}
