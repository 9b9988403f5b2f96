//! Parts of devices as their vendor offers them: hardware partitions and virtual functions.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde::Deserialize;

use crate::{GlobList, Vendor};

/// How a vendor offers hardware partitions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Partitions {
    /// The extended resource of a partition; `{profile}` stands for its profile. Absent where device plugins offer none.
    #[serde(default)]
    pub resource: Option<String>,
    /// The attribute with a partition's profile.
    pub profile_attribute: String,
    /// The attribute with the identity of the device that a partition belongs to.
    pub parent_attribute: String,
    /// Nodes that let a partition be used without being the partition.
    #[serde(default)]
    pub capability_nodes: GlobList,
    /// Whether a partition comes with the node of the whole device, so that capability nodes alone keep partitions apart.
    #[serde(default)]
    pub shares_device_node: bool,
    /// The node label by which a node is asked to be divided otherwise.
    #[serde(default)]
    pub config_label: Option<String>,
    /// The node label that says how far that is.
    #[serde(default)]
    pub state_label: Option<String>,
    /// The value of that label by which no device of the node is divided.
    #[serde(default)]
    pub whole_config: Option<String>,
    /// How devices are divided, for those who imitate them.
    #[serde(default)]
    pub geometry: Option<Geometry>,
}

/// What a vendor's devices are made of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Geometry {
    /// How many slices a device has.
    pub slices: u32,
    /// What slices are called among the counters of a device.
    pub counter: String,
    /// How many of them each profile takes.
    pub profiles: BTreeMap<String, u32>,
    /// The path of a partition's capability in a container; `{index}` stands for its number on the node.
    #[serde(default)]
    pub capability: Option<String>,
}

/// How a vendor offers virtual functions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VirtualFunctions {
    /// Extended resources of virtual functions, as patterns.
    #[serde(default)]
    pub resources: GlobList,
    /// The DeviceClass that selects virtual functions.
    #[serde(default)]
    pub class: Option<String>,
    /// The value of the vendor's type attribute for a virtual function.
    #[serde(default)]
    pub device_type: Option<String>,
    /// The attribute with the identity of the physical device.
    #[serde(default)]
    pub parent_attribute: Option<String>,
    /// Node labels that say that a node has virtual functions.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Nodes by which a container is given a virtual function.
    #[serde(default)]
    pub nodes: GlobList,
    /// How the lab imitates one.
    #[serde(default)]
    pub lab: Option<VirtualLab>,
}

/// How the lab imitates a virtual function.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VirtualLab {
    /// Path in a container; `{index}` or `{index+N}` stands for its number on the node.
    pub path: String,
    /// The extended resource, where it is handed out by a device plugin.
    #[serde(default)]
    pub resource: Option<String>,
}

impl Vendor {
    /// The profile that an extended resource of partitions is of.
    #[must_use]
    pub fn profile_of_resource<'a>(&self, resource: &'a str) -> Option<&'a str> {
        if Some(resource) == self.resource() {
            return None;
        }
        let pattern = self.partitions.as_ref()?.resource.as_deref()?;
        let (before, after) = pattern.split_once("{profile}")?;
        let profile = resource.strip_prefix(before)?.strip_suffix(after)?;
        // Other resources of a vendor whose partitions have no prefix of their own are no profiles.
        let known = !before.ends_with('/') || self.resources.matches(resource);
        (known && !profile.is_empty()).then_some(profile)
    }

    /// Whether an extended resource is one of virtual functions.
    #[must_use]
    pub fn is_virtual_resource(&self, resource: &str) -> bool {
        self.virtual_functions
            .as_ref()
            .is_some_and(|functions| functions.resources.matches(resource))
    }

    /// Whether a DeviceClass selects parts of devices only.
    #[must_use]
    pub fn is_class_of_parts(&self, class: &str) -> bool {
        let partitions = self.dra.as_ref().and_then(|dra| dra.partition_class.as_deref());
        let functions = self
            .virtual_functions
            .as_ref()
            .and_then(|functions| functions.class.as_deref());
        [partitions, functions].contains(&Some(class))
    }
}

impl Partitions {
    /// The extended resource of a profile.
    #[must_use]
    pub fn resource_of(&self, profile: &str) -> Option<String> {
        Some(self.resource.as_deref()?.replace("{profile}", profile))
    }
}

