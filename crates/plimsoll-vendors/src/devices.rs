//! Paths under `/dev`, and the patterns that tell whose they are.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, de::Error as _};

/// What a device node is to its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceRole {
    /// Belongs to one device: whoever opens it uses that device.
    Exclusive,
    /// Shared by all devices of the machine: decides nothing about whose device it is.
    Control,
}

/// The device nodes of a vendor.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Devices {
    /// Nodes that belong to one device.
    pub exclusive: GlobList,
    /// Nodes that all devices share.
    pub control: GlobList,
}

impl Devices {
    /// What `path` is to this vendor; `None` when it is none of its nodes.
    ///
    /// A control node wins over an exclusive pattern that happens to cover it.
    #[must_use]
    pub fn role(&self, path: &str) -> Option<DeviceRole> {
        if self.control.matches(path) {
            Some(DeviceRole::Control)
        } else if self.exclusive.matches(path) {
            Some(DeviceRole::Exclusive)
        } else {
            None
        }
    }
}

/// Shell patterns, compiled when the file is read; `*` does not cross a `/`.
#[derive(Debug, Clone, Default)]
pub struct GlobList {
    patterns: Vec<String>,
    matchers: Vec<GlobMatcher>,
}

impl GlobList {
    /// Compiles `patterns`.
    ///
    /// # Errors
    /// The first pattern that is no glob.
    pub fn new(patterns: Vec<String>) -> Result<Self, globset::Error> {
        let matchers = patterns
            .iter()
            .map(|pattern| {
                Ok(GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .build()?
                    .compile_matcher())
            })
            .collect::<Result<_, globset::Error>>()?;
        Ok(Self { patterns, matchers })
    }

    /// Whether any pattern matches the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matchers.iter().any(|matcher| matcher.is_match(text))
    }

    /// The patterns as written in the file.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

impl<'de> Deserialize<'de> for GlobList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_does_not_cross_a_folder() {
        let globs = GlobList::new(vec!["/dev/accel[0-9]*".into()]).unwrap();
        assert!(globs.matches("/dev/accel0"));
        assert!(!globs.matches("/dev/accel/accel0"));
    }

    #[test]
    fn a_broken_pattern_is_an_error() {
        assert!(GlobList::new(vec!["/dev/[".into()]).is_err());
    }

    #[test]
    fn no_pattern_matches_nothing() {
        assert!(!GlobList::default().matches("/dev/nvidia0"));
        assert_eq!(Devices::default().role(""), None);
    }
}
