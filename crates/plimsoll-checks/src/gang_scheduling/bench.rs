//! One control's workplace: slots, a name under which its pods are found, and the timeline of what they did.
//!
//! A [`Bench`] makes gangs, ballast and lone pods, watches them into its [`Timeline`] and takes them away. It
//! decides nothing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, core::DynamicObject};
use plimsoll_platform::{
    Condition, Deadline, DeadlineKind, Grace, Namespace, Progress, Seen, WaitError, Watched, wait::pods,
};
use serde_json::json;

use super::{
    adapter::Adapter,
    duty::Duty,
    slots::Slots,
    timeline::{Sight, Timeline},
};
use crate::{CheckError, Context, Trial, probe_pod::ProbePod};

/// The label by which all pods of a bench are found; also what keeps two of them off one node.
pub(super) const BENCH: &str = "plimsoll.dev/bench";
/// The label by which the members of a gang are found.
pub(super) const GANG: &str = "plimsoll.dev/gang";
/// The label that tells members of a gang apart.
pub(super) const RANK: &str = "plimsoll.dev/rank";

/// See the module.
pub(super) struct Bench {
    /// What the check was given.
    pub context: Context,
    /// The solution on trial.
    pub adapter: &'static dyn Adapter,
    /// What is scarce.
    pub slots: Arc<Slots>,
    pub(super) namespace: Namespace,
    pub(super) name: String,
    began: Instant,
    timeline: Arc<Mutex<Timeline>>,
    twins: AtomicUsize,
}

impl Bench {
    /// A bench called `name`, unique within the trial's namespace.
    pub(super) fn new(on: &Trialled, slots: &Arc<Slots>, name: impl Into<String>) -> Self {
        Self {
            context: on.context.clone(),
            adapter: on.adapter,
            slots: Arc::clone(slots),
            namespace: on.namespace.clone(),
            name: name.into(),
            began: Instant::now(),
            timeline: Arc::default(),
            twins: AtomicUsize::new(0),
        }
    }

    /// Creates a pod of no gang that takes `slots` slots and runs until it is deleted.
    pub(super) async fn lone(&self, name: &str, slots: usize) -> Result<DynamicObject, CheckError> {
        let name = format!("{}-{name}", self.name);
        let container = self.slots.grant(Duty::Stay.container(&name, 0, 1), slots);
        self.create(&self.pod(name.clone(), &name, slots).container(container), slots)
            .await
    }

    /// Takes what the slots' node has beyond the slots out of the way, for as long as the trial lasts.
    pub(super) async fn fill_spare(&self) -> Result<(), CheckError> {
        let spare = self.slots.spare();
        if spare == 0 {
            return Ok(());
        }
        let filler = self.lone("filler", spare).await?;
        self.bound(&filler.name_any(), 1, self.context.patience.scheduling())
            .await
            .map_err(|source| CheckError::Wait {
                on: format!("{spare} accelerators beyond the slots"),
                source,
            })
    }

    /// A pod of this bench, without its container.
    pub(super) fn pod(&self, name: String, gang: &str, slots: usize) -> ProbePod {
        let pod = ProbePod::new(name.clone(), &self.context.probe)
            .label(BENCH, &self.name)
            .label(GANG, gang);
        let pod = match self.adapter.scheduler() {
            Some(scheduler) => pod.field("schedulerName", json!(scheduler)),
            None => pod,
        };
        self.slots.place(pod, &name, &self.name, slots)
    }

    pub(super) async fn create(&self, pod: &ProbePod, slots: usize) -> Result<DynamicObject, CheckError> {
        let manifest = pod.manifest();
        if slots > 0
            && let Some(claim) = self
                .slots
                .claim(manifest["metadata"]["name"].as_str().unwrap_or_default(), slots)
        {
            self.namespace.create(claim).await?;
        }
        Ok(self.namespace.create(manifest).await?)
    }

    /// Deletes pods of this bench and waits until their nodes have let go of them.
    pub(super) async fn dismiss(
        &self,
        pods: impl IntoIterator<Item = DynamicObject>,
    ) -> Result<(), CheckError> {
        let pods: Vec<DynamicObject> = pods.into_iter().collect();
        for pod in &pods {
            self.namespace
                .delete(pod, Grace::SHORT)
                .await
                .map_err(|error| CheckError::Lacking(super::chain(&error)))?;
        }
        let uids: Vec<String> = pods.iter().filter_map(ResourceExt::uid).collect();
        let gone = move |seen: &Seen<Pod>| {
            let left = seen
                .iter()
                .filter(|pod| pod.uid().is_some_and(|uid| uids.contains(&uid)))
                .count();
            if left == 0 {
                Progress::Met
            } else {
                Progress::NotYet(format!("{left} pods are still there"))
            }
        };
        let deadline = self.context.patience.deletion();
        self.everybody()
            .until(self.recorded().and(gone.called("our own pods gone")), deadline)
            .await
            .map_err(|source| CheckError::Wait {
                on: "our own pods to go".to_owned(),
                source,
            })?;
        Ok(())
    }

