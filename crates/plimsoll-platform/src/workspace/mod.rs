//! Everything a run creates, and its removal.
//!
//! A [`Workspace`] makes namespaces for the run, each [`Namespace`] makes objects. All of it carries the
//! run's label, so that [`Workspace::cleanup`], or any later [`cleanup_all`], finds and removes it. While a
//! run lives, it renews a Lease; a run whose Lease is not renewed any more has left its objects behind.

mod cleanup;
mod create;
mod delete;
mod heartbeat;
mod leftovers;
mod namespace;
mod quota;
mod readback;
mod run_id;
#[cfg(test)]
mod tests;
mod undo;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use kube::core::{ApiResource, DynamicObject};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::platform::Platform;
use heartbeat::Heartbeat;

pub use cleanup::Cleanup;
pub use create::CreateError;
pub use delete::{DeleteError, Grace};
pub use leftovers::{Leftover, cleanup_all, leftovers};
pub use namespace::{Namespace, PodSecurity};
pub use readback::lost_fields;
pub use run_id::{InvalidRunId, RunId};
pub use undo::LabelChange;

/// The label that names the run an object belongs to.
pub const RUN_LABEL: &str = "plimsoll.dev/run";

/// The field manager of what we write.
pub const MANAGER: &str = "plimsoll";

/// Where a run creates its objects. Clones are the same workspace.
#[derive(Clone)]
pub struct Workspace {
    platform: Platform,
    shared: Arc<Shared>,
    /// The namespaces that were made through this handle.
    made: Arc<Mutex<Vec<Namespace>>>,
}

struct Shared {
    run: RunId,
    heartbeat: OnceCell<Heartbeat>,
    /// Kinds of cluster-scoped objects that were created, so that cleanup looks for these and no others.
    kinds: Mutex<Vec<ApiResource>>,
    /// Purposes in use, to tell namespaces of one purpose apart.
    purposes: Mutex<Vec<String>>,
}

impl Workspace {
    /// A workspace of a run on a platform. Creates nothing yet.
    #[must_use]
    pub fn new(platform: Platform, run: RunId) -> Self {
        Self {
            platform,
            shared: Arc::new(Shared {
                run,
                heartbeat: OnceCell::new(),
                kinds: Mutex::new(Vec::new()),
                purposes: Mutex::new(Vec::new()),
            }),
            made: Arc::default(),
        }
    }

    /// The same workspace for a check: through a client that names it, and with namespaces of its own to
    /// [let go](Self::let_go).
    #[must_use]
    pub fn named(&self, check: &str) -> Self {
        Self {
            platform: self.platform.named(check),
            shared: Arc::clone(&self.shared),
            made: Arc::default(),
        }
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.shared.run
    }

    /// Makes a namespace `plimsoll-<run>-<purpose>` and waits until pods can be created in it.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn namespace(&self, purpose: &str, level: PodSecurity) -> Result<Namespace, CreateError> {
        self.remembering(purpose, level, Vec::new()).await
    }

    /// Makes a namespace that remembers changes of nodes: when it is removed, they are undone first. To be made before
    /// the changes are.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn remembering(
        &self,
        purpose: &str,
        level: PodSecurity,
        undo: Vec<LabelChange>,
    ) -> Result<Namespace, CreateError> {
        self.shared
            .heartbeat
            .get_or_try_init(|| Heartbeat::start(&self.platform, &self.shared.run))
            .await?;
        let purpose = self.unused(purpose);
        let namespace =
            Namespace::make(&self.platform, &self.shared.run, Some(&purpose), level, undo).await?;
        self.made().push(namespace.clone());
        Ok(namespace)
    }

    /// Has the namespaces that were made through this handle removed, and waits for nothing: a namespace takes seconds
    /// to go however empty it is, and those of a check need not wait for the other checks. What comes of it is for
    /// [`cleanup`](Self::cleanup) to see, which also removes what is left.
    pub async fn let_go(&self) {
        let made = std::mem::take(&mut *self.made());
        join_all(
            made.iter()
                .map(|namespace| cleanup::end(&self.platform, namespace)),
        )
        .await;
    }

    fn made(&self) -> MutexGuard<'_, Vec<Namespace>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a cluster-scoped object that goes with the namespace.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create_cluster_scoped(
        &self,
        namespace: &Namespace,
        manifest: Value,
    ) -> Result<DynamicObject, CreateError> {
        let (object, kind) = namespace.create_as(manifest, create::Place::Cluster).await?;
        let mut kinds = self.shared.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        Ok(object)
    }

    /// Removes everything of this run, and waits until it is gone.
    pub async fn cleanup(&self) -> Cleanup {
        if let Some(heartbeat) = self.shared.heartbeat.get() {
            heartbeat.stop();
        }
        let kinds = self
            .shared
            .kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        cleanup::remove(&self.platform, &self.shared.run, &kinds).await
    }

    /// The purpose as a part of a name, numbered when it was asked for before.
    fn unused(&self, purpose: &str) -> String {
        let purpose = namespace::label_part(purpose);
        let mut purposes = self
            .shared
            .purposes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = purposes.iter().filter(|used| **used == purpose).count();
        purposes.push(purpose.clone());
        if before == 0 {
            purpose
        } else {
            format!("{purpose}-{}", before + 1)
        }
    }
}
