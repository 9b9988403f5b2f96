//! What a keeper is asked and what it answers: one JSON line each way per connection.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A process to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    /// Unique within the keeper; `logs` and `status` show it.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    /// Where both output streams go, appended.
    pub(crate) log: PathBuf,
    pub(crate) ready: ReadySignal,
}

/// When a started process counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReadySignal {
    /// As soon as it runs.
    Started,
    /// When it says so by systemd's notification protocol, as etcd, containerd, the API server and the kubelet do.
    Notified,
}

/// A question to a keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Start a process; answered when it is ready or has ended before.
    Start(ProcessSpec),
    /// What runs, and how the rest ended.
    List,
    /// End a process, if it runs, by SIGTERM or SIGKILL, and start it again as it was; answered as `Start` is.
    Restart { name: String, how: Farewell },
}

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Farewell {
    /// It may finish what it does.
    Asked,
    /// As if it had crashed.
    Killed,
}

/// A keeper's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Ready,
    Processes(Vec<ProcessReport>),
    /// The process ended: before it was ready, or because it was asked to.
    Ended(Ending),
    Refused(String),
}

/// One process of a keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessReport {
    pub(crate) name: String,
    /// Its id inside the keeper's PID namespace.
    pub(crate) pid: i32,
    pub(crate) started: Timestamp,
    pub(crate) ready: bool,
    pub(crate) ended: Option<Ending>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    Exit(i32),
    Signal(i32),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// What a keeper prepares before it serves; read from the file named on its command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeeperConfig {
    /// Where it listens.
    pub(crate) socket: PathBuf,
    /// The host name of its UTS namespace, where it has one of its own.
    pub(crate) host_name: Option<String>,
    /// Bring up the loopback link: set where it has a network namespace of its own.
    pub(crate) own_network: bool,
    /// Mounts that only its processes see.
    pub(crate) mounts: Vec<PrivateMount>,
    /// Kernel settings of its network namespace, `/proc/sys` path and value.
    pub(crate) sysctls: Vec<(PathBuf, String)>,
    /// What every process it starts finds in its environment.
    pub(crate) env: BTreeMap<String, String>,
}

/// A mount that only a keeper's processes see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PrivateMount {
    /// `source` appears at `target`.
    Bind { source: PathBuf, target: PathBuf },
    /// An empty in-memory folder at `target`.
    Empty { target: PathBuf },
}
