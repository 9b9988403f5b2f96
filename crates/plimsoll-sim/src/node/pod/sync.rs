//! Bringing about what a pod's manifest asks for, one step after the other, again whenever something happened.

use std::time::Duration;

use plimsoll_apiserver::{Object, elapse, resources};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    PodWorker,
    restart::{Role, containers, is_restarted, name},
    start::Problem,
    state::{Sandbox, Verdict},
};
use crate::{
    node::{ground::Kind, images::told, runtime::Ended},
    platform::Latencies,
};

/// After how long a kubelet looks at a pod again that it could not prepare devices for.
const RESYNC: Duration = Duration::from_secs(60);

/// After how long it tries again what failed otherwise.
pub(super) const RETRY: Duration = Duration::from_secs(10);

/// After how long it notices what happened to its containers, and looks at their pod again.
pub(super) const RELIST: Duration = Duration::from_secs(1);

/// The first two are spread by up to that.
const SPREAD_PERCENT: u64 = 50;

/// What came of one container.
enum Step {
    /// It is as it should be, and what comes after it may come.
    Done,
    /// It is under way, or has to wait until then; what comes after it waits too if it has to.
    Wait(Option<Instant>),
    /// The pod can't come to anything any more.
    Over,
}

impl PodWorker {
    /// Keeps the pod as it should be, until it comes to its end.
    pub(super) async fn live(&self) {
        let now = self.ground.api.now();
        self.state().start_time.get_or_insert(now);
        let began = Instant::now();
        let mut latest = self.latest.subscribe();
        loop {
            // What happens from here on is looked at again.
            latest.mark_unchanged();
            let pod = self.pod();
            let expiry = pod["spec"]["activeDeadlineSeconds"]
                .as_u64()
                .map(|seconds| began + Duration::from_secs(seconds));
            if expiry.is_some_and(|expiry| Instant::now() >= expiry) {
                self.expire().await;
                return;
            }
            // How it stands comes before what is done about it.
            self.publish().await;
            let next = self.sync(&pod).await;
            self.publish().await;
            if self.state().is_over {
                return;
            }
            let news = latest.changed();
            match next.into_iter().chain(expiry).min() {
                // Either way it is time to look again.
                Some(at) => drop(timeout_at(at, news).await),
                None => drop(news.await),
            }
        }
    }

    /// Does what can be done now. When to look again, if not only when something happens.
    async fn sync(&self, pod: &Object) -> Option<Instant> {
        let not_before = self.state().not_before;
        if let Some(at) = not_before.filter(|at| Instant::now() < *at) {
            return Some(at);
        }
        if let Err(problem) = self.set_up(pod).await {
            let again = self.again(&problem);
            self.state().not_before = Some(again);
            return Some(again);
        }
        let mut next: Option<Instant> = None;
        for (container, role) in containers(pod) {
            let step = self.advance(pod, container, role).await;
            match (step, role) {
                (Step::Done, _) => {}
                (Step::Over, _) => {
                    self.end_sidecars(pod).await;
                    self.state().is_over = true;
                    return None;
                }
                (Step::Wait(at), _) => {
                    next = next.into_iter().chain(at).min();
                    let has_begun = self.has_begun(pod);
                    if matches!(role, Role::Init | Role::Sidecar) && !has_begun {
                        return next;
                    }
                }
            }
        }
        if self.is_done(pod) {
            self.end_sidecars(pod).await;
            self.state().is_over = true;
        }
        next
    }

