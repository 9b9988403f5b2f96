//! What makes a cluster of an API server.

use plimsoll_apiserver::{ApiServer, User};
use tokio::task::JoinSet;

use crate::{Faults, controllers, platform::PlatformSpec, scheduler};

/// Starts every component of the platform.
pub(super) fn start(components: &mut JoinSet<()>, server: &ApiServer, spec: &PlatformSpec, faults: &Faults) {
    let scheduler = server.direct(User::component("kube-scheduler"));
    components.spawn(scheduler::run(
        scheduler,
        spec.latencies,
        faults.clone(),
        spec.gang_scheduling,
    ));
    let manager = server.direct(User::component("kube-controller-manager"));
    components.spawn(controllers::run_all(manager, spec.latencies, faults.clone()));
}
