//! What a probe found in its container, reduced to what checks compare.

use std::fmt;

/// Character or block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A character device.
    Character,
    /// A block device.
    Block,
}

/// A device as the kernel knows it, whatever it is called under `/dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// Its kind.
    pub kind: NodeKind,
    /// Which driver.
    pub major: u32,
    /// Which of the driver's devices.
    pub minor: u32,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            NodeKind::Character => "char",
            NodeKind::Block => "block",
        };
        write!(f, "{kind} {}:{}", self.major, self.minor)
    }
}

/// Whether something could be done, or the error's name, such as `EPERM`.
pub type Attempt = Result<(), String>;

/// A device node in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundNode {
    /// Where.
    pub path: String,
    /// Which device.
    pub number: Number,
    /// Opening it for reading and writing.
    pub open: Attempt,
    /// Opening it for reading only.
    pub open_read: Attempt,
    /// What identifies the hardware, as far as it can be read: uuid, PCI address, serial.
    pub identities: Vec<String>,
}

impl FoundNode {
    /// Whether it could be opened in any way.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.open.is_ok() || self.open_read.is_ok()
    }
}

impl fmt::Display for FoundNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.number)
    }
}

/// An attempt to make a node of a device that was not given, and to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forged {
    /// Which device.
    pub number: Number,
    /// Making the node.
    pub make: Attempt,
    /// Opening it for reading and writing.
    pub open: Attempt,
    /// Opening it for reading only.
    pub open_read: Attempt,
}

/// All that one container's probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Every device node under `/dev`.
    pub nodes: Vec<FoundNode>,
    /// Every attempt to forge one.
    pub forged: Vec<Forged>,
}
