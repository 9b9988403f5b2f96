//! A probe pod on the cluster: created, heard, and taken away again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::{Api, ResourceExt, api::LogParams, core::DynamicObject};
use plimsoll_platform::{
    Condition, CreateError, Deadline, DeadlineKind, DeleteError, Grace, Namespace, WaitError, Watched, chain,
    pods,
};
use plimsoll_probe::{Report, Transcript};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    ProbePod, Ruling,
    preparation::{Prepared, unless_unprepared},
};
use crate::{CheckError, Patience};

/// How many pods in a row a node may fail to prepare devices for. Its kubelet tries the same pod again only after
/// a minute or more, so a claim it could not read yet, or a driver that just restarts, is tried with a new pod.
const PODS: usize = 3;

/// A probe pod that was created. Clones are the same pod.
#[derive(Clone)]
pub struct LivePod {
    namespace: Namespace,
    manifest: Value,
    current: Arc<Mutex<Current>>,
}

#[derive(Clone)]
struct Current {
    object: DynamicObject,
    created: Instant,
    /// How many pods were created in its place, itself included.
    pods: usize,
}

impl LivePod {
    /// Creates the pod.
    ///
    /// # Errors
    /// When the API server or something it asks refuses the pod.
    pub async fn create(namespace: &Namespace, pod: &ProbePod) -> Result<Self, CreateError> {
        let manifest = pod.manifest();
        let current = born(namespace, &manifest, 1).await?;
        Ok(Self {
            namespace: namespace.clone(),
            manifest,
            current: Arc::new(Mutex::new(current)),
        })
    }

    fn current(&self) -> Current {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.current().object.name_any()
    }

    /// Its uid.
    #[must_use]
    pub fn uid(&self) -> String {
        self.current().object.uid().unwrap_or_default()
    }