/// The memory that a profile such as `1g.10gb` or `2g.20gb+me` stands for, give or take a tenth: vendors count their
/// gigabytes by thousands as well as by 1024. `None` where its name tells no size.
#[must_use]
pub fn memory_of_profile(profile: &str) -> Option<RangeInclusive<u64>> {
    let (before, _) = profile.split_once("gb")?;
    let digits = before.len() - before.bytes().rev().take_while(u8::is_ascii_digit).count();
    let gigabytes: u64 = before.get(digits..)?.parse().ok()?;
    let low = gigabytes.checked_mul(900_000_000)?;
    let high = gigabytes.checked_mul(1 << 30)?;
    (gigabytes > 0).then(|| low..=high.saturating_add(high / 10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DeviceRole;

    fn vendor(id: &str) -> &'static Vendor {
        Vendor::by_id(id).unwrap()
    }

    #[test]
    fn a_profiles_name_tells_its_memory() {
        let ten = memory_of_profile("1g.10gb").unwrap();
        assert!(
            ten.contains(&(9728 << 20)),
            "what a real partition of that profile has"
        );
        assert!(!ten.contains(&(20 << 30)) && !ten.contains(&(5 << 30)));
        assert_eq!(memory_of_profile("1c.3g.40gb"), memory_of_profile("3g.40gb"));
        assert_eq!(memory_of_profile("1g.10gb+me"), memory_of_profile("1g.10gb"));
        for nothing in ["cpx_nps1", "gb", "0gb", "", "1g.", "99999999999999999999gb"] {
            assert_eq!(memory_of_profile(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn resources_of_partitions_are_told_from_others() {
        assert_eq!(
            vendor("nvidia").profile_of_resource("nvidia.com/mig-1g.10gb"),
            Some("1g.10gb")
        );
        assert_eq!(vendor("nvidia").profile_of_resource("nvidia.com/gpu"), None);
        assert_eq!(
            vendor("amd").profile_of_resource("amd.com/cpx_nps1"),
            Some("cpx_nps1")
        );
        assert_eq!(vendor("amd").profile_of_resource("amd.com/gpu"), None);
        assert_eq!(vendor("amd").profile_of_resource("amd.com/anything"), None);
        assert_eq!(
            vendor("intel-gpu").profile_of_resource("gpu.intel.com/i915"),
            None
        );
    }

    #[test]
    fn what_the_lab_imitates_is_what_the_vendor_has() {
        for vendor in Vendor::all() {
            let geometry = vendor
                .partitions
                .as_ref()
                .and_then(|partitions| partitions.geometry.as_ref());
            if let Some(geometry) = geometry {
                assert!(
                    geometry
                        .profiles
                        .values()
                        .all(|size| (1..=geometry.slices).contains(size))
                );
                if let Some(path) = &geometry.capability {
                    let path = path.replace("{index}", "3");
                    assert!(
                        vendor
                            .partitions
                            .as_ref()
                            .unwrap()
                            .capability_nodes
                            .matches(&path)
                    );
                    assert_eq!(vendor.matches_device(&path), Some(DeviceRole::Exclusive));
                }
            }
            let functions = vendor.virtual_functions.as_ref();
            if let Some(functions) = functions
                && let Some(lab) = &functions.lab
            {
                let path = crate::profile::numbered(&lab.path, 1);
                assert!(functions.nodes.matches(&path), "{}: {path}", vendor.id);
                assert_eq!(
                    vendor.matches_device(&path),
                    Some(DeviceRole::Exclusive),
                    "{path}"
                );
                if let Some(resource) = &lab.resource {
                    assert!(vendor.is_virtual_resource(resource));
                    assert_eq!(Vendor::by_resource(resource).unwrap().id, vendor.id);
                }
            }
            if let Some(class) = functions.and_then(|functions| functions.class.as_ref()) {
                assert!(vendor.is_class_of_parts(class));
                assert!(
                    vendor.dra.as_ref().unwrap().device_classes.contains(class),
                    "{class}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_profile_is_read_or_refused(text in ".{0,20}") {
            let _ = memory_of_profile(&text);
        }
    }
}
