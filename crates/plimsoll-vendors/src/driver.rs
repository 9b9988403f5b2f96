//! How a vendor's kernel driver and runtime set-up show: on a node, in its labels, and in a pod.

use serde::Deserialize;

use crate::GlobList;

/// The kernel driver of a vendor's devices, and what its container runtime set-up brings into pods.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Driver {
    /// Files in which the loaded driver tells its version, as every container sees them; the first that is there counts.
    pub version_files: Vec<String>,
    /// Whether one of them is always there while the driver is loaded: drivers that come with the kernel have none.
    pub always_tells: bool,
    /// Node labels whose value is the driver's whole version.
    pub labels: Vec<String>,
    /// Node labels that say that a node has such devices.
    pub presence_labels: GlobList,
    /// The label with the number of a node's devices.
    pub count_label: Option<String>,
    /// The label with their product's name.
    pub product_label: Option<String>,
    /// Libraries and tools that the runtime set-up brings into a container with a device, as patterns of paths; one of
    /// them must be there. Empty where an image has to bring them itself.
    pub runtime_files: GlobList,
    /// Patterns of names of the DaemonSets that keep driver and labels.
    pub keepers: GlobList,
    /// Custom resources that state the version.
    pub resources: Vec<Stating>,
}

/// A kind of object that states which driver its nodes have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stating {
    /// Its API group.
    pub group: String,
    /// The group's version.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// The kind's name in paths.
    pub plural: String,
    /// Where the version stands, as a JSON pointer.
    pub states: String,
    /// Where it stands that the operator manages the driver at all; absent where it always does.
    #[serde(default)]
    pub enabled: Option<String>,
    /// Where the labels of the nodes stand that it is about; absent or empty for all that have such devices.
    #[serde(default)]
    pub nodes: Option<String>,
}

impl Driver {
    /// The version that a driver's own text tells: its first word that is made of dotted numbers, without what a
    /// packager appended.
    #[must_use]
    pub fn version_in(text: &str) -> Option<&str> {
        text.split_whitespace().find_map(|word| {
            let end = word
                .find(|character: char| !character.is_ascii_digit() && character != '.')
                .unwrap_or(word.len());
            let (number, rest) = word.split_at(end);
            let number = number.trim_end_matches('.');
            let is_version = number.contains('.')
                && number.split('.').all(|part| !part.is_empty())
                && !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == ':');
            is_version.then_some(number)
        })
    }

    /// One file that satisfies [`runtime_files`](Self::runtime_files), for who imitates the set-up.
    #[must_use]
    pub fn runtime_file(&self) -> Option<String> {
        let pattern = self.runtime_files.patterns().first()?;
        Some(pattern.replace('*', ".1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_drivers_say() {
        let nvidia = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root@host)\n\
                      GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n";
        assert_eq!(Driver::version_in(nvidia), Some("580.95.05"));
        assert_eq!(Driver::version_in("6.14.14\n"), Some("6.14.14"));
        assert_eq!(Driver::version_in("6.10.5-1787201.22.04"), Some("6.10.5"));
        for other in ["", "unknown", "x86_64", "6", "1.2_3", "12:30.5:1", "...", "1..2"] {
            assert_eq!(Driver::version_in(other), None, "{other}");
        }
    }

    #[test]
    fn an_imitated_file_is_one_of_those_that_are_looked_for() {
        for vendor in crate::Vendor::all() {
            let Some(driver) = &vendor.driver else { continue };
            if let Some(file) = driver.runtime_file() {
                assert!(driver.runtime_files.matches(&file), "{}: {file}", vendor.id);
            }
        }
    }
}
