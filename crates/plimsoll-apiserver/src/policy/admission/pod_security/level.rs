//! The labels of a namespace.

use std::fmt;

use serde_json::{Value, json};

use crate::schema::Cause;

/// How strict a demand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "privileged" => Some(Self::Privileged),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }
}

/// A level, as it was in some version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) level: Level,
    /// The minor version; none for the latest.
    pub(super) version: Option<u32>,
}

impl Demand {
    const NOTHING: Self = Self {
        level: Level::Privileged,
        version: None,
    };

    pub(super) fn is_privileged(self) -> bool {
        self.level == Level::Privileged
    }
}

/// `restricted:latest`, `baseline:v1.30`.
impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        })?;
        match self.version {
            None => f.write_str(":latest"),
            Some(minor) => write!(f, ":v1.{minor}"),
        }
    }
}

/// What a namespace demands of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) enforce: Demand,
    pub(super) audit: Demand,
    pub(super) warn: Demand,
}

impl Policy {
    pub(super) fn is_privileged(&self) -> bool {
        [self.enforce, self.audit, self.warn]
            .into_iter()
            .all(Demand::is_privileged)
    }

    /// Reads a namespace's labels. Those that make no sense are told, and stand for the strictest when enforced and for
    /// nothing when audited or warned about.
    pub(super) fn of(namespace: &Value) -> (Self, Vec<Cause>) {
        let labels = &namespace["metadata"]["labels"];
        let mut faults = Vec::new();
        let mut read = |mode: &str, otherwise: Level| {
            let mut demand = Demand::NOTHING;
            let (mut levelled, mut versioned) = (false, false);
            let key = format!("pod-security.kubernetes.io/{mode}");
            if let Some(text) = labels[&key].as_str() {
                levelled = true;
                demand.level = Level::parse(text).unwrap_or_else(|| {
                    faults.push(fault(
                        &key,
                        text,
                        "must be one of privileged, baseline, restricted",
                    ));
                    otherwise
                });
            }
            let key = format!("{key}-version");
            if let Some(text) = labels[&key].as_str() {
                versioned = true;
                demand.version = version(text).unwrap_or_else(|| {
                    faults.push(fault(&key, text, "must be \"latest\" or \"v1.x\""));
                    None
                });
            }
            (demand, levelled, versioned)
        };
        let (enforce, enforced, _) = read("enforce", Level::Restricted);
        let enforced = enforced
            && labels["pod-security.kubernetes.io/enforce"]
                .as_str()
                .and_then(Level::parse)
                .is_some();
        let (audit, ..) = read("audit", Level::Privileged);
        let (mut warn, warned, versioned) = read("warn", Level::Privileged);
        // Workloads whose pods would be refused are warned about, unless somebody chose otherwise.
        if !warned && enforced && enforce.level > warn.level {
            warn.level = enforce.level;
            if !versioned {
                warn.version = enforce.version;
            }
        }
        let policy = Self { enforce, audit, warn };
        (policy, faults)
    }
}

fn fault(label: &str, value: &str, why: &str) -> Cause {
    Cause::invalid(format!("metadata.labels[{label}]"), &json!(value), why)
}

/// `latest` or `v1.MINOR`; nothing for anything else.
fn version(text: &str) -> Option<Option<u32>> {
    if text == "latest" {
        return Some(None);
    }
    let minor = text.strip_prefix("v1.")?;
    let plain = minor == "0" || (!minor.starts_with('0') && minor.bytes().all(|byte| byte.is_ascii_digit()));
    plain.then(|| minor.parse().ok()).flatten().map(Some)
}
