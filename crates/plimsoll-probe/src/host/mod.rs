//! What the probe needs of the system it runs on, behind traits.
//!
//! [`Linux`] is the real thing. A simulated platform can run the same looking and the same loads over devices of its
//! own making.

mod linux;
mod stop;
mod storage;
mod walk;

use std::path::Path;
use std::time::Duration;

pub use linux::Linux;
pub use stop::{Stop, SystemClock, Woken};
pub(crate) use storage::AlignedBuffer;
pub use storage::LinuxStorage;

use crate::protocol::{DeviceNumber, Errno, Unread};

/// Device nodes, and what the kernel says about them.
pub trait Devices {
    /// All device nodes below `root`, links not followed.
    fn walk(&self, root: &Path) -> Walk;

    /// Opens a node and closes it again, without waiting and without becoming its terminal.
    ///
    /// # Errors
    /// The kernel's answer.
    fn open(&self, path: &Path, mode: OpenMode) -> Result<(), Errno>;

    /// The first [`HEADER_BYTES`](crate::protocol::HEADER_BYTES) of a device, or as many as it has.
    ///
    /// # Errors
    /// The kernel's answer.
    fn first_block(&self, path: &Path) -> Result<Vec<u8>, Errno>;

    /// Makes a device node that everybody may open, as far as its mode goes.
    ///
    /// # Errors
    /// The kernel's answer.
    fn make_node(&self, path: &Path, number: DeviceNumber) -> Result<(), Errno>;

    /// Removes a node that was made.
    ///
    /// # Errors
    /// The kernel's answer.
    fn remove_node(&self, path: &Path) -> Result<(), Errno>;

    /// Whether the mount that `folder` is on lets device nodes be opened. Nothing where that cannot be found out.
    fn allows_devices(&self, folder: &Path) -> Option<bool>;

    /// A small text file of the kernel. Nothing where it cannot be read.
    fn text(&self, path: &Path) -> Option<String>;

    /// The names in a folder. None where it cannot be read.
    fn names(&self, folder: &Path) -> Vec<String>;

    /// Where a link points to. Nothing where it is not one.
    fn link(&self, path: &Path) -> Option<String>;
}

/// What is below a folder.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// Device nodes, by path.
    pub nodes: Vec<FoundNode>,
    /// Folders that could not be read, or only in part.
    pub unread: Vec<Unread>,
}

/// A device node, by its entry in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNode {
    /// Where it is.
    pub path: String,
    /// Which device it stands for.
    pub number: DeviceNumber,
    /// Permission bits.
    pub mode: u32,
}

/// What a node is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// Reading and writing.
    ReadWrite,
    /// Reading.
    ReadOnly,
}

/// The content of a device.
pub trait Storage {
    /// How much there is.
    fn bytes(&self) -> u64;

    /// Whether the page cache is bypassed. Offsets and lengths are multiples of 4096 then.
    fn is_direct(&self) -> bool;

    /// Whether it may be written to.
    fn is_writable(&self) -> bool;

    /// Reads from `offset` on.
    ///
    /// # Errors
    /// The kernel's answer.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno>;

    /// Writes from `offset` on.
    ///
    /// # Errors
    /// The kernel's answer.
    fn write_at(&mut self, buffer: &[u8], offset: u64) -> Result<usize, Errno>;

    /// Gives back the memory behind a range, whose content is lost.
    ///
    /// # Errors
    /// The kernel's answer.
    fn release(&mut self, offset: u64, bytes: u64) -> Result<(), Errno>;
}

/// Time, and resting until it has passed.
pub trait Clock {
    /// Since 1970.
    fn unix(&self) -> Duration;

    /// Since some moment in the past; never goes back.
    fn monotonic(&self) -> Duration;

    /// Returns after `duration`, or earlier when the process is asked to stop.
    fn rest(&mut self, duration: Duration) -> Rest;
}

/// Why a rest is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Its time has passed.
    Over,
    /// The process is asked to stop.
    Stopped,
}

/// Whole milliseconds; a duration too long for them is as long as they go.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
