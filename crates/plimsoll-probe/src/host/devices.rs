//! Device nodes, and what the kernel says about them.

use std::path::Path;

use crate::protocol::{DeviceNumber, Errno, Unread};

/// Device nodes, and what the kernel says about them. None of it waits.
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
