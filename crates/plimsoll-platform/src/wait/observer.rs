//! Who wants to know what is being waited for and created, while it happens.

use std::{future::Future, sync::Arc, time::Duration};

/// Is told of waits and created objects; for live progress and the record.
pub trait Observer: Send + Sync {
    /// A wait began; the answer names it in what follows.
    fn wait_started(&self, on: &str, within: Duration) -> u64;
    /// What the wait now sees is missing.
    fn wait_progressed(&self, wait: u64, seen: &str);
    /// The wait ended.
    fn wait_ended(&self, wait: u64, met: bool);
    /// An object was created.
    fn object_created(&self, kind: &str, namespace: Option<&str>, name: &str);
}

tokio::task_local! {
    static OBSERVER: Arc<dyn Observer>;
}

/// Runs `future` with `observer` told of everything it waits for and creates.
///
/// # Caveats
/// Holds for the task, not for tasks it spawns: wrap their futures as well.
pub async fn observed<F: Future>(observer: Arc<dyn Observer>, future: F) -> F::Output {
    OBSERVER.scope(observer, future).await
}

/// Tells of a created object.
pub(crate) fn created(kind: &str, namespace: Option<&str>, name: &str) {
    let _ = OBSERVER.try_with(|observer| observer.object_created(kind, namespace, name));
}

/// One wait's connection to the observer; tells of the end even when the wait is dropped.
pub(crate) struct Report {
    to: Option<(Arc<dyn Observer>, u64)>,
    last: String,
}

impl Report {
    /// Tells of the beginning.
    pub(crate) fn started(on: &str, within: Duration) -> Self {
        let to = OBSERVER.try_with(Arc::clone).ok().map(|observer| {
            let wait = observer.wait_started(on, within);
            (observer, wait)
        });
        Self {
            to,
            last: String::new(),
        }
    }

    /// Tells nobody: for a wait that is part of another.
    pub(super) fn silent() -> Self {
        Self {
            to: None,
            last: String::new(),
        }
    }

    /// Tells what is missing now, if that is news.
    pub(crate) fn progressed(&mut self, seen: &str) {
        if self.last == seen {
            return;
        }
        seen.clone_into(&mut self.last);
        if let Some((observer, wait)) = &self.to {
            observer.wait_progressed(*wait, seen);
        }
    }

    /// Tells of the end.
    pub(crate) fn ended(mut self, met: bool) {
        if let Some((observer, wait)) = self.to.take() {
            observer.wait_ended(wait, met);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some((observer, wait)) = self.to.take() {
            observer.wait_ended(wait, false);
        }
    }
}
