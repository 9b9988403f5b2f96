//! The loop of a controller.

use std::{collections::BTreeSet, future::Future, time::Duration};

use futures::{StreamExt, stream::SelectAll};
use plimsoll_apiserver::{Change, Direct, GroupResource, Status, Watch, elapse, resources};
use tokio::time::Instant;

use super::Queue;
use crate::platform::Latencies;

/// What a reconciliation leaves to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing, until something changes.
    Done,
    /// The same again after that time, whatever changes.
    Again(Duration),
    /// The same again after a pause, since it failed.
    Failed,
}

impl From<Option<Duration>> for Next {
    fn from(after: Option<Duration>) -> Self {
        after.map_or(Self::Done, Self::Again)
    }
}

/// A failure is tried again. Who asked never hears of it: real controllers log it, and what people see are events.
impl From<Status> for Next {
    fn from(_: Status) -> Self {
        Self::Failed
    }
}

/// A controller: it looks again at what a change may concern.
pub(crate) trait Reconcile: Send {
    /// What it looks at.
    type Key: Ord + Clone + Send;

    /// The collections whose changes it hears of.
    fn watches(&self) -> Watched;

    /// How long it waits after a change; several changes meanwhile are one.
    fn delay(&self, latencies: &Latencies) -> Duration {
        Latencies::of(latencies.controller_ms)
    }

    /// The longest pause after repeated failures.
    fn longest_pause(&self) -> Duration {
        Duration::from_secs(1000)
    }

    /// What a change makes it look at.
    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Self::Key));

    /// Looks at one thing and brings it a step further.
    fn reconcile(&mut self, key: &Self::Key) -> impl Future<Output = Next> + Send;
}

/// Which collections a controller hears of.
#[derive(Clone, Debug)]
pub(crate) enum Watched {
    /// These.
    Only(Vec<GroupResource>),
    /// All but these, custom resources from their definition on.
    AllBut(Vec<GroupResource>),
}

/// The changes that a controller hears of.
struct Changes {
    watched: Watched,
    known: BTreeSet<GroupResource>,
    streams: SelectAll<Watch>,
}

impl Changes {
    fn new(api: &Direct, watched: Watched) -> Self {
        let mut changes = Self {
            watched,
            known: BTreeSet::new(),
            streams: SelectAll::new(),
        };
        changes.widen(api);
        changes
    }

    /// Adds what is served by now.
    fn widen(&mut self, api: &Direct) {
        let new: Vec<GroupResource> = match &self.watched {
            Watched::Only(of) => of.iter().filter(|of| !self.known.contains(of)).cloned().collect(),
            Watched::AllBut(ignored) => api
                .kinds()
                .into_iter()
                .map(|kind| kind.of)
                .filter(|of| !ignored.contains(of) && !self.known.contains(of))
                .collect(),
        };
        if !new.is_empty() {
            self.streams.push(api.watch(&new));
            self.known.extend(new);
        }
    }

    /// Whether everything that was there in the beginning has come.
    fn are_caught_up(&self) -> bool {
        self.streams.iter().all(Watch::is_caught_up)
    }

    async fn next(&mut self, api: &Direct) -> Option<Change> {
        let change = self.streams.next().await?;
        if matches!(self.watched, Watched::AllBut(_))
            && *change.of() == resources::CUSTOM_RESOURCE_DEFINITIONS
        {
            self.widen(api);
        }
        Some(change)
    }
}

/// Runs a controller for as long as the platform lives.
pub(crate) async fn drive<R: Reconcile>(api: &Direct, latencies: Latencies, mut controller: R) {
    let mut changes = Changes::new(api, controller.watches());
    let mut queue = Queue::new(controller.longest_pause());
    // Nothing is decided before all that is there is known.
    while !changes.are_caught_up() {
        let Some(change) = changes.next(api).await else {
            return;
        };
        let at = Instant::now() + controller.delay(&latencies);
        controller.concerned(&change, &mut |key| queue.add(key, at));
    }
    loop {
        let next = queue.next_due();
        let due = async {
            match next {
                Some(at) => elapse(at.saturating_duration_since(Instant::now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            change = changes.next(api) => {
                let Some(change) = change else { return };
                let at = Instant::now() + controller.delay(&latencies);
                controller.concerned(&change, &mut |key| queue.add(key, at));
            }
            () = due => {
                let Some(key) = queue.pop(Instant::now()) else { continue };
                match controller.reconcile(&key).await {
                    Next::Done => queue.succeeded(&key),
                    Next::Again(after) => {
                        queue.succeeded(&key);
                        queue.add(key, Instant::now() + after);
                    }
                    Next::Failed => queue.add_failed(key, Instant::now()),
                }
            }
        }
    }
}
