//! A platform that runs: an API server with everything that makes a cluster of it.
//!
//! [`Simulation::start`] puts the objects of a platform in their places (`nodes`, `tenants`), starts its components, and
//! installs what its file names (`installed`).

mod components;
mod installed;
mod nodes;
mod quotas;
mod tenants;

use std::sync::Arc;

use jiff::Timestamp;
use plimsoll_apiserver::{ApiServer, Clock, Config, Gates, Seed, Status, User};
use tokio::task::JoinSet;

use crate::{
    Faults,
    node::Fleet,
    platform::{Latencies, PlatformSpec},
};

/// The label of `kube-system` by which a simulated platform says that it is one; its value is the platform's name.
const SIMULATED_LABEL: &str = "plimsoll.dev/simulated";

/// A reference by which containers run the probe's own program on a simulated platform.
pub const PROBE_IMAGE: &str = "plimsoll.dev/probe:simulated";

/// When simulated time begins, in seconds since 1970: a Monday morning in 2026. Records of equal runs are equal.
const BEGIN: i64 = 1_767_600_000;

/// A simulated platform that runs. It stops when this is dropped.
pub struct Simulation {
    spec: Arc<PlatformSpec>,
    server: ApiServer,
    components: JoinSet<()>,
    fleet: Option<Fleet>,
}

/// The platform did not come up.
#[derive(Debug, thiserror::Error)]
#[error("could not bring up the simulated platform `{platform}`: {what}")]
pub struct StartError {
    /// Its name.
    pub platform: String,
    /// What was being done.
    pub what: String,
    /// What the API server said.
    #[source]
    pub source: Status,
}

impl Simulation {
    /// Brings a platform up, seeded with faults; its time begins at a fixed moment.
    ///
    /// Everything runs on the runtime that this is called on. Where that one's clock is paused, time is virtual and the
    /// same seed gives the same course of events.
    ///
    /// # Errors
    /// When its own API server refuses what its file says, such as an object that is invalid.
    pub async fn start(spec: &PlatformSpec, seed: u64, faults: &Faults) -> Result<Self, StartError> {
        let begin = Timestamp::from_second(BEGIN).unwrap_or_default();
        Self::start_at(spec, seed, faults, begin).await
    }

    /// The same with a time of one's own to begin at: a platform that people use shows the time of day.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_at(
        spec: &PlatformSpec,
        seed: u64,
        faults: &Faults,
        begin: Timestamp,
    ) -> Result<Self, StartError> {
        let server = ApiServer::new(Config {
            minor: spec.kubernetes,
            clock: Clock::starting_at(begin),
            seed: Seed::new(seed),
            gates: Gates {
                generic_workload: spec.gang_scheduling.api,
                topology_aware: spec.gang_scheduling.topology,
            },
            latency: Latencies::of(spec.latencies.api_ms),
        });
        let mut simulation = Self {
            spec: Arc::new(spec.clone()),
            server,
            components: JoinSet::new(),
            fleet: None,
        };
        simulation
            .furnish(faults)
            .await
            .map_err(|(what, source)| StartError {
                platform: spec.name.clone(),
                what,
                source,
            })?;
        Ok(simulation)
    }

    async fn furnish(&mut self, faults: &Faults) -> Result<(), (String, Status)> {
        let admin = self.server.direct(User::admin());
        nodes::say_what_it_is(&admin, &self.spec)
            .await
            .map_err(|status| ("label the namespace `kube-system`".to_owned(), status))?;
        self.server
            .load(tenants::background(&self.spec))
            .and_then(|()| nodes::start(&mut self.components, &self.server, &self.spec, faults))
            .map(|fleet| self.fleet = Some(fleet))
            .map_err(|status| ("create its nodes and pods".to_owned(), status))?;
        components::start(&mut self.components, &self.server, &self.spec, faults);
        installed::install(&admin, &self.spec, faults).await?;
        if !self.spec.namespace_quota.is_empty() {
            let quota = self.spec.namespace_quota.clone();
            self.components.spawn(quotas::run(
                self.server.direct(User::component("quota-template")),
                quota,
            ));
        }
        tenants::occupy(&admin, &self.spec).await
    }

    /// The platform as its file says.
    #[must_use]
    pub fn spec(&self) -> &PlatformSpec {
        &self.spec
    }

    /// Its API server.
    #[must_use]
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// Its nodes; none before they are there.
    #[must_use]
    pub fn fleet(&self) -> Option<&Fleet> {
        self.fleet.as_ref()
    }

    /// Its time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.server.clock()
    }

    /// Stops all of its components. The API server answers for as long as somebody holds it.
    pub async fn stop(mut self) {
        self.components.shutdown().await;
    }
}

#[cfg(test)]
mod tests;
