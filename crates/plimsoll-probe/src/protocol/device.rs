//! Device nodes: which there are, what opens, what can be made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Access, Identity};

/// What kind of device a node stands for. The kernel numbers the two kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A block device.
    Block,
    /// A character device.
    Character,
}

impl NodeKind {
    /// The letter that `mknod(1)` and [`DeviceNumber`] use.
    pub fn letter(self) -> char {
        match self {
            Self::Block => 'b',
            Self::Character => 'c',
        }
    }
}

/// A device by its number, written as `mknod(1)` takes it: `b:7:3`, `c:195:0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceNumber {
    /// Block or character.
    pub kind: NodeKind,
    /// The driver's number.
    pub major: u32,
    /// The driver's number for the device.
    pub minor: u32,
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind.letter(), self.major, self.minor)
    }
}

/// A text that is no device number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no device number: write kind:major:minor, such as b:7:3 or c:195:0")]
pub struct BadDeviceNumber(String);

impl FromStr for DeviceNumber {
    type Err = BadDeviceNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadDeviceNumber(text.to_owned());
        let mut parts = text.split(':');
        let (Some(kind), Some(major), Some(minor), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let kind = match kind {
            "b" | "block" => NodeKind::Block,
            "c" | "character" => NodeKind::Character,
            _ => return Err(bad()),
        };
        Ok(Self {
            kind,
            major: major.parse().map_err(|_| bad())?,
            minor: minor.parse().map_err(|_| bad())?,
        })
    }
}

/// How a node answered to being opened, without waiting and without becoming a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Opened {
    /// For reading and writing.
    pub read_write: Access,
    /// For reading.
    pub read_only: Access,
}

impl Opened {
    /// Whether it opened either way.
    pub fn is_open(&self) -> bool {
        self.read_write.is_granted() || self.read_only.is_granted()
    }

    /// Whether permission was refused both ways, and for no other reason.
    pub fn is_denied(&self) -> bool {
        self.read_write.is_denied() && self.read_only.is_denied()
    }
}

/// A device node that the container sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceNode {
    /// Where it is.
    pub path: String,
    /// Which device it stands for.
    #[serde(flatten)]
    pub number: DeviceNumber,
    /// Permission bits.
    pub mode: u32,
    /// Whether its path matches a glob that was asked for.
    pub matched: bool,
    /// Whether every container has it, by path *and* number: an accelerator called `/dev/null` is not standard.
    pub standard: bool,
    /// How it answered; absent where nobody tried, as with standard nodes that no glob matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
    /// Which device it is, where that could be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

impl DeviceNode {
    /// Whether it opened either way.
    pub fn is_open(&self) -> bool {
        self.opened.as_ref().is_some_and(Opened::is_open)
    }

    /// The uuid of the device behind it.
    pub fn uuid(&self) -> Option<&str> {
        self.identity.as_ref()?.uuid.as_deref()
    }
}

/// The end of a walk: that there are no more nodes, and what could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Walked {
    /// Where it began.
    pub roots: Vec<String>,
    /// Device nodes found.
    pub nodes: u64,
    /// Folders that could not be read, with the kernel's reason. A walk with any is not proof of absence.
    pub unread: Vec<Unread>,
}

/// Something that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unread {
    /// Where it is.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// An attempt to reach a device that was not given, by making its node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Forged {
    /// The device tried.
    #[serde(flatten)]
    pub number: DeviceNumber,
    /// Where the node was tried to be made, in turn; the last is the one that was opened, if any was made.
    pub attempts: Vec<ForgeAttempt>,
    /// How the made node answered; absent where none could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
    /// Which device answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

impl Forged {
    /// Whether the device was reached: isolation is broken.
    pub fn is_open(&self) -> bool {
        self.opened.as_ref().is_some_and(Opened::is_open)
    }

    /// Whether a node was made.
    pub fn is_made(&self) -> bool {
        self.opened.is_some()
    }

    /// Whether a refusal speaks of the device cgroup: a node was made where the mount allows device nodes, and
    /// opening it was denied.
    pub fn is_denied_by_kernel(&self) -> bool {
        let allowed = self
            .attempts
            .last()
            .is_some_and(|last| last.devices_allowed == Some(true));
        allowed && self.opened.as_ref().is_some_and(Opened::is_denied)
    }
}

/// One folder in which a node was tried to be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ForgeAttempt {
    /// The folder.
    pub folder: String,
    /// Whether its mount allows device nodes to be opened (it lacks `nodev`), where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices_allowed: Option<bool>,
    /// How `mknod(2)` answered.
    pub mknod: Access,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn device_numbers_read_as_mknod_takes_them() {
        let number: DeviceNumber = "b:7:3".parse().unwrap();
        assert_eq!(
            number,
            DeviceNumber {
                kind: NodeKind::Block,
                major: 7,
                minor: 3
            }
        );
        for bad in ["", "b", "b:7", "x:1:2", "b:7:3:4", "b:-1:0", "c:1:4294967296"] {
            assert_eq!(bad.parse::<DeviceNumber>(), Err(BadDeviceNumber(bad.to_owned())));
        }
    }

    #[test]
    fn a_refusal_on_a_nodev_mount_says_nothing_of_the_cgroup() {
        let denied = || Access::Refused(super::super::Errno::named("EACCES"));
        let forged = |devices_allowed| Forged {
            number: DeviceNumber {
                kind: NodeKind::Block,
                major: 7,
                minor: 0,
            },
            attempts: vec![ForgeAttempt {
                folder: "/tmp".to_owned(),
                devices_allowed,
                mknod: Access::Granted,
            }],
            opened: Some(Opened {
                read_write: denied(),
                read_only: denied(),
            }),
            identity: None,
        };
        assert!(forged(Some(true)).is_denied_by_kernel());
        assert!(!forged(Some(false)).is_denied_by_kernel());
        assert!(!forged(None).is_denied_by_kernel());
    }

    proptest! {
        #[test]
        fn device_numbers_survive_the_way_there_and_back(block: bool, major: u32, minor: u32) {
            let kind = if block { NodeKind::Block } else { NodeKind::Character };
            let number = DeviceNumber { kind, major, minor };
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text.parse::<DeviceNumber>();
        }
    }
}