    /// Volumes, claims and the sandbox.
    async fn set_up(&self, pod: &Object) -> Result<(), Problem> {
        self.set_up_volumes(pod).await?;
        if !self.state().prepared {
            let takes = Latencies::of(self.ground.latencies.device_prepare_ms);
            if let Err(reason) = self.kubelet.claims.prepare(&self.ground.api, pod, takes).await {
                let operation = if self.kubelet.minor >= 34 {
                    "prepare dynamic resources: "
                } else {
                    ""
                };
                let message = format!("Failed to prepare dynamic resources: {operation}{reason}");
                self.tell(Kind::Warning, "FailedPrepareDynamicResources", &message)
                    .await;
                let again = Instant::now() + self.ground.jittered(RESYNC, SPREAD_PERCENT);
                return Err(Problem::new("FailedPrepareDynamicResources", message).again_at(again));
            }
            self.state().prepared = true;
        }
        let is_alive = self
            .state()
            .sandbox
            .as_ref()
            .is_some_and(|sandbox| sandbox.is_alive);
        if !is_alive {
            self.make_sandbox(pod).await?;
            self.publish().await;
        }
        Ok(())
    }

    async fn set_up_volumes(&self, pod: &Object) -> Result<(), Problem> {
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let own = name(volume);
            for (source, field, of) in [
                ("configMap", "name", &resources::CONFIG_MAPS),
                ("secret", "secretName", &resources::SECRETS),
            ] {
                let source = &volume[source];
                let Some(wanted) = source[field].as_str() else {
                    continue;
                };
                let there = self.ground.api.get(of, Some(&self.namespace), wanted);
                if there.is_none() && source["optional"] != true {
                    let kind = of.resource.trim_end_matches('s');
                    let message = format!(
                        "MountVolume.SetUp failed for volume \"{own}\" : {kind} \"{wanted}\" not found"
                    );
                    self.tell(Kind::Warning, "FailedMount", &message).await;
                    return Err(Problem::new("FailedMount", message));
                }
            }
            self.state().volumes.entry(own.to_owned()).or_default();
        }
        Ok(())
    }

    async fn make_sandbox(&self, pod: &Object) -> Result<(), Problem> {
        elapse(Latencies::of(self.ground.latencies.sandbox_ms)).await;
        if let Some(handler) = self.handler(pod)
            && handler != "runc"
            && !self.kubelet.handlers.contains(&handler)
        {
            let message = format!(
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no \
                 runtime for \"{handler}\" is configured"
            );
            self.tell(Kind::Warning, "FailedCreatePodSandBox", &message).await;
            return Err(Problem::new("FailedCreatePodSandBox", message));
        }
        let address = if pod["spec"]["hostNetwork"] == true {
            self.kubelet.address()
        } else {
            let earlier = self.state().sandbox.as_ref().map(|sandbox| sandbox.address);
            let free = self.kubelet.addresses().take();
            if let Some(earlier) = earlier {
                self.kubelet.addresses().give_back(earlier);
            }
            match free {
                Some(address) => address,
                None => {
                    let message =
                        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup \
                                   network for sandbox: no IP addresses available in range set"
                            .to_owned();
                    self.tell(Kind::Warning, "FailedCreatePodSandBox", &message).await;
                    return Err(Problem::new("FailedCreatePodSandBox", message));
                }
            }
        };
        let endpoint = self.ground.fabric.plug_in(address.into());
        self.state().sandbox = Some(Sandbox {
            address,
            endpoint,
            is_alive: true,
        });
        Ok(())
    }

    /// The handler of the pod's RuntimeClass.
    pub(super) fn handler(&self, pod: &Value) -> Option<String> {
        let class = pod["spec"]["runtimeClassName"].as_str()?;
        let class = self.ground.api.get(&resources::RUNTIME_CLASSES, None, class)?;
        class["handler"].as_str().map(str::to_owned)
    }

    /// Brings one container on.
    async fn advance(&self, pod: &Object, container: &Value, role: Role) -> Step {
        let (is_running, is_started, ended, not_before) = {
            let mut state = self.state();
            let own = state.containers.entry(name(container).to_owned()).or_default();
            (own.is_running(), own.is_started, own.ended(), own.not_before)
        };
        if is_running {
            return match role {
                Role::Init => Step::Wait(None),
                Role::Sidecar if !is_started => Step::Wait(None),
                Role::Sidecar | Role::Main | Role::Ephemeral => Step::Done,
            };
        }
        if let Some(at) = not_before.filter(|at| Instant::now() < *at) {
            return Step::Wait(Some(at));
        }
        if let Some(ended) = ended {
            if role == Role::Init && ended.code == 0 {
                return Step::Done;
            }
            if !is_restarted(pod, container, role, ended.code) {
                return if role == Role::Init {
                    Step::Over
                } else {
                    Step::Done
                };
            }
            if role == Role::Init && self.has_begun(pod) {
                return Step::Done;
            }
            if let Some(until) = self.back_off(container, role, &ended).await {
                return Step::Wait(Some(until));
            }
        }
        self.state().has_tried = true;
        match self.start(pod, container, role).await {
            Ok(()) if role == Role::Init => Step::Wait(None),
            Ok(()) => {
                let state = self.state();
                let is_started = state
                    .containers
                    .get(name(container))
                    .is_some_and(|own| own.is_started);
                if role == Role::Sidecar && !is_started {
                    Step::Wait(None)
                } else {
                    Step::Done
                }
            }
            Err(problem) => {
                let again = self.again(&problem);
                if let Some(own) = self.state().containers.get_mut(name(container)) {
                    own.waiting = Some((problem.reason.to_owned(), problem.message));
                    own.not_before = Some(again);
                }
                Step::Wait(Some(again))
            }
        }
    }

    /// Whether a container that ended has to wait before it starts again, and until when.
    async fn back_off(&self, container: &Value, role: Role, ended: &Ended) -> Option<Instant> {
        let own = name(container);
        let (until, is_news) = {
            let mut state = self.state();
            let state = state.containers.get_mut(own)?;
            let (until, pause) = state.back_off(ended.moment)?;
            let message = format!(
                "back-off {} restarting failed container={own} pod={}",
                told(pause),
                self.title()
            );
            let waiting = Some(("CrashLoopBackOff".to_owned(), message));
            let is_news = state.waiting != waiting;
            state.waiting = waiting;
            (until, is_news)
        };
        if is_news {
            let message = format!(
                "Back-off restarting failed container {own} in pod {}",
                self.title()
            );
            self.tell_of(container, role, Kind::Warning, "BackOff", &message)
                .await;
        }
        Some(until)
    }

    /// When to try again what failed.
    fn again(&self, problem: &Problem) -> Instant {
        let usual = || Instant::now() + self.ground.jittered(RETRY, SPREAD_PERCENT);
        problem.again.unwrap_or_else(usual)
    }

    /// Whether one of the containers that the pod is for was started.
    fn has_begun(&self, pod: &Value) -> bool {
        let state = self.state();
        containers(pod).into_iter().any(|(container, role)| {
            role == Role::Main
                && state
                    .containers
                    .get(name(container))
                    .is_some_and(|own| own.current.is_some())
        })
    }

    /// Whether all containers that the pod is for have ended for good.
    fn is_done(&self, pod: &Value) -> bool {
        let state = self.state();
        let main: Vec<_> = containers(pod)
            .into_iter()
            .filter(|(_, role)| *role == Role::Main)
            .collect();
        !main.is_empty()
            && main.into_iter().all(|(container, role)| {
                let ended = state
                    .containers
                    .get(name(container))
                    .and_then(super::state::ContainerState::ended);
                ended.is_some_and(|ended| !is_restarted(pod, container, role, ended.code))
            })
    }

    /// The pod has been there for as long as it may.
    async fn expire(&self) {
        let message = "Pod was active on the node longer than the specified deadline";
        self.tell(Kind::Normal, "DeadlineExceeded", message).await;
        self.state().verdict = Some(Verdict {
            reason: "DeadlineExceeded".to_owned(),
            message: message.to_owned(),
        });
        self.stop_all(Duration::from_secs(super::GRACE)).await;
        self.state().is_over = true;
    }
}
