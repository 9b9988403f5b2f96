//! What all nodes share.

use std::time::Duration;

use plimsoll_apiserver::{Clock, Direct, Seed};
use serde_json::Value;

use super::{
    images::Images,
    network::{Fabric, Names},
    tasks::Tasks,
};
use crate::{Faults, platform::Latencies};

/// The name under which kubelets tell Events.
const COMPONENT: &str = "kubelet";

/// What all nodes share.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) api: Direct,
    pub(crate) latencies: Latencies,
    pub(crate) faults: Faults,
    pub(crate) images: Images,
    pub(crate) fabric: Fabric,
    pub(crate) names: Names,
    pub(crate) tasks: Tasks,
}

impl Ground {
    /// The platform's time.
    pub(crate) fn clock(&self) -> Clock {
        self.api.clock()
    }

    /// What would be random.
    pub(crate) fn seed(&self) -> Seed {
        self.api.seed()
    }

    /// One to `1 + part` times as long, as a kubelet spreads what it does again.
    pub(crate) fn jittered(&self, duration: Duration, percent: u64) -> Duration {
        duration + duration * u32::try_from(self.seed().below(percent + 1)).unwrap_or_default() / 100
    }

    /// Tells something about a pod, or about one of its containers by the field of its manifest.
    pub(crate) async fn tell(&self, about: &Value, kind: Kind, reason: &str, message: &str) {
        self.api
            .event(about, COMPONENT, kind.name(), reason, message)
            .await;
    }
}

/// What an Event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Warning,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}
