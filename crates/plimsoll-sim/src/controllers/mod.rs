//! The controllers of a cluster: each brings one kind of thing, step by step, to what its spec says.
//!
//! A controller decides in plain functions from what the store holds, and a loop around them ([`work`]) says when. They
//! share how they read objects ([`facts`]) and how they make and take in pods ([`pods`]). Events, conditions and
//! messages are worded as those of the real controllers, because people and checks read them.

mod cronjob;
mod daemonset;
mod deployment;
mod device_taint_eviction;
mod disruption;
mod endpoints;
mod facts;
mod garbage;
mod hpa;
mod job;
mod namespace;
mod node_autoscaler;
mod node_lifecycle;
mod pod_group_protection;
mod pods;
mod policy_status;
mod replicaset;
mod resource_claim;
mod revisions;
mod service_account;
#[cfg(test)]
mod stand;
mod statefulset;
mod status_write;
mod taint_eviction;
mod volumes;
mod work;

use std::{fmt, sync::Arc};

use futures::future::{BoxFuture, join_all};
use plimsoll_apiserver::Direct;

pub use hpa::{Metrics, NoMetrics, Sample};
pub use node_autoscaler::{GroupFacts, NodeGroups, Timing};
pub(crate) use status_write::status_of;
pub use volumes::PROVISIONER;

use crate::{Faults, platform::Latencies};

/// What controllers need of a platform beyond its API.
#[derive(Clone)]
pub struct Outside {
    /// Where autoscalers of workloads get their metrics.
    pub metrics: Arc<dyn Metrics>,
    /// The groups of nodes that the platform can change; without any no autoscaler of nodes runs.
    pub nodes: Option<Arc<dyn NodeGroups>>,
}

/// No metrics, and nodes that stay as they are.
impl Default for Outside {
    fn default() -> Self {
        Self {
            metrics: Arc::new(NoMetrics),
            nodes: None,
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside")
            .field("nodes", &self.nodes.is_some())
            .finish_non_exhaustive()
    }
}

/// Runs every controller for as long as the platform lives.
pub async fn run_all(api: Direct, latencies: Latencies, faults: Faults) {
    run_all_with(api, latencies, faults, Outside::default()).await;
}

macro_rules! controllers {
    ($($name:ident)*) => {
        /// Runs every controller for as long as the platform lives, with what they need beyond the API.
        pub async fn run_all_with(api: Direct, latencies: Latencies, faults: Faults, outside: Outside) {
            let mut all: Vec<BoxFuture<'static, ()>> = vec![
                $(Box::pin($name::run(api.clone(), latencies, faults.clone())),)*
                Box::pin(hpa::run(api.clone(), latencies, faults.clone(), outside.metrics)),
            ];
            if let Some(nodes) = outside.nodes {
                all.push(Box::pin(node_autoscaler::run(api, latencies, faults, nodes)));
            }
            join_all(all).await;
        }
    };
}

controllers! {
    cronjob
    daemonset
    deployment
    device_taint_eviction
    disruption
    endpoints
    garbage
    job
    namespace
    node_lifecycle
    pod_group_protection
    policy_status
    replicaset
    resource_claim
    service_account
    statefulset
    taint_eviction
    volumes
}
