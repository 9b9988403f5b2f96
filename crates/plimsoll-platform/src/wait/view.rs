//! A watch turned into a current state: what [`Watched::until`] and [`Watched::hold`] look at.

use std::collections::BTreeMap;

use futures::{StreamExt, stream::BoxStream};
use kube::{
    Resource, ResourceExt,
    api::ListParams,
    core::Status,
    runtime::{WatchStreamExt, watcher},
};

use super::{Seen, Watchable, Watched, nodes::Nodes, retry::Retry, seen::key};

/// Objects per page of a listing.
const PAGE: u32 = 500;

/// What happened to the view.
pub(super) enum Step {
    /// The objects are known for the first time, or one changed.
    Changed,
    /// The watch had been lost; everything was listed anew.
    Relisted,
    /// The health of a node that the objects are on changed.
    NodeChanged,
    /// The API failed; the watch goes on trying.
    Fault(kube::Error),
}

/// The current state of what is watched.
pub(super) struct View<K> {
    pub(super) seen: Seen<K>,
    complete: bool,
    listing: BTreeMap<String, K>,
    stream: BoxStream<'static, watcher::Result<watcher::Event<K>>>,
    nodes: Nodes,
}

impl<K: Watchable> View<K> {
    pub(super) fn new(watched: &Watched<K>) -> Self {
        Self {
            seen: Seen::default(),
            complete: false,
            listing: BTreeMap::new(),
            stream: watcher(watched.api.clone(), watched.config.clone())
                .backoff(Retry::new())
                .boxed(),
            nodes: Nodes::new(watched.api.clone().into_client()),
        }
    }

    /// Whether the objects have been listed in full.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// What is wrong with a node that the objects are on.
    pub(super) fn node_trouble(&self) -> Option<String> {
        self.nodes.trouble()
    }

    /// Waits for the next thing to happen.
    pub(super) async fn next(&mut self) -> Step {
        loop {
            let event = tokio::select! {
                // In this order, so that two runs that see the same go the same way.
                biased;
                event = self.stream.next() => event,
                () = self.nodes.changed() => return Step::NodeChanged,
            };
            let step = match event {
                Some(Ok(event)) => self.take_in(event),
                Some(Err(error)) => Some(Step::Fault(cause(error))),
                // A watcher never ends by itself.
                None => std::future::pending().await,
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn take_in(&mut self, event: watcher::Event<K>) -> Option<Step> {
        match event {
            watcher::Event::Init => {
                self.listing.clear();
                return None;
            }
            watcher::Event::InitApply(object) => {
                self.listing.insert(key(&object), object);
                return None;
            }
            watcher::Event::InitDone => {
                let listing = std::mem::take(&mut self.listing);
                let first = !std::mem::replace(&mut self.complete, true);
                if first {
                    self.seen.objects = listing;
                } else {
                    self.seen.replace(listing);
                    self.seen.relists += 1;
                }
                self.nodes.follow(self.seen.iter());
                return Some(if first { Step::Changed } else { Step::Relisted });
            }
            watcher::Event::Apply(object) => self.seen.put(object),
            watcher::Event::Delete(object) => self.seen.remove(object),
        }
        self.nodes.follow(self.seen.iter());
        Some(Step::Changed)
    }

    /// Whether the view is at least as new as the listing, and has nothing beyond it.
    pub(super) fn agrees_with(&self, listing: &BTreeMap<String, K>) -> bool {
        self.seen.len() == listing.len()
            && listing.iter().all(|(key, listed)| {
                self.seen
                    .objects
                    .get(key)
                    .is_some_and(|seen| seen.uid() == listed.uid() && revision(seen) >= revision(listed))
            })
    }

    /// Takes in a listing read beside the watch.
    pub(super) fn take_listing(&mut self, listing: BTreeMap<String, K>) {
        if std::mem::replace(&mut self.complete, true) {
            self.seen.replace(listing);
        } else {
            self.seen.objects = listing;
        }
    }
}

impl<K: Watchable> Watched<K> {
    /// Reads the objects directly, page by page.
    pub(super) async fn read(&self) -> Result<BTreeMap<String, K>, kube::Error> {
        let mut params = ListParams {
            label_selector: self.config.label_selector.clone(),
            field_selector: self.config.field_selector.clone(),
            limit: Some(PAGE),
            ..ListParams::default()
        };
        let mut objects = BTreeMap::new();
        loop {
            let page = self.api.list(&params).await?;
            objects.extend(page.items.into_iter().map(|object| (key(&object), object)));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(objects),
            }
        }
    }
}

/// An object's revision; revisions of one kind can be compared.
fn revision<K: Resource>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

/// The client's error behind a watcher's.
fn cause(error: watcher::Error) -> kube::Error {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(status) => kube::Error::Api(status),
        watcher::Error::NoResourceVersion => kube::Error::Api(
            Status::failure("the answer to a watch has no resourceVersion", "InternalError")
                .with_code(500)
                .boxed(),
        ),
    }
}
