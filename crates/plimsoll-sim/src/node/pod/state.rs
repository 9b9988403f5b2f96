//! What the kubelet knows of a pod's containers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

use crate::node::{
    network::Endpoint,
    runtime::{Container, Ended, Volume},
};

/// The first and the longest pause before a container that ended is started again.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// A container that ends so long after its last start is not held to its past.
const FORGIVEN: Duration = Duration::from_secs(600);

/// A pod on its node.
#[derive(Debug, Default)]
pub(super) struct PodState {
    /// When the kubelet first saw it.
    pub(super) start_time: Option<String>,
    /// Whether its claims are prepared.
    pub(super) prepared: bool,
    /// Before when not to try again what is needed before any container.
    pub(super) not_before: Option<Instant>,
    /// Its sandbox.
    pub(super) sandbox: Option<Sandbox>,
    /// Whether a container was tried to be started: from then on its address is told.
    pub(super) has_tried: bool,
    /// Its containers, by name.
    pub(super) containers: BTreeMap<String, ContainerState>,
    /// Its volumes, by name.
    pub(super) volumes: BTreeMap<String, Volume>,
    /// Whether it has come to its end, for whatever reason.
    pub(super) is_over: bool,
    /// Why it was ended, where its containers don't tell.
    pub(super) verdict: Option<Verdict>,
}

/// Why a pod failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reason: String,
    pub(super) message: String,
}

/// What a pod's containers share.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub(super) address: Ipv4Addr,
    pub(super) endpoint: Endpoint,
    /// Whether it is there still.
    pub(super) is_alive: bool,
}

/// One container through its restarts.
#[derive(Debug, Default)]
pub(super) struct ContainerState {
    /// The container that runs, or ran last.
    pub(super) current: Option<Container>,
    /// The one before it.
    pub(super) previous: Option<Container>,
    /// How often it was started again.
    pub(super) restarts: u32,
    /// Why it is not started: reason and message.
    pub(super) waiting: Option<(String, String)>,
    /// Before when not to try again to start it.
    pub(super) not_before: Option<Instant>,
    /// Whether its startup probe has succeeded.
    pub(super) is_started: bool,
    /// Whether its readiness probe has.
    pub(super) is_ready: bool,
    /// As whom it runs, once that is known.
    pub(super) user: Option<u32>,
    backoff: Option<Backoff>,
}

#[derive(Clone, Copy, Debug)]
struct Backoff {
    pause: Duration,
    since: Instant,
}

impl ContainerState {
    /// Whether it runs now.
    pub(super) fn is_running(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|container| container.ended().is_none())
    }

    /// How it ended, if it is not running any more.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.current.as_ref().and_then(Container::ended)
    }

    /// Takes in a container that was started.
    pub(super) fn begin(&mut self, container: Container) {
        if let Some(last) = self.current.take() {
            self.restarts += 1;
            self.previous = Some(last);
        }
        self.current = Some(container);
        self.waiting = None;
        self.not_before = None;
        self.is_started = false;
        self.is_ready = false;
    }

    /// Until when to wait before it is started again, and how long that is in all; none if it may be at once, which then
    /// counts.
    pub(super) fn back_off(&mut self, finished: Instant) -> Option<(Instant, Duration)> {
        let now = Instant::now();
        let known = self
            .backoff
            .filter(|backoff| finished.saturating_duration_since(backoff.since) <= FORGIVEN);
        let pause = match known {
            Some(backoff) if now < finished + backoff.pause => {
                return Some((finished + backoff.pause, backoff.pause));
            }
            Some(backoff) => (backoff.pause * 2).min(BACKOFF.1),
            None => BACKOFF.0,
        };
        self.backoff = Some(Backoff { pause, since: now });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_container_waits_twice_as_long_after_each_end_until_it_is_forgiven() {
        let mut container = ContainerState::default();
        assert_eq!(container.back_off(Instant::now()), None, "the first time at once");
        let second = Instant::now();
        let (until, pause) = container.back_off(second).unwrap();
        assert_eq!((until - second, pause), (BACKOFF.0, BACKOFF.0));
        tokio::time::advance(BACKOFF.0).await;
        assert_eq!(container.back_off(second), None);
        let (until, pause) = container.back_off(Instant::now()).unwrap();
        assert_eq!((until - Instant::now(), pause), (BACKOFF.0 * 2, BACKOFF.0 * 2));
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert_eq!(container.back_off(Instant::now()), None);
        assert_eq!(container.back_off(Instant::now()).unwrap().1, BACKOFF.0);
    }
}
