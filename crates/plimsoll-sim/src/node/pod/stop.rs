//! Taking a pod down.

use std::time::Duration;

use futures::future::join_all;
use plimsoll_apiserver::elapse;
use serde_json::Value;

use super::{
    Leave, PodWorker,
    restart::{Role, containers, name},
};
use crate::{node::ground::Kind, node::runtime::Container, platform::Latencies};

/// Containers have at least this long, so that they need not be killed for nothing.
const SHORTEST_GRACE: Duration = Duration::from_secs(2);

impl PodWorker {
    /// Ends the pod: its containers, then what it holds, and last its object.
    pub(super) async fn take_leave(&self, leave: Leave) {
        self.publish().await;
        self.state().is_over = true;
        self.stop_all(leave.grace).await;
        self.take_down();
        self.publish().await;
        self.release().await;
        elapse(Latencies::of(self.ground.latencies.pod_removal_ms)).await;
        self.publish().await;
        self.kubelet.forget(&self.uid);
        self.remove(leave).await;
    }

    /// Gives back what a pod held that ended by itself.
    pub(super) async fn settle(&self) {
        self.stop_all(Duration::ZERO).await;
        self.take_down();
        self.publish().await;
        self.release().await;
        self.publish().await;
    }

    /// Takes the sandbox down, and with it the pod's place on the network.
    fn take_down(&self) {
        let address = match &mut self.state().sandbox {
            Some(sandbox) if sandbox.is_alive => {
                sandbox.is_alive = false;
                sandbox.address
            }
            Some(_) | None => return,
        };
        if address != self.kubelet.address() {
            self.ground.fabric.unplug(address.into());
            self.kubelet.addresses().give_back(address);
        }
    }

    /// Gives back devices and claims.
    async fn release(&self) {
        let takes = Latencies::of(self.ground.latencies.device_prepare_ms) / 3;
        let given_back = self.kubelet.claims.unprepare(&self.uid, takes).await;
        for accelerator in given_back {
            self.kubelet.machine.clear(accelerator.number);
        }
        self.kubelet.devices.release(&self.uid);
        self.kubelet.processors.release(&self.uid);
    }

    /// Stops all containers: sidecars after those that they are for, the last one first.
    pub(super) async fn stop_all(&self, grace: Duration) {
        let pod = self.pod();
        let (sidecars, others): (Vec<_>, Vec<_>) = self
            .running(&pod)
            .into_iter()
            .partition(|(_, role, _)| *role == Role::Sidecar);
        join_all(
            others
                .into_iter()
                .map(|(container, role, running)| self.stop(container, role, running, grace)),
        )
        .await;
        for (container, role, running) in sidecars.into_iter().rev() {
            self.stop(container, role, running, grace).await;
        }
    }

    /// Stops the sidecars of a pod whose other containers have ended.
    pub(super) async fn end_sidecars(&self, pod: &Value) {
        let grace = pod["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or(super::GRACE);
        self.state().is_over = true;
        for (container, role, running) in self.running(pod).into_iter().rev() {
            self.stop(container, role, running, Duration::from_secs(grace))
                .await;
        }
    }

    fn running<'a>(&self, pod: &'a Value) -> Vec<(&'a Value, Role, Container)> {
        let state = self.state();
        containers(pod)
            .into_iter()
            .filter_map(|(container, role)| {
                let own = state.containers.get(name(container))?;
                let running = own.current.clone().filter(|_| own.is_running())?;
                Some((container, role, running))
            })
            .collect()
    }

    async fn stop(&self, container: &Value, role: Role, running: Container, grace: Duration) {
        let message = format!("Stopping container {}", name(container));
        self.tell_of(container, role, Kind::Normal, "Killing", &message)
            .await;
        running.stop(grace.max(SHORTEST_GRACE)).await;
    }

    /// Its node is without power: nothing of it runs, and nobody is told.
    pub(super) fn lose_power(&self) {
        let mut state = self.state();
        for container in state.containers.values() {
            if let Some(running) = &container.current {
                running.kill();
            }
        }
        if let Some(sandbox) = &mut state.sandbox {
            sandbox.is_alive = false;
            self.ground.fabric.unplug(sandbox.address.into());
        }
    }
}
