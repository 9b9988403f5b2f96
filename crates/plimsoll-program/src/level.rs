//! Programme versions and the level a requirement has in each.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A version of the programme; it carries the Kubernetes minor release's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProgrammeVersion {
    /// Kubernetes 1.33.
    #[serde(rename = "1.33")]
    V1_33,
    /// Kubernetes 1.34.
    #[serde(rename = "1.34")]
    V1_34,
    /// Kubernetes 1.35.
    #[serde(rename = "1.35")]
    V1_35,
    /// Kubernetes 1.36.
    #[serde(rename = "1.36")]
    V1_36,
    /// Kubernetes 1.37.
    #[serde(rename = "1.37")]
    V1_37,
}

impl ProgrammeVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 5] = [Self::V1_33, Self::V1_34, Self::V1_35, Self::V1_36, Self::V1_37];

    /// The Kubernetes minor number, such as 36.
    #[must_use]
    pub fn minor(self) -> u32 {
        33 + self as u32
    }

    /// The version that goes with a Kubernetes 1.`minor`, if the programme has one.
    #[must_use]
    pub fn from_minor(minor: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.minor() == minor)
    }
}

impl fmt::Display for ProgrammeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor())
    }
}

/// The text is no version of the programme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version of the programme, expected one of 1.33, 1.34, 1.35, 1.36, 1.37")]
pub struct UnknownVersion(pub String);

impl FromStr for ProgrammeVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|version| version.to_string() == bare)
            .ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

/// How binding a requirement is in one version of the programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Needed for a certificate.
    #[serde(rename = "MUST")]
    Must,
    /// Recommended; reported, but never decides a certificate.
    #[serde(rename = "SHOULD")]
    Should,
    /// Not in the checklist of this version; checked all the same as part of the technical baseline.
    #[serde(rename = "pillar")]
    Pillar,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Pillar => "pillar",
        })
    }
}
