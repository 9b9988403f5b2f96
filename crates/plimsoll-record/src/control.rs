//! Controls: the experiments inside a check.

use serde::{Deserialize, Serialize};

/// Which way a control must come out on a sound platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ControlKind {
    /// It must work.
    Positive,
    /// It must be refused.
    Negative,
    /// Recorded only: it never decides.
    Observed,
}

/// How a control came out in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it must on a sound platform.
    Right,
    /// Otherwise: the platform is at fault.
    Wrong,
    /// It could not be told, for a reason that is not the requirement's.
    Undecided,
    /// It was left out: it disturbs the platform, and nobody allowed that. It says nothing, and the verdict says
    /// what that leaves open.
    NotRun,
}

/// One control's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The trial it belongs to: one adapter, allocation path or driver, such as `dra/gpu.nvidia.com`.
    pub trial: String,
    /// Its name in the specification, such as `D3`.
    pub name: String,
    /// Which way it must come out.
    pub kind: ControlKind,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, in one sentence that stands on its own; for anything but `Right` it names the cause.
    pub detail: String,
}
