//! The architectures that an image may have, and the probe's binary for each that was built.

/// A processor architecture of Linux nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// 64-bit x86.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Architecture {
    /// The name that image specifications and node labels (`kubernetes.io/arch`) use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The variant that image specifications add to the name.
    pub(crate) fn variant(self) -> Option<&'static str> {
        match self {
            Self::Amd64 => None,
            Self::Arm64 => Some("v8"),
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The probe as the build script made it, one static binary for each architecture, compressed by gzip; never empty.
pub(crate) const PROBES: &[(Architecture, &[u8])] = include!(concat!(env!("OUT_DIR"), "/probes.rs"));
