//! The sign that a run lives: a Lease that it renews.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::task::AbortHandle;

use super::{
    CreateError, MANAGER, RunId,
    namespace::{Namespace, PodSecurity},
};
use crate::{clock::Clock, platform::Platform};

/// The Lease's name, in the namespace `plimsoll-<run>`.
pub(super) const LEASE: &str = "plimsoll-run";

/// How long the Lease holds without renewal.
pub(super) const HOLDS: Duration = Duration::from_secs(15);

/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(5);

/// Renews the run's Lease until it is dropped or stopped.
pub(super) struct Heartbeat {
    task: AbortHandle,
}

impl Heartbeat {
    /// Makes the run's own namespace with the Lease in it, and starts to renew it.
    pub(super) async fn start(platform: &Platform, run: &RunId) -> Result<Self, CreateError> {
        let namespace = Namespace::make(platform, run, None, PodSecurity::Restricted, Vec::new()).await?;
        let now = platform.clock().now();
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE},
            "spec": {
                "holderIdentity": format!("plimsoll/{} run {run}", env!("CARGO_PKG_VERSION")),
                "leaseDurationSeconds": HOLDS.as_secs(),
                "acquireTime": MicroTime(now),
                "renewTime": MicroTime(now),
            },
        });
        namespace.create(lease).await?;
        let clock = platform.clock().clone();
        let task = tokio::spawn(renew(namespace.api::<Lease>(), clock)).abort_handle();
        Ok(Self { task })
    }

    /// Renews no more.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn renew(leases: Api<Lease>, clock: Clock) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a lease is renewed by the clock; nothing is waited for"
    )]
    let mut ticks = tokio::time::interval(RENEWED);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    loop {
        ticks.tick().await;
        let spec = json!({"spec": {"renewTime": MicroTime(clock.now())}});
        // One that fails is made up for by the next; all that hangs on it is that nobody cleans up too early.
        let patch = Patch::Merge(&spec);
        let _ = tokio::time::timeout(RENEWED, leases.patch(LEASE, &params, &patch)).await;
    }
}
