//! Needs: what a workload asks of a platform, where it says so, and what would prove that a platform has it.

use std::{fmt, sync::Arc};

use crate::{
    change::Change,
    needs::Demand,
    node::{Node, Step, written},
    read::Document,
};

/// Something a workload needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// Of which kind.
    pub kind: NeedKind,
    /// What, for people.
    pub what: String,
    /// Where the manifest says so.
    pub place: Place,
    /// The same for the matching.
    pub demand: Demand,
}

/// A place in the manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of the document.
    pub document: usize,
    /// The file.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The path within the object.
    pub path: String,
}

impl Place {
    /// The place of what a path leads to; where that is nothing, of the object.
    #[must_use]
    pub fn of(index: usize, document: &Document, path: &[Step]) -> Self {
        let line = look(&document.node, path).map_or(document.line, |node| node.line);
        Self {
            document: index,
            file: Arc::clone(&document.file),
            line: if line == 0 { document.line } else { line },
            path: written(path),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What a path leads to.
#[must_use]
pub(crate) fn look<'n>(node: &'n Node, path: &[Step]) -> Option<&'n Node> {
    let mut node = node;
    for step in path {
        node = match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.items().get(*index)?,
        };
    }
    (!node.is_null()).then_some(node)
}

/// The kinds of needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedKind {
    /// Accelerators by the name of a resource.
    Accelerator,
    /// Accelerators by a claim.
    DeviceClaim,
    /// A partition or a shared accelerator.
    Partition,
    /// All pods at once, or none.
    Gang,
    /// An API, and what acts on its objects.
    Api,
    /// Volumes.
    Volume,
    /// Secondary networks and RDMA.
    Network,
    /// Routes from outside.
    Gateway,
    /// Replicas by a metric.
    Autoscaling,
    /// Metrics of the workload.
    Monitoring,
    /// A RuntimeClass.
    Runtime,
    /// A node that pods may go to, and that is large enough.
    Placement,
    /// Rights over the host.
    Security,
    /// Images of an architecture.
    Image,
    /// Something that is not understood.
    Unknown,
}

/// A requirement, and those of its controls that carry a need.
pub(crate) type Carrier = (&'static str, &'static [&'static str]);

impl NeedKind {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accelerator => "accelerator",
            Self::DeviceClaim => "device-claim",
            Self::Partition => "partition",
            Self::Gang => "gang",
            Self::Api => "api",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Gateway => "gateway",
            Self::Autoscaling => "autoscaling",
            Self::Monitoring => "monitoring",
            Self::Runtime => "runtime",
            Self::Placement => "placement",
            Self::Security => "security",
            Self::Image => "image",
            Self::Unknown => "unknown",
        }
    }

    /// Whether pods that start show that it is met. Scaling, routes and gangs are shown by more than that.
    pub(crate) fn shows_when_pods_start(self) -> bool {
        match self {
            Self::Accelerator
            | Self::DeviceClaim
            | Self::Partition
            | Self::Api
            | Self::Volume
            | Self::Network
            | Self::Runtime
            | Self::Placement
            | Self::Security
            | Self::Image => true,
            Self::Gang | Self::Gateway | Self::Autoscaling | Self::Monitoring | Self::Unknown => false,
        }
    }

    /// The requirements whose controls prove that a platform has it.
    #[must_use]
    pub fn carriers(self) -> &'static [Carrier] {
        match self {
            Self::Accelerator => &[
                ("device_plugin_discovery", &["L1"]),
                ("secure_accelerator_access", &["X1"]),
            ],
            Self::DeviceClaim => &[("dra_support", &["D3"]), ("secure_accelerator_access", &["X1"])],
            Self::Partition => &[
                ("gpu_sharing", &["H1", "H2", "H3", "H4", "H5"]),
                ("partitioning_mig", &["R1", "R2"]),
            ],
            Self::Gang => &[("gang_scheduling", &["G1", "G2", "G3"])],
            Self::Api => &[("robust_controller", &["O2"]), ("mlops_operators", &["M1"])],
            Self::Volume => &[("dataset_volumes", &["W3"]), ("image_delivery", &["F6"])],
            Self::Network => &[
                (
                    "high_performance_networking",
                    &["N2", "N3", "N4", "N5", "N6", "N7"],
                ),
                ("collective_all_reduce", &["C4"]),
            ],
            Self::Gateway => &[
                ("ai_inference", &["I2", "I3", "I4", "I5", "I6", "I7", "I8"]),
                (
                    "advanced_inference_ingress",
                    &["E1", "E2", "E3", "E4", "E5", "E6"],
                ),
            ],
            Self::Autoscaling => &[("pod_autoscaling", &["S1", "S2", "S3", "S4", "S5", "S6", "S7"])],
            Self::Monitoring => &[("ai_service_metrics", &["T2", "T3", "T4"])],
            Self::Runtime => &[(
                "workload_sandboxing",
                &["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8"],
            )],
            Self::Placement => &[("topology_alignment", &["Y5"])],
            Self::Image => &[("image_delivery", &["F3", "F8"])],
            Self::Security | Self::Unknown => &[],
        }
    }
}

/// How a platform meets a need.
#[derive(Clone, Debug)]
pub enum Fit {
    /// It does, and controls of a run show it.
    Proven(String),
    /// It does, as far as a survey can see.
    Surveyed(String),
    /// It would after these changes of the manifests.
    Changed(Vec<Change>, String),
    /// It doesn't.
    Unmet(String),
    /// There is no telling.
    Unknown(String),
}

impl Fit {
    /// Its name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proven(_) => "proven",
            Self::Surveyed(_) => "surveyed",
            Self::Changed(..) => "after-changes",
            Self::Unmet(_) => "unmet",
            Self::Unknown(_) => "cannot-tell",
        }
    }

    /// Why.
    #[must_use]
    pub fn because(&self) -> &str {
        match self {
            Self::Proven(because)
            | Self::Surveyed(because)
            | Self::Changed(_, because)
            | Self::Unmet(because)
            | Self::Unknown(because) => because,
        }
    }

    /// What a survey sees, in the light of what a run showed.
    #[must_use]
    pub fn judged(self, proof: crate::platform::Proof) -> Self {
        use crate::platform::Proof;
        match (self, proof) {
            (Self::Surveyed(because), Proof::Right) => Self::Proven(because),
            (Self::Surveyed(_), Proof::Wrong(seen)) => Self::Unmet(seen),
            (Self::Surveyed(_), Proof::Undecided(why)) => Self::Unknown(why),
            (fit, _) => fit,
        }
    }
}
