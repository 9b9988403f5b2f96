//! The first and the last line of every log.

use serde::{Deserialize, Serialize};

use super::DeviceNumber;

/// The version of the lines' meaning. It grows when a field changes what it says, not when one is added.
pub const PROTOCOL: u32 = 1;

/// Who is speaking: the first line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Started {
    /// [`PROTOCOL`] of the speaker.
    pub protocol: u32,
    /// The probe's version.
    pub version: String,
    /// What it was asked to do.
    pub mode: String,
    /// Its process id, as seen in the container.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective capabilities, as the kernel writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<String>,
    /// Its host name: the pod's name, as a rule.
    pub hostname: String,
    /// Which start of which kernel it runs on: equal for containers of one node that share the node's kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// When, by the wall clock.
    pub unix_ms: u64,
    /// When, since the kernel started.
    pub monotonic_ms: u64,
}

/// That the mode's work is done: nothing but the end of a hold comes after it. Also the termination message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finished {
    /// How long the work took.
    pub elapsed_ms: u64,
    /// The result in brief.
    pub summary: Summary,
}

/// A result in brief, small enough for a termination message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Summary {
    /// Of looking at devices.
    Devices {
        /// Nodes found.
        nodes: u64,
        /// Nodes that are not standard and opened.
        open: Vec<OpenNode>,
        /// Devices that were reached by making their node.
        forged_open: Vec<DeviceNumber>,
        /// Whether nodes were left out here, for length; the log has them all.
        shortened: bool,
    },
    /// Of working on a device.
    Load {
        /// Periods done.
        periods: u64,
        /// Bytes read and written.
        bytes: u64,
        /// Read and write operations.
        operations: u64,
    },
    /// Of visiting exporters.
    Scrape {
        /// Visits made.
        visits: u64,
        /// Those that had no whole answer.
        failed: u64,
        /// Series seen.
        series: u64,
    },
    /// Of a rendezvous.
    Barrier {
        /// Whether all came.
        complete: bool,
        /// How many came.
        came: u64,
        /// How many should have.
        size: u64,
    },
    /// Of something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// An open node in brief.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpenNode {
    /// Where it is.
    pub path: String,
    /// Which device it stands for.
    #[serde(flatten)]
    pub number: DeviceNumber,
    /// The device's uuid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
}

/// That the mode's work could not be done, and why. Also the termination message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failed {
    /// What was tried and why it did not work, outermost first.
    pub reason: String,
}
