//! Which device a node leads to, as the device itself or its driver says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the first block of a reference accelerator begins with; one line of JSON follows.
pub const HEADER_MAGIC: &str = "PLIMSOLL-ACCELERATOR/1 ";

/// The size of the block that holds the header. No load ever writes to it.
pub const HEADER_BYTES: usize = 4096;

/// Who says which device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentitySource {
    /// The device's own first block.
    Header,
    /// `/proc/driver/nvidia/gpus/*/information`.
    NvidiaProc,
    /// The kernel's entry for the device number.
    Sysfs,
}

/// What a device is that is no whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceRole {
    /// A partition of another device.
    Partition,
    /// A virtual function of another device.
    Virtual,
    /// What lets a partition be used.
    Capability,
}

impl DeviceRole {
    fn read(name: &str) -> Option<Self> {
        serde_json::from_value(Value::from(name)).ok()
    }
}

/// A device's identity, as far as its source knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Who says so.
    pub source: IdentitySource,
    /// The device's uuid or, where the vendor has none, its unique id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The vendor: a name, or the PCI vendor id in `0x…` form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Its place among the node's devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The node it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What the kernel lets a holder read and write of it, where it is a block device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced_bytes: Option<u64>,
    /// The device that it is a part of: a uuid, or the PCI address of the physical function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it is, where it is known to be no whole device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<DeviceRole>,
    /// Its PCI address, `0000:3b:00.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci_address: Option<String>,
    /// The root complex that it hangs on, `pci0000:3a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcie_root: Option<String>,
    /// The NUMA node that it is local to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numa_node: Option<i64>,
    /// Where the kernel's entry for it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sysfs: Option<String>,
}

impl Identity {
    /// An identity of which nothing is known yet.
    pub fn unknown(source: IdentitySource) -> Self {
        Self {
            source,
            uuid: None,
            model: None,
            vendor: None,
            index: None,
            node: None,
            memory_bytes: None,
            enforced_bytes: None,
            parent: None,
            role: None,
            pci_address: None,
            pcie_root: None,
            numa_node: None,
            sysfs: None,
        }
    }

    /// Reads a device's first block. Nothing where it does not begin as a reference accelerator's does.
    pub fn from_header(block: &[u8]) -> Option<Self> {
        let after_magic = block.strip_prefix(HEADER_MAGIC.as_bytes())?;
        let end = after_magic
            .iter()
            .position(|byte| matches!(byte, b'\n' | 0))
            .unwrap_or(after_magic.len());
        let fields: Value = serde_json::from_slice(after_magic.get(..end)?).ok()?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            uuid: text("uuid"),
            model: text("model"),
            vendor: text("vendor"),
            index: number(fields.get("index")),
            node: text("node"),
            memory_bytes: number(fields.get("memory")),
            pcie_root: text("pcie_root"),
            numa_node: fields.get("numa_node").and_then(Value::as_i64),
            parent: text("parent"),
            role: text("role").as_deref().and_then(DeviceRole::read),
            ..Self::unknown(IdentitySource::Header)
        })
    }

    /// The first block of a reference accelerator of this identity, padded to [`HEADER_BYTES`].
    ///
    /// Nothing where it does not fit.
    pub fn to_header(&self) -> Option<Vec<u8>> {
        let mut fields = serde_json::json!({
            "uuid": self.uuid,
            "model": self.model,
            "vendor": self.vendor,
            "index": self.index,
            "node": self.node,
            "memory": self.memory_bytes,
            "pcie_root": self.pcie_root,
            "numa_node": self.numa_node,
        });
        if let Some(parent) = &self.parent {
            fields["parent"] = Value::from(parent.as_str());
        }
        if let Some(role) = self.role {
            fields["role"] = serde_json::to_value(role).unwrap_or_default();
        }
        let mut block = format!("{HEADER_MAGIC}{fields}\n").into_bytes();
        (block.len() <= HEADER_BYTES).then(|| {
            block.resize(HEADER_BYTES, 0);
            block
        })
    }
}

/// A number, also where a writer put it in quotes.
fn number(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_names_the_device() {
        let mut block = br#"PLIMSOLL-ACCELERATOR/1 {"uuid":"GPU-1","model":"M","vendor":"nvidia","index":2,"node":"n","memory":"1024"}"#.to_vec();
        block.push(b'\n');
        block.resize(HEADER_BYTES, 0);
        let identity = Identity::from_header(&block).unwrap();
        assert_eq!(identity.uuid.as_deref(), Some("GPU-1"));
        assert_eq!((identity.index, identity.memory_bytes), (Some(2), Some(1024)));
        assert_eq!(identity.source, IdentitySource::Header);
    }

    #[test]
    fn a_part_says_what_it_is_and_what_it_belongs_to() {
        let part = Identity {
            uuid: Some("MIG-1".to_owned()),
            parent: Some("GPU-1".to_owned()),
            role: Some(DeviceRole::Partition),
            ..Identity::unknown(IdentitySource::Header)
        };
        assert_eq!(Identity::from_header(&part.to_header().unwrap()), Some(part));
        let odd = br#"PLIMSOLL-ACCELERATOR/1 {"uuid":"U","role":"something else"}"#;
        assert_eq!(Identity::from_header(odd).unwrap().role, None);
    }

    #[test]
    fn other_content_is_no_header() {
        assert_eq!(Identity::from_header(&[0; HEADER_BYTES]), None);
        assert_eq!(Identity::from_header(b"PLIMSOLL-ACCELERATOR/2 {}\n"), None);
        assert_eq!(
            Identity::from_header(b"PLIMSOLL-ACCELERATOR/1 {\"uuid\":\n"),
            None
        );
    }

    #[test]
    fn a_header_that_does_not_fit_is_not_written() {
        let long = Identity {
            uuid: Some("u".repeat(HEADER_BYTES)),
            ..Identity::unknown(IdentitySource::Header)
        };
        assert_eq!(long.to_header(), None);
    }

    proptest! {
        #[test]
        fn headers_survive_the_way_there_and_back(uuid in ".{0,40}", index: Option<u64>, memory: Option<u64>) {
            let identity = Identity {
                uuid: Some(uuid),
                index,
                memory_bytes: memory,
                ..Identity::unknown(IdentitySource::Header)
            };
            let block = identity.to_header().unwrap();
            prop_assert_eq!(block.len(), HEADER_BYTES);
            prop_assert_eq!(Identity::from_header(&block), Some(identity));
        }

        #[test]
        fn any_block_is_read_or_refused(block: Vec<u8>) {
            let _ = Identity::from_header(&block);
            let _ = Identity::from_header(&[HEADER_MAGIC.as_bytes(), &block].concat());
        }
    }
}
