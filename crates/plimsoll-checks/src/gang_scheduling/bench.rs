//! One control's workplace: slots, a name under which its pods are found, and the timeline of what they did.
//!
//! A [`Bench`] makes gangs, ballast and lone pods, watches them into its [`Timeline`] and takes them away. It
//! decides nothing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::{
    Api, ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{
    Condition, Deadline, DeadlineKind, Grace, Namespace, Progress, Seen, WaitError, Watched, wait::pods,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{adapter::Adapter, duty::Duty, sight::Sight, slots::Slots, timeline::Timeline};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{Prepared, ProbePod, unless_unprepared},
};

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
    /// What has to go when the bench is closed.
    props: Mutex<Vec<DynamicObject>>,
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
            props: Mutex::default(),
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
        let owners = &self.context.settings.gang.labels;
        let pod = owners
            .iter()
            .fold(
                ProbePod::new(name.clone(), &self.context.probe),
                |pod, (key, value)| pod.label(key, value),
            )
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
            self.prop(claim).await?;
        }
        Ok(self.namespace.create(manifest).await?)
    }

    /// Creates something that stays until the bench is closed.
    pub(super) async fn prop(&self, manifest: Value) -> Result<DynamicObject, CheckError> {
        let object = self.namespace.create(manifest).await?;
        self.props
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(object.clone());
        Ok(object)
    }

    /// Keeps the timeline as evidence and takes everything away. Groups and claims, which have finalizers, would
    /// hold up the end of their namespace.
    pub(super) async fn close(&self) {
        let source = format!(
            "watch of pods with {BENCH}={} in namespace {}",
            self.name,
            self.namespace.name()
        );
        let timeline = self.with(|timeline| timeline.fact());
        self.context
            .observe(source, json!({"slots": self.slots.fact(), "timeline": timeline}));
        self.part_with(self.lingering().await).await;
        let props = std::mem::take(&mut *self.props.lock().unwrap_or_else(PoisonError::into_inner));
        let deletions = props
            .iter()
            .map(|object| self.namespace.delete(object, Grace::Own));
        for error in join_all(deletions).await.into_iter().filter_map(Result::err) {
            self.context.observe(
                format!("closing bench `{}`", self.name),
                super::chain(&error).into(),
            );
        }
    }

    /// Pods that still hold their slots: the filler, and what an experiment that broke off left.
    async fn lingering(&self) -> Vec<DynamicObject> {
        let pods: Api<Pod> = self.namespace.api();
        let params = ListParams::default().labels(&format!("{BENCH}={}", self.name));
        // What can't be listed now is found by its label when the run ends.
        let listed = pods
            .list(&params)
            .await
            .map(|list| list.items)
            .unwrap_or_default();
        let kind = ApiResource::erase::<Pod>(&());
        listed
            .into_iter()
            .filter(|pod| !Sight::of(pod, false).ended)
            .map(|pod| DynamicObject {
                metadata: pod.metadata.clone(),
                ..DynamicObject::new(&pod.name_any(), &kind)
            })
            .collect()
    }

    /// Deletes pods of this bench and waits until their nodes have let go of them.
    pub(super) async fn dismiss(
        &self,
        pods: impl IntoIterator<Item = DynamicObject>,
    ) -> Result<(), CheckError> {
        let pods: Vec<DynamicObject> = pods.into_iter().collect();
        if pods.is_empty() {
            return Ok(());
        }
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
            .until(self.recording(gone.called("our own pods gone")), deadline)
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

    /// Deletes pods that have ended by themselves: they hold nothing, so nobody waits for them.
    pub(super) async fn discard(&self, pods: impl IntoIterator<Item = DynamicObject>) {
        let pods: Vec<DynamicObject> = pods.into_iter().collect();
        // What can't be deleted now is found by its label when the run ends.
        join_all(pods.iter().map(|pod| self.namespace.delete(pod, Grace::SHORT))).await;
    }

    /// Parts with a gang, quickly where all of it has ended well.
    pub(super) async fn disband(&self, gang: &str, members: Vec<DynamicObject>) {
        if self.with(|timeline| timeline.succeeded(gang)) < members.len() {
            self.part_with(members).await;
        } else {
            self.discard(members).await;
        }
    }

    /// Waits until that many members of a gang, or of what was created as a lone pod, are bound.
    pub(super) async fn bound(&self, gang: &str, count: usize, deadline: Deadline) -> Result<(), WaitError> {
        self.wait(gang, pods::bound().count(count), deadline).await
    }

    /// Waits until that many have been started.
    pub(super) async fn started(
        &self,
        gang: &str,
        count: usize,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        self.wait(gang, pods::started().count(count), deadline).await
    }

    /// Waits until that many have ended well. Where a node can't prepare a member's devices there is nothing to wait
    /// for: the others give up long before its kubelet tries again.
    pub(super) async fn succeeded(
        &self,
        gang: &str,
        count: usize,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        let prefix = format!("{gang}-");
        let is_member = |pod: &ObjectReference| {
            let name = pod.name.as_deref();
            name.is_some_and(|name| name.starts_with(&prefix))
        };
        let ended = self.wait(gang, pods::succeeded().count(count), deadline);
        match unless_unprepared(ended, self.namespace.api(), is_member, deadline).await {
            Prepared::Ended(ended) => ended,
            Prepared::Unprepared(complaint) => Err(WaitError::Obstructed(complaint)),
        }
    }

    async fn wait(&self, gang: &str, condition: pods::Pods, deadline: Deadline) -> Result<(), WaitError> {
        let what = format!("{} of `{gang}`", Condition::describe(&condition));
        self.members(gang)
            .until(self.recording(condition.called(what)), deadline)
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

    /// The same condition, but everything it is shown goes into the timeline first.
    pub(super) fn recording<C: Condition<Pod>>(&self, condition: C) -> impl Condition<Pod> + use<C> {
        let (timeline, began) = (Arc::clone(&self.timeline), self.began);
        let what = condition.describe();
        let record = move |seen: &Seen<Pod>| {
            let present = seen.iter().map(|pod| Sight::of(pod, false));
            let departed = seen.departed.iter().map(|pod| Sight::of(pod, true));
            let now = began.elapsed();
            timeline
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .see(now, departed.chain(present));
            condition.progress(seen)
        };
        record.called(what)
    }

    /// Reads the timeline.
    pub(super) fn with<T>(&self, read: impl FnOnce(&mut Timeline) -> T) -> T {
        read(&mut self.timeline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long the bench has been in use.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
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
