//! A pod on its node, from its arrival to its removal.
//!
//! A [`PodWorker`] does for one pod what a kubelet does: it lets the pod in ([`admission`]), brings about what its
//! manifest asks for ([`sync`], [`start`]) again and again as things happen, tells how it stands ([`status`], [`phase`]),
//! and takes it down ([`stop`]).

mod admission;
mod environment;
mod image;
mod phase;
mod probing;
mod restart;
mod start;
mod state;
mod status;
mod stop;
mod sync;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use plimsoll_apiserver::{DeleteOptions, Object, resources};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    ground::{Ground, Kind},
    kubelet::Kubelet,
    runtime::Container,
};
use state::PodState;
use status::Context;

/// How long a pod may take its leave that says nothing of it.
const GRACE: u64 = 30;

/// What a kubelet does for one pod.
pub(crate) struct PodWorker {
    ground: Arc<Ground>,
    kubelet: Arc<Kubelet>,
    namespace: String,
    name: String,
    uid: String,
    state: Mutex<PodState>,
    /// What the API last said; also changed by whatever else is news of the pod.
    latest: watch::Sender<Latest>,
    me: Weak<Self>,
}

/// What the API last said of a pod.
#[derive(Clone, Debug)]
struct Latest {
    pod: Object,
    is_gone: bool,
}

/// How a pod is asked to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leave {
    grace: Duration,
    /// Whether the API has forgotten it already.
    is_gone: bool,
}

impl PodWorker {
    /// A worker for a pod that is bound to the kubelet's node.
    pub(crate) fn new(ground: &Arc<Ground>, kubelet: &Arc<Kubelet>, pod: &Object) -> Arc<Self> {
        let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
        Arc::new_cyclic(|me| Self {
            ground: Arc::clone(ground),
            kubelet: Arc::clone(kubelet),
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
            state: Mutex::default(),
            latest: watch::Sender::new(Latest {
                pod: Arc::clone(pod),
                is_gone: false,
            }),
            me: me.clone(),
        })
    }

    /// Something else than the API has news of the pod.
    pub(crate) fn look_again(&self) {
        self.latest.send_modify(|_| {});
    }

    /// Takes in what the API says of the pod.
    pub(crate) fn update(&self, pod: &Object) {
        self.latest.send_modify(|latest| latest.pod = Arc::clone(pod));
    }

    /// The API has forgotten the pod.
    pub(crate) fn gone(&self) {
        self.latest.send_modify(|latest| latest.is_gone = true);
    }

    /// Does all that there is to do for the pod, until it is gone.
    pub(crate) async fn run(self: Arc<Self>) {
        self.kubelet.connected().await;
        if !self.admit().await {
            let leave = self.asked_to_leave().await;
            self.kubelet.forget(&self.uid);
            self.remove(leave).await;
            return;
        }
        let leave = loop {
            tokio::select! {
                biased;
                leave = self.asked_to_leave() => break Some(leave),
                () = self.kubelet.power_loss() => {
                    self.lose_power();
                    self.kubelet.connected().await;
                }
                () = self.live() => break None,
            }
        };
        match leave {
            Some(leave) => self.take_leave(leave).await,
            None => {
                // It came to its end by itself: what it held is free, what it said remains.
                self.settle().await;
                let leave = self.asked_to_leave().await;
                self.kubelet.forget(&self.uid);
                self.remove(leave).await;
            }
        }
    }

    /// Waits until the pod is to go.
    async fn asked_to_leave(&self) -> Leave {
        let mut latest = self.latest.subscribe();
        let to_go =
            |latest: &Latest| latest.is_gone || !latest.pod["metadata"]["deletionTimestamp"].is_null();
        let Ok(latest) = latest.wait_for(to_go).await else {
            return std::future::pending().await;
        };
        let own = &latest.pod["metadata"]["deletionGracePeriodSeconds"];
        let usual = &latest.pod["spec"]["terminationGracePeriodSeconds"];
        let grace = match (latest.is_gone, own.as_u64()) {
            (true, _) => 0,
            (false, Some(own)) => own,
            (false, None) => usual.as_u64().unwrap_or(GRACE),
        };
        Leave {
            grace: Duration::from_secs(grace),
            is_gone: latest.is_gone,
        }
    }

    /// Removes the pod from the API, if it is there still.
    async fn remove(&self, leave: Leave) {
        if leave.is_gone {
            return;
        }
        self.kubelet.connected().await;
        let options = DeleteOptions {
            uid: Some(self.uid.clone()),
            grace_seconds: Some(0),
            ..DeleteOptions::default()
        };
        // Somebody else may have been faster.
        let _ = self
            .ground
            .api
            .delete(&resources::PODS, Some(&self.namespace), &self.name, options)
            .await;
    }

    /// What the API last said of the pod.
    fn pod(&self) -> Object {
        Arc::clone(&self.latest.borrow().pod)
    }

    fn state(&self) -> MutexGuard<'_, PodState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes how the pod stands, where that is news.
    async fn publish(&self) {
        self.kubelet.connected().await;
        let Some(pod) = self.current() else { return };
        let status = {
            let health = |container: &Value| {
                let mut health = self.kubelet.claims.health(&pod, container);
                health.extend(self.kubelet.devices.health(&self.uid, restart::name(container)));
                health
            };
            status::status(&pod, &self.state(), &self.context(&health))
        };
        self.write(&pod, status).await;
    }

    /// The pod as the API has it, unless it is another of that name.
    fn current(&self) -> Option<Object> {
        let api = &self.ground.api;
        let pod = api.get(&resources::PODS, Some(&self.namespace), &self.name)?;
        (pod["metadata"]["uid"] == self.uid.as_str()).then_some(pod)
    }

    fn context<'a>(&self, device_health: &'a dyn Fn(&Value) -> Vec<Value>) -> Context<'a> {
        Context {
            host_ip: self.kubelet.address().to_string(),
            now: self.ground.api.now(),
            minor: self.kubelet.minor,
            device_health,
        }
    }

    async fn write(&self, pod: &Value, status: Value) {
        if pod["status"] == status {
            return;
        }
        // A pod that was removed meanwhile has no status any more.
        let _ = self
            .ground
            .api
            .merge(
                &resources::PODS,
                Some(&self.namespace),
                &self.name,
                Some("status"),
                json!({"status": status}),
            )
            .await;
    }

    /// Tells something about the pod.
    async fn tell(&self, kind: Kind, reason: &str, message: &str) {
        self.ground.tell(&self.pod(), kind, reason, message).await;
    }

    /// Tells something about one of its containers.
    async fn tell_of(&self, container: &Value, role: restart::Role, kind: Kind, reason: &str, message: &str) {
        let mut about = (*self.pod()).clone();
        let name = restart::name(container);
        about["fieldPath"] = json!(format!("spec.{}{{{name}}}", role.list()));
        self.ground.tell(&about, kind, reason, message).await;
    }

    /// The container of that name: the one that runs or ran last, or the one before.
    pub(crate) fn container(&self, name: &str, previous: bool) -> Option<Container> {
        let state = self.state();
        let container = state.containers.get(name)?;
        if previous {
            container.previous.clone()
        } else {
            container.current.clone()
        }
    }

    /// The name that messages give a pod.
    fn title(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.uid)
    }
}
