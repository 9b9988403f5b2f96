//! What the probe needs of the system it runs on, behind traits.
//!
//! [`Linux`] is the real thing. A simulated platform runs the same program over devices, a clock and a network of its
//! own making. What can wait is a future: on Linux each is ready when it is first polled, because waiting happens in the
//! kernel, where a request to stop ends it.

mod clock;
mod devices;
mod linux;
mod network;
mod storage;

use std::future::Future;
use std::io;
use std::path::Path;

use crate::protocol::Errno;

pub(crate) use clock::millis;
pub use clock::{Clock, Rest};
pub use devices::{Devices, FoundNode, OpenMode, Walk};
pub use linux::{Linux, run_now};
pub use network::{Connection, Listener, Network, Unanswered};
pub(crate) use storage::AlignedBuffer;
pub use storage::Storage;

/// A system to run on.
pub trait Host: Clock + Devices + Network + Send + Sync {
    /// The content of a device.
    type Storage: Storage;

    /// Opens a device for work: without the page cache and for writing, where it allows that.
    ///
    /// # Errors
    /// The kernel's answer to the most modest way of opening it.
    fn open_storage(&self, path: &Path) -> Result<Self::Storage, Errno>;

    /// Who this process is.
    fn process(&self) -> Process;

    /// Environment variables whose names are text.
    fn variables(&self) -> Vec<(String, String)>;

    /// The text of a configuration file.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// Makes an empty file. False where it was there already.
    ///
    /// # Errors
    /// When it can't be made.
    fn make_file(&self, path: &Path) -> io::Result<bool>;

    /// Writes to the container's log, at once.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn log(&self, text: &str) -> io::Result<()>;

    /// Writes to the container's log what people are to read; that it may get lost is no matter.
    fn complain(&self, text: &str);

    /// Leaves the container's termination message, where there is a place for it.
    fn leave_message(&self, text: &str);

    /// Waits until the process is asked to stop.
    fn hold(&self, orphans: Orphans) -> impl Future<Output = io::Result<()>> + Send;
}

/// Who a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, as seen in the container.
    pub id: u32,
    /// Its effective user.
    pub user: u32,
    /// Its host name.
    pub hostname: String,
}

/// What to do about processes that end while nobody else takes leave of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Orphans {
    /// Nothing.
    Ignored,
    /// What the first process of a sandbox has to: it takes leave of them.
    Reaped,
}