    /// How long ago it was created.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.current().created.elapsed()
    }

    /// How many pods it took until a node could prepare its devices.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.current().pods
    }

    /// Its like in the API.
    #[must_use]
    pub fn api(&self) -> Api<Pod> {
        self.namespace.api()
    }

    /// A watch of it.
    #[must_use]
    pub fn watched(&self) -> Watched<Pod> {
        Watched::one(self.api(), &self.name())
    }

    /// Waits until the pod is as the condition demands.
    ///
    /// # Errors
    /// As [`Watched::until`].
    pub async fn until(&self, condition: impl Condition<Pod>, deadline: Deadline) -> Result<Pod, WaitError> {
        let seen = self.watched().until(condition, deadline).await?;
        seen.one()
            .cloned()
            .ok_or_else(|| WaitError::Obstructed(format!("pod `{}` is gone", self.name())))
    }

    /// Waits until every container was started. When its node says that it can't prepare the pod's devices, the
    /// pod is made anew, a few times.
    ///
    /// # Errors
    /// As [`Watched::until`].
    pub async fn started(&self, patience: &Patience) -> Result<Pod, WaitError> {
        loop {
            let error = match self.started_or_unprepared(patience).await {
                Ok(pod) => return Ok(pod),
                Err(Start::Failed(error)) => return Err(error),
                Err(Start::Unprepared(error)) => error,
            };
            let pods = self.pods();
            if pods >= PODS {
                let why = match error {
                    WaitError::Elapsed { last, .. } => last,
                    other => chain(&other),
                };
                return Err(WaitError::Never(format!(
                    "{pods} pods in a row failed to start: {why}"
                )));
            }
            self.remove(patience)
                .await
                .map_err(|error| WaitError::Obstructed(chain(&error)))?;
            let next = born(&self.namespace, &self.manifest, pods + 1).await;
            let next = next.map_err(|error| WaitError::Obstructed(chain(&error)))?;
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
    }

    async fn started_or_unprepared(&self, patience: &Patience) -> Result<Pod, Start> {
        let deadline = patience.pod_start();
        let uid = self.uid();
        let is_this = move |pod: &ObjectReference| pod.uid.as_deref() == Some(&uid);
        let started = self.until(pods::started(), deadline);
        match unless_unprepared(started, self.namespace.api(), is_this, deadline).await {
            Prepared::Ended(started) => started.map_err(Start::Failed),
            Prepared::Unprepared(_) => {
                // What the platform says of it at the end.
                let last = Deadline {
                    name: "device preparation",
                    kind: DeadlineKind::Patience,
                    within: Duration::ZERO,
                };
                match self.until(pods::started(), last).await {
                    Ok(pod) => Ok(pod),
                    Err(error) if error.blames_platform() => Err(Start::Unprepared(error)),
                    Err(error) => Err(Start::Failed(error)),
                }
            }
        }
    }

    /// Reads what the probe of a container that was started reports.
    ///
    /// A log that is followed can be cut short and get the kubelet's own complaints mixed in. So before a log is
    /// said to lack something, it is read once more as a whole, and that reading decides.
    ///
    /// # Errors
    /// When the probe does not do its work.
    pub async fn report(&self, container: &str, patience: &Patience) -> Result<Transcript, WaitError> {
        let whole = patience.report();
        let soon = Deadline {
            within: whole.within / 6,
            ..whole
        };
        let transcript = match self.follow(container, soon).await {
            Ok(transcript) => transcript,
            Err(_) => match self.read_all(container).await {
                Some(transcript) => transcript,
                None => match self.follow(container, whole).await {
                    Ok(transcript) => transcript,
                    Err(error) => self.read_all(container).await.ok_or(error)?,
                },
            },
        };
        match &transcript.failed {
            None => Ok(transcript),
            Some(failed) => Err(WaitError::Obstructed(format!(
                "the probe in container `{container}` of pod `{}` failed: {}",
                self.name(),
                failed.reason
            ))),
        }
    }

    async fn follow(&self, container: &str, deadline: Deadline) -> Result<Transcript, WaitError> {
        let mut transcript = Transcript::default();
        let take = |line: &str| {
            if let Ok(report) = Report::from_line(line) {
                transcript.add(report);
            }
            transcript.is_over().then_some(())
        };
        pods::log_until(&self.api(), &self.name(), container, take, deadline).await?;
        Ok(transcript)
    }

    /// The whole report, if it is there already.
    async fn read_all(&self, container: &str) -> Option<Transcript> {
        let params = LogParams {
            container: Some(container.to_owned()),
            ..LogParams::default()
        };
        let log = self.api().logs(&self.name(), &params).await.ok()?;
        Some(Transcript::from_log(&log)).filter(Transcript::is_over)
    }

    /// Deletes the pod and waits until its node has let go of it.
    ///
    /// # Errors
    /// When it can't be deleted, or does not go.
    pub async fn remove(&self, patience: &Patience) -> Result<(), RemoveError> {
        let object = self.current().object;
        self.namespace.delete(&object, Grace::SHORT).await?;
        let gone = pods::gone(object.uid().unwrap_or_default());
        self.watched().until(gone, patience.deletion()).await?;
        Ok(())
    }
}

/// How a pod did not start.
enum Start {
    /// Its node could not prepare its devices.
    Unprepared(WaitError),
    /// Otherwise.
    Failed(WaitError),
}

async fn born(namespace: &Namespace, manifest: &Value, pods: usize) -> Result<Current, CreateError> {
    let created = Instant::now();
    let object = namespace.create(manifest.clone()).await?;
    Ok(Current {
        object,
        created,
        pods,
    })
}

/// A pod of ours did not go.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It could not be deleted.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// It was deleted and stays.
    #[error(transparent)]
    Stays(#[from] WaitError),
}

impl RemoveError {
    /// What it says of the platform under test that the pod did not go.
    #[must_use]
    pub fn ruling(&self, what: &str) -> Ruling {
        match self {
            Self::Delete(error) => Ruling::Undecided(format!("{what}: {}", chain(error))),
            Self::Stays(error) => unmet(what, error),
        }
    }
}

impl From<RemoveError> for CheckError {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Delete(DeleteError { what, source }) => Self::Api {
                what: format!("delete {what}"),
                source,
            },
            RemoveError::Stays(source) => Self::Wait {
                on: "a probe pod to go".to_owned(),
                source,
            },
        }
    }
}

/// What a wait that did not end well says of the platform under test.
#[must_use]
pub fn unmet(what: &str, error: &WaitError) -> Ruling {
    let detail = format!("{what}: {}", chain(error));
    if error.blames_platform() {
        Ruling::Wrong(detail)
    } else {
        Ruling::Undecided(detail)
    }
}
