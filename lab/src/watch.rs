//! Waiting on the cluster: a watch, a condition that says what is still missing, and a deadline.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

/// How long the lab gives its parts; a healthy one needs a fraction.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    /// Not yet, and what is missing.
    NotYet(String),
}

/// A condition that did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("{what} took longer than {} s: {missing}", PATIENCE.as_secs())]
pub(crate) struct TooLong {
    what: String,
    missing: String,
    /// The last thing the API server complained about, if anything.
    source: Option<Box<watcher::Error>>,
}

/// Watches the objects of `api` until `condition` holds for all of them together, by name.
pub(crate) async fn until<K>(
    what: &str,
    api: Api<K>,
    config: watcher::Config,
    mut condition: impl FnMut(&BTreeMap<String, K>) -> Verdict,
) -> Result<(), TooLong>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let mut missing = "the API server has not answered".to_owned();
    let mut complaint = None;
    let waited = tokio::time::timeout(PATIENCE, async {
        let mut objects = BTreeMap::new();
        let mut listed = false;
        let mut events = watch(api, config).default_backoff().boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => objects.clear(),
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    objects.insert(object.name_any(), object);
                }
                Ok(Event::Delete(object)) => {
                    objects.remove(&object.name_any());
                }
                Ok(Event::InitDone) => listed = true,
                // It heals or the deadline passes; the last one is part of the error then.
                Err(error) => complaint = Some(Box::new(error)),
            }
            if listed {
                match condition(&objects) {
                    Verdict::Met => return,
                    Verdict::NotYet(reason) => missing = reason,
                }
            }
        }
    });
    match waited.await {
        Ok(()) => Ok(()),
        Err(_elapsed) => Err(TooLong {
            what: what.to_owned(),
            missing,
            source: complaint,
        }),
    }
}

/// Waits until an object of that name exists.
pub(crate) async fn exists<K>(api: Api<K>, name: &str) -> Result<(), TooLong>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let what = format!("{} `{name}`", K::kind(&()));
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let missing = format!("there is no {what}");
    until(&what, api, config, |objects| {
        if objects.is_empty() {
            Verdict::NotYet(missing.clone())
        } else {
            Verdict::Met
        }
    })
    .await
}
