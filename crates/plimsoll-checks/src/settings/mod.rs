//! What only a platform's owner can say: the contents of `plimsoll.toml`.
//!
//! Checks find out by themselves what can be found out. What is left (which of two vendors is the product's, where an
//! exporter is, that there is no autoscaler on purpose) stands in this file. [`Settings::parse`] reads it and tells all
//! that is wrong with it; [`SAMPLE`] is a commented one in which nothing is set. Every check is handed the settings
//! through its [`crate::Context`].

mod duration;
mod fault;
mod file;
mod narrow;
mod sample;

use std::{collections::BTreeMap, time::Duration};

use plimsoll_vendors::Vendor;
use serde::Serialize;

pub use fault::FaultySettings;
pub use sample::SAMPLE;

/// The name of the file, looked for where a run is started.
pub const FILE_NAME: &str = "plimsoll.toml";

/// What a platform's owner says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Which accelerators are put to the test.
    pub accelerator: AcceleratorSettings,
    /// Where accelerators' metrics are.
    pub metrics: MetricsSettings,
    /// How gangs are submitted.
    pub gang: GangSettings,
    /// Which nodes a cluster autoscaler adds.
    pub autoscaling: AutoscalingSettings,
    /// The image of the suite's own pods.
    pub probe: ProbeSettings,
    /// Requirements that don't apply to the product, by id, each with the owner's reason.
    pub declared: BTreeMap<String, String>,
    /// The keys that were set, with their values: what the record says of the file.
    pub stated: BTreeMap<String, String>,
}

/// `[accelerator]`
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceleratorSettings {
    /// Only this vendor's accelerators.
    pub profile: Option<&'static Vendor>,
    /// Only accelerators that are handed out in this way.
    pub allocation: Option<AllocationMode>,
}

impl PartialEq for AcceleratorSettings {
    fn eq(&self, other: &Self) -> bool {
        let id = |settings: &Self| settings.profile.map(|vendor| &vendor.id);
        id(self) == id(other) && self.allocation == other.allocation
    }
}

/// A way to hand out accelerators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllocationMode {
    /// Dynamic resource allocation.
    Dra,
    /// Extended resources of a device plugin.
    DevicePlugin,
}

/// `[metrics]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The URL of the exporter, as a pod in the cluster reaches it.
    pub endpoint: Option<String>,
    /// The metric that says how busy a device is.
    pub utilization: Option<String>,
    /// The metric that says how much of a device's memory is in use.
    pub memory: Option<String>,
}

/// `[gang]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GangSettings {
    /// The one solution to try, by family or full name; otherwise all that are found.
    pub adapter: Option<String>,
    /// How long a refusal must hold at the least.
    pub hold: Option<Duration>,
    /// Labels that the pods of gangs carry as well, such as a queue's name.
    pub labels: BTreeMap<String, String>,
}

/// `[autoscaling]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoscalingSettings {
    /// The label of the nodes that may be added, as key and value.
    pub pool: Option<(String, String)>,
    /// How long things may take.
    pub deadlines: AutoscalingDeadlines,
}

/// `[autoscaling.deadlines]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AutoscalingDeadlines {
    /// Until a pod without room is noticed.
    pub pending: Option<Duration>,
    /// Until a node is added.
    pub scale_up: Option<Duration>,
    /// Until it is removed again.
    pub scale_down: Option<Duration>,
    /// How long the number of nodes must stay the same before anything is tried.
    pub stability: Option<Duration>,
}

/// `[probe]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeSettings {
    /// The image's reference; `--image` wins over it.
    pub image: Option<String>,
}

impl Settings {
    /// The keys that are set and that no check of this version reads.
    pub fn unread(&self) -> impl Iterator<Item = &str> {
        self.stated
            .keys()
            .map(String::as_str)
            .filter(|key| key.starts_with("autoscaling."))
    }
}
