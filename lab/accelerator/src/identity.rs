//! A device's own statement of who it is.
//!
//! Real accelerators answer when asked for their uuid; a loop device only has bytes. So its first
//! [`HEADER_LENGTH`] bytes hold a line of text, the rest of them zero:
//!
//! ```text
//! PLIMSOLL-ACCELERATOR/1 {"uuid":"…","model":"…","vendor":"…","index":0,"node":"…","memory":68719476736,"pcie_root":"pci0000:00",
//! "numa_node":0}
//! ```
//!
//! Whoever can open the device reads who it is, whatever path it is reached by. `memory` is in bytes. A part of a
//! device also names its `parent` by uuid, and its `role`.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a header starts with, its version included.
pub const MAGIC: &str = "PLIMSOLL-ACCELERATOR/1 ";

/// How many bytes of a device belong to its header.
pub const HEADER_LENGTH: usize = 4096;

/// Who a device says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Unique in the lab, and the same after every restart.
    pub uuid: String,
    /// The model it claims to be.
    pub model: String,
    /// The vendor profile's id.
    pub vendor: String,
    /// Its number among its vendor's devices on its node.
    pub index: u32,
    /// The node it is in.
    pub node: String,
    /// Its memory in bytes.
    pub memory: u64,
    /// The PCIe root that it hangs on.
    pub pcie_root: String,
    /// The NUMA node that it is local to.
    pub numa_node: u32,
    /// The uuid of the device that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it is, where it is no whole device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What a device is that is no whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A partition of another device.
    Partition,
    /// A virtual function of another device.
    Virtual,
    /// What lets a partition be used.
    Capability,
}

/// Why bytes are no header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// They do not start as one.
    #[error("the device does not start with `{}`", MAGIC.trim_end())]
    Magic,
    /// What follows is not what it should be.
    #[error("the device's header does not say who it is")]
    Content(#[source] serde_json::Error),
}

/// The bytes a device of this identity starts with.
#[must_use]
pub fn header(identity: &Identity) -> Vec<u8> {
    let mut bytes = MAGIC.as_bytes().to_vec();
    // A struct of strings and numbers always serialises.
    bytes.extend(serde_json::to_vec(identity).unwrap_or_default());
    bytes.push(b'\n');
    bytes.resize(HEADER_LENGTH, 0);
    bytes
}

/// Reads the identity out of a device's first bytes.
///
/// # Errors
/// When they are no header.
pub fn parse_header(bytes: &[u8]) -> Result<Identity, HeaderError> {
    let line = bytes
        .split(|byte| *byte == b'\n' || *byte == 0)
        .next()
        .unwrap_or_default();
    let content = line.strip_prefix(MAGIC.as_bytes()).ok_or(HeaderError::Magic)?;
    serde_json::from_slice(content).map_err(HeaderError::Content)
}

/// Writes the header into a device, through to the device itself.
///
/// # Errors
/// When the device cannot be opened or written.
pub fn write_header(device: &Path, identity: &Identity) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(device)?;
    file.write_all(&header(identity))?;
    file.sync_data()
}

/// The uuid of a device: the same for the same place, in any run.
#[must_use]
pub fn uuid(node: &str, vendor: &str, place: &str) -> String {
    let digest = Sha256::digest(format!("plimsoll-lab/{node}/{vendor}/{place}"));
    let mut bytes: [u8; 16] = std::array::from_fn(|at| digest[at]);
    // RFC 9562: version 8 (own scheme), variant 10.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            uuid: uuid("n1", "nvidia", "0"),
            model: "H100".into(),
            vendor: "nvidia".into(),
            index: 0,
            node: "n1".into(),
            memory: 1 << 36,
            pcie_root: "pci0000:00".into(),
            numa_node: 0,
            parent: None,
            role: None,
        }
    }

    #[test]
    fn a_header_reads_back() {
        let bytes = header(&identity());
        assert_eq!(bytes.len(), HEADER_LENGTH);
        assert!(bytes.starts_with(b"PLIMSOLL-ACCELERATOR/1 {\"uuid\":"));
        assert_eq!(parse_header(&bytes).unwrap(), identity());
    }

    #[test]
    fn a_header_is_written_over_what_a_device_held() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 3 * HEADER_LENGTH]).unwrap();
        write_header(file.path(), &identity()).unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!(parse_header(&bytes).unwrap(), identity());
        assert_eq!(&bytes[HEADER_LENGTH..], vec![7; 2 * HEADER_LENGTH]);
    }

    #[test]
    fn other_bytes_are_no_header() {
        assert!(matches!(parse_header(b""), Err(HeaderError::Magic)));
        assert!(matches!(
            parse_header(&[0; HEADER_LENGTH]),
            Err(HeaderError::Magic)
        ));
        assert!(matches!(
            parse_header(b"PLIMSOLL-ACCELERATOR/2 {}"),
            Err(HeaderError::Magic)
        ));
        assert!(matches!(
            parse_header(b"PLIMSOLL-ACCELERATOR/1 {}"),
            Err(HeaderError::Content(_))
        ));
    }

    #[test]
    fn a_uuid_stays_and_differs_by_place() {
        assert_eq!(uuid("n1", "nvidia", "0"), uuid("n1", "nvidia", "0"));
        let all = [
            uuid("n1", "nvidia", "0"),
            uuid("n1", "nvidia", "1"),
            uuid("n2", "nvidia", "0"),
            uuid("n1", "amd", "0"),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(all[0].len(), 36);
        assert_eq!(
            all[0].split('-').map(str::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
    }
}
