//! What the probe says: one [`Report`] a line, as JSON, in its log.
//!
//! A log begins with [`Report::Started`] and, once the work is done, has [`Report::Finished`] or [`Report::Failed`];
//! a probe that holds goes on running after it. Readers skip what they do not know: lines by newer probes, and fields.

mod access;
mod barrier;
mod device;
mod errno;
mod identity;
mod lifecycle;
mod load;
mod scrape;
mod surroundings;

use serde::{Deserialize, Serialize};

pub use access::Access;
pub use barrier::{Arrival, Barrier};
pub use device::{
    BadDeviceNumber, DeviceNode, DeviceNumber, ForgeAttempt, Forged, NodeKind, Opened, Unread, Walked,
};
pub use errno::Errno;
pub use identity::{DeviceRole, HEADER_BYTES, HEADER_MAGIC, Identity, IdentitySource};
pub use lifecycle::{Failed, Finished, OpenNode, PROTOCOL, Started, Summary};
pub use load::{LoadPeriod, LoadStarted};
pub use scrape::{Problem, ProblemKind, Scraped, Series, Value};
pub use surroundings::{Environment, FoundFiles, Mount, TextFile};

/// One line of the probe's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Report {
    /// Who is speaking: always first.
    Started(Started),
    /// A device node that the container sees.
    Node(DeviceNode),
    /// All nodes have been reported.
    Walked(Walked),
    /// Selected environment variables.
    Environment(Environment),
    /// A mount at, or of, something that was asked for.
    Mount(Mount),
    /// A text file that was asked for.
    TextFile(TextFile),
    /// Files that were looked for.
    FoundFiles(FoundFiles),
    /// An attempt to reach a device by making its node.
    Forged(Forged),
    /// A load begins.
    LoadStarted(LoadStarted),
    /// A period of a load ended.
    LoadPeriod(LoadPeriod),
    /// A series of an exporter was seen for the first time.
    Series(Series),
    /// An exporter was visited.
    Scraped(Scraped),
    /// A member came to the rendezvous; rank 0 says so when it happens.
    Arrival(Arrival),
    /// The rendezvous ended.
    Barrier(Barrier),
    /// The work is done.
    Finished(Finished),
    /// The work could not be done.
    Failed(Failed),
    /// A line of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A line that is not the probe's.
#[derive(Debug, thiserror::Error)]
#[error("not a line of the probe: `{line}`")]
pub struct BadLine {
    line: String,
    #[source]
    source: serde_json::Error,
}

impl Report {
    /// Reads one line of a log.
    ///
    /// # Errors
    /// When the line is not JSON, or of a known kind with a field missing.
    pub fn from_line(line: &str) -> Result<Self, BadLine> {
        serde_json::from_str(line).map_err(|source| BadLine {
            line: line.chars().take(200).collect(),
            source,
        })
    }

    /// The report as a line of a log, with its line feed.
    ///
    /// # Errors
    /// A load's duty that is no number, as JSON has no way to write it.
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|mut line| {
            line.push('\n');
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_node_is_one_flat_object() {
        let line = r#"{"report":"node","path":"/dev/nvidia0","kind":"block","major":7,"minor":3,"mode":438,"matched":true,"standard":false,"opened":{"read_write":"granted","read_only":"EPERM"},"identity":{"source":"header","uuid":"GPU-1"}}"#;
        let Report::Node(node) = Report::from_line(line).unwrap() else {
            panic!("not a node")
        };
        assert!(node.is_open());
        assert_eq!(node.uuid(), Some("GPU-1"));
        assert_eq!(node.number.to_string(), "b:7:3");
        assert_eq!(Report::Node(node).to_line().unwrap().trim_end(), line);
    }

    #[test]
    fn lines_of_newer_probes_are_skipped_not_refused() {
        assert_eq!(
            Report::from_line(r#"{"report":"telepathy","strength":9}"#).unwrap(),
            Report::Unknown
        );
        let newer =
            r#"{"report":"finished","elapsed_ms":1,"summary":{"of":"telepathy","strength":9},"more":[]}"#;
        let Report::Finished(finished) = Report::from_line(newer).unwrap() else {
            panic!("not finished")
        };
        assert_eq!(finished.summary, Summary::Unknown);
    }

    #[test]
    fn foreign_lines_are_refused_with_their_text() {
        let error = Report::from_line("exec format error").unwrap_err();
        assert_eq!(error.to_string(), "not a line of the probe: `exec format error`");
        assert!(Report::from_line(r#"{"report":"node"}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in ".{0,200}") {
            let _ = Report::from_line(&line);
        }
    }
}
