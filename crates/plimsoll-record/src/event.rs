//! The one event type. Events say what happened, never how somebody wants it shown.

use jiff::Timestamp;
use plimsoll_program::{Level, ProgrammeVersion, RequirementId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Control, Verdict};

/// Something that happened during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the record, from 0 without gaps.
    pub seq: u64,
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// The requirement whose check it belongs to; none for the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<RequirementId>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The run began. Always the first event; carries the record's version.
    RunStarted(RunStarted),
    /// The platform was looked at; `inventory` is what `plimsoll survey --format json` prints.
    PlatformSurveyed {
        /// The facts found.
        inventory: Value,
    },
    /// One requirement's place in this run.
    CheckPlanned(CheckPlanned),
    /// A check began.
    CheckStarted,
    /// A check began to wait for something.
    WaitStarted {
        /// Pairs it with its end within the run.
        wait: u64,
        /// What is waited for, as a person would say it.
        on: String,
        /// How long at most, in milliseconds.
        deadline_ms: u64,
    },
    /// What a wait last saw, when that changed.
    WaitProgressed {
        /// The wait.
        wait: u64,
        /// What is still missing.
        seen: String,
    },
    /// A wait ended, met or not.
    WaitEnded {
        /// The wait.
        wait: u64,
        /// Whether its condition was met.
        met: bool,
    },
    /// An object was created on the cluster.
    ObjectCreated {
        /// Its kind.
        kind: String,
        /// Its namespace, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
    /// A fact with its source.
    Observed {
        /// Where the fact is from: an object and field, a probe's report, a log line.
        source: String,
        /// The fact.
        fact: Value,
    },
    /// A control came out.
    ControlDecided(Control),
    /// A check ended with its verdict.
    CheckFinished(CheckFinished),
    /// What the run left to clean up is being removed.
    CleanupStarted,
    /// Cleanup ended.
    CleanupFinished {
        /// What could not be removed, and why; empty when nothing is left behind.
        left: Vec<String>,
    },
    /// Somebody asked the run to stop.
    Interrupted,
    /// The run ended. Absent when it was killed.
    RunFinished,
}

/// The run as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The record's format, see [`crate::FORMAT`].
    pub format: String,
    /// The run's id: it is in the name of everything the run creates.
    pub run: String,
    /// Plimsoll's own version.
    pub plimsoll: String,
    /// The programme version the levels are taken from.
    pub programme: ProgrammeVersion,
    /// The platform.
    pub platform: PlatformFacts,
}

/// What the record says of the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformFacts {
    /// What kind of ground it is.
    pub kind: PlatformKind,
    /// The Kubernetes version as the API server gives it, such as `v1.36.3`.
    pub kubernetes: String,
    /// The kubeconfig context, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// The grounds that a run can stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlatformKind {
    /// Somebody's cluster.
    Cluster,
    /// Plimsoll's own lab.
    Lab,
    /// The embedded simulated platform.
    Simulated,
}

/// A requirement's place in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckPlanned {
    /// Its title for people.
    pub title: String,
    /// Its level in the run's programme version.
    pub level: Level,
    /// Its KAR number, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kar: Option<u32>,
    /// The upstream suite's test names, for reports that are matched by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream_tests: Vec<String>,
    /// Why it is not run, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// A check's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckFinished {
    /// The verdict.
    pub verdict: Verdict,
    /// One line that explains it.
    pub reason: String,
    /// What to do about it, if something can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The adapter or allocation path that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// How long the check took, in milliseconds.
    pub duration_ms: u64,
}
