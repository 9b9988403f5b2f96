//! How long things take on a platform.

use std::time::Duration;

use serde::Deserialize;

/// How long things take, in milliseconds of platform time. The defaults are those of the lab, rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Latencies {
    /// An answer of the API server.
    pub api_ms: u64,
    /// From the news of a pod to its binding, or to the refusal.
    pub scheduling_ms: u64,
    /// From a change to a controller's reaction.
    pub controller_ms: u64,
    /// Pulling an image that a node does not have yet.
    pub image_pull_ms: u64,
    /// Preparing a claim's devices.
    pub device_prepare_ms: u64,
    /// From a pod's binding to its sandbox.
    pub sandbox_ms: u64,
    /// Starting a container.
    pub container_start_ms: u64,
    /// From the end of a pod's last container to its removal from the API.
    pub pod_removal_ms: u64,
    /// From a change of endpoints to an answer of DNS.
    pub dns_ms: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            api_ms: 2,
            scheduling_ms: 5,
            controller_ms: 10,
            image_pull_ms: 300,
            device_prepare_ms: 30,
            sandbox_ms: 120,
            container_start_ms: 60,
            pod_removal_ms: 60,
            dns_ms: 50,
        }
    }
}

impl Latencies {
    /// One of them as a duration.
    #[must_use]
    pub fn of(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }
}