    /// Deletes pods whose control has been ruled on: that they go slowly is told, but changes nothing.
    pub(super) async fn part_with(&self, pods: impl IntoIterator<Item = DynamicObject>) {
        if let Err(error) = self.dismiss(pods).await {
            self.context.observe(
                format!("removing pods of bench `{}`", self.name),
                super::chain(&error).into(),
            );
        }
    }

    /// Waits until that many members of a gang, or of what was created as a lone pod, are bound.
    pub(super) async fn bound(&self, gang: &str, count: usize, deadline: Deadline) -> Result<(), WaitError> {
        self.members(gang)
            .until(self.recorded().and(pods::bound().count(count)), deadline)
            .await
            .map(drop)
    }

    /// Waits until that many have been started.
    pub(super) async fn started(
        &self,
        gang: &str,
        count: usize,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        self.members(gang)
            .until(self.recorded().and(pods::started().count(count)), deadline)
            .await
            .map(drop)
    }

    /// Waits until that many have ended well.
    pub(super) async fn succeeded(
        &self,
        gang: &str,
        count: usize,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        self.members(gang)
            .until(self.recorded().and(pods::succeeded().count(count)), deadline)
            .await
            .map(drop)
    }

    /// Whether as many lone pods as that find slots: tells a gang that was wrongly held back from one for which
    /// there was no room after all.
    pub(super) async fn has_room(&self, count: usize) -> Result<bool, CheckError> {
        let mut twins = Vec::new();
        for _ in 0..count {
            let number = self.twins.fetch_add(1, Ordering::Relaxed);
            twins.push(self.lone(&format!("twin-{number}"), 1).await?);
        }
        let deadline = Deadline {
            name: "twins",
            kind: DeadlineKind::Patience,
            within: TWINS,
        };
        let bound = twins.iter().map(|twin| {
            let name = twin.name_any();
            async move { self.bound(&name, 1, deadline).await.is_ok() }
        });
        let room = join_all(bound).await.into_iter().all(|bound| bound);
        self.part_with(twins).await;
        Ok(room)
    }

    /// The pods of a gang.
    pub(super) fn members(&self, gang: &str) -> Watched<Pod> {
        Watched::labelled(self.namespace.api(), &format!("{GANG}={gang}"))
    }

    /// All pods of the bench.
    pub(super) fn everybody(&self) -> Watched<Pod> {
        Watched::labelled(self.namespace.api(), &format!("{BENCH}={}", self.name))
    }

    /// A condition that is always met and writes down what it sees.
    pub(super) fn recorded(&self) -> impl Condition<Pod> + use<> {
        let (timeline, began) = (Arc::clone(&self.timeline), self.began);
        let record = move |seen: &Seen<Pod>| {
            let present = seen.iter().map(|pod| sight(pod, false));
            let departed = seen.departed.iter().map(|pod| sight(pod, true));
            let mut timeline = timeline.lock().unwrap_or_else(PoisonError::into_inner);
            timeline.see(began.elapsed(), departed.chain(present));
            Progress::Met
        };
        record.called(format!("pods of `{}` observed", self.name))
    }

    /// Reads the timeline.
    pub(super) fn with<T>(&self, read: impl FnOnce(&mut Timeline) -> T) -> T {
        read(&mut self.timeline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long the bench has been in use.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Keeps the timeline as evidence.
    pub(super) fn observe(&self) {
        let source = format!(
            "watch of pods with {BENCH}={} in namespace {}",
            self.name,
            self.namespace.name()
        );
        self.context.observe(
            source,
            json!({"slots": self.slots.fact(), "timeline": self.with(|timeline| timeline.fact())}),
        );
    }
}

/// What the benches of one trial have in common.
pub(super) struct Trialled {
    /// What the check was given.
    pub context: Context,
    /// Where outcomes go.
    pub trial: Trial,
    /// The solution on trial.
    pub adapter: &'static dyn Adapter,
    /// Where its pods are.
    pub namespace: Namespace,
}

/// How long lone pods may take to show that there was room.
const TWINS: Duration = Duration::from_secs(15);

/// What one look at a pod shows.
fn sight(pod: &Pod, gone: bool) -> Sight {
    let status = pod.status.as_ref();
    let states = status
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    let started = states
        .iter()
        .filter_map(|container| container.state.as_ref())
        .any(|state| state.running.is_some() || state.terminated.is_some());
    Sight {
        gang: pod.labels().get(GANG).cloned().unwrap_or_default(),
        pod: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        node: pod
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.clone())
            .filter(|node| !node.is_empty()),
        started,
        succeeded: status.and_then(|status| status.phase.as_deref()) == Some("Succeeded"),
        gone,
    }
}
