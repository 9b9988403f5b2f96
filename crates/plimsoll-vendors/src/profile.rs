//! One vendor's facts.

use serde::Deserialize;

use crate::{DeviceRole, Devices, Driver, GlobList, Metrics, Partitions, VirtualFunctions};

/// Everything the project knows about one accelerator vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vendor {
    /// Short name, equal to the file's.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Extended resource names, as patterns; the first is a plain name, the usual one.
    #[serde(default)]
    pub resources: GlobList,
    /// Names of the DaemonSets of its device plugin, as patterns; the first is a plain name, the usual one.
    #[serde(default)]
    pub plugins: GlobList,
    /// Keys of taints that nodes with these devices usually carry.
    #[serde(default)]
    pub taints: Vec<String>,
    /// Ways in which each of the vendor's products can be shared by software; empty where that depends on the product
    /// or is not known.
    #[serde(default)]
    pub sharing: Vec<String>,
    /// Dynamic resource allocation, where the vendor has a driver.
    #[serde(default)]
    pub dra: Option<Dra>,
    /// Device nodes.
    #[serde(default)]
    pub devices: Devices,
    /// Ways around allocation that a runtime may honour.
    #[serde(default)]
    pub selectors: Selectors,
    /// The kernel driver, where it is known how it shows.
    #[serde(default)]
    pub driver: Option<Driver>,
    /// Hardware partitions, where devices can be divided.
    #[serde(default)]
    pub partitions: Option<Partitions>,
    /// Virtual functions, where devices have them.
    #[serde(default)]
    pub virtual_functions: Option<VirtualFunctions>,
    /// The exporter, where names are known.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// How the lab imitates a device; absent where the lab cannot.
    #[serde(default)]
    pub lab: Option<Lab>,
}

impl Vendor {
    /// The extended resource a whole device is asked for by; `None` for a vendor without a device plugin.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.resources.patterns().first().map(String::as_str)
    }

    /// The usual name of its device plugin's DaemonSet, where that is known.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        self.plugins.patterns().first().map(String::as_str)
    }

    /// What `path` is to this vendor; `None` when it is none of its device nodes.
    #[must_use]
    pub fn matches_device(&self, path: &str) -> Option<DeviceRole> {
        self.devices.role(path)
    }
}

/// A vendor's DRA driver.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dra {
    /// The driver's name, also the domain of its attributes.
    pub driver: String,
    /// Further drivers of this vendor that publish no whole device.
    #[serde(default)]
    pub other_drivers: Vec<String>,
    /// DeviceClasses the vendor installs; the first selects whole devices.
    pub device_classes: Vec<String>,
    /// The attribute that identifies a device.
    #[serde(default)]
    pub uuid_attribute: Option<String>,
    /// The attribute that names the model.
    #[serde(default)]
    pub model_attribute: Option<String>,
    /// The attribute with the driver's version.
    #[serde(default)]
    pub driver_version_attribute: Option<String>,
    /// The attribute that tells whole devices from partitions.
    #[serde(default)]
    pub type_attribute: Option<String>,
    /// That attribute's value for a whole device.
    #[serde(default)]
    pub device_type: Option<String>,
    /// That attribute's value for a partition.
    #[serde(default)]
    pub partition_type: Option<String>,
    /// The DeviceClass that selects partitions only.
    #[serde(default)]
    pub partition_class: Option<String>,
    /// The capacity that holds a device's memory.
    #[serde(default)]
    pub memory_capacity: Option<String>,
    /// Whether a granted device shows as a node under `/dev`.
    #[serde(default = "yes")]
    pub injects_device_nodes: bool,
}

impl Dra {
    /// The attribute to identify a device by: the vendor's, else the customary `uuid`.
    #[must_use]
    pub fn identity_attribute(&self) -> &str {
        self.uuid_attribute.as_deref().unwrap_or("uuid")
    }

    /// Whether `driver` is this vendor's.
    #[must_use]
    pub fn is_driver(&self, driver: &str) -> bool {
        self.driver == driver || self.other_drivers.iter().any(|other| other == driver)
    }
}

/// Ways a container may name devices without having been allocated them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Selectors {
    /// Environment variables.
    pub env: Vec<String>,
    /// Folders under which a mount names a device.
    pub mounts: Vec<String>,
    /// Patterns of annotation keys.
    pub annotations: Vec<String>,
    /// The vendor's RuntimeClass.
    pub runtime_class: Option<String>,
}

/// How the lab imitates a vendor's device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lab {
    /// Path in a container; `{index}` or `{index+N}` stands for the device's number.
    pub path: String,
    /// The model it claims to be.
    pub model: String,
    /// The driver version it claims, as a semantic version.
    pub driver_version: String,
    /// The memory it claims.
    pub memory_bytes: u64,
}

impl Lab {
    /// Where a container finds the version that the imitated driver tells: nobody can add files to the kernel's own.
    #[must_use]
    pub fn version_file(vendor: &str) -> String {
        format!("/run/plimsoll-lab/{vendor}/driver-version")
    }

    /// The next major version of the driver, which no node has.
    #[must_use]
    pub fn next_driver_version(&self) -> String {
        let (major, rest) = self.driver_version.split_once('.').unwrap_or_default();
        format!(
            "{}.{rest}",
            major.parse::<u32>().map_or(1, |major| major.saturating_add(1))
        )
    }

    /// The path of device `index` in a container.
    ///
    /// A template without a number in braces names every device alike; the profiles' test refuses such a file.
    #[must_use]
    pub fn device_path(&self, index: u32) -> String {
        numbered(&self.path, index)
    }
}

impl crate::VirtualLab {
    /// The path of the virtual function of that number on its node.
    #[must_use]
    pub fn device_path(&self, index: u32) -> String {
        numbered(&self.path, index)
    }
}

/// A template with `{index}` or `{index+N}` replaced by the number.
pub(crate) fn numbered(template: &str, index: u32) -> String {
    let Some((before, rest)) = template.split_once("{index") else {
        return template.to_owned();
    };
    let Some((offset, after)) = rest.split_once('}') else {
        return template.to_owned();
    };
    let offset = offset
        .strip_prefix('+')
        .and_then(|digits| digits.parse::<u32>().ok())
        .unwrap_or(0);
    format!("{before}{}{after}", index.saturating_add(offset))
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(path: &str) -> Lab {
        Lab {
            path: path.into(),
            model: String::new(),
            driver_version: String::new(),
            memory_bytes: 0,
        }
    }

    #[test]
    fn a_path_counts_from_its_offset() {
        assert_eq!(lab("/dev/nvidia{index}").device_path(1), "/dev/nvidia1");
        assert_eq!(
            lab("/dev/dri/renderD{index+128}").device_path(1),
            "/dev/dri/renderD129"
        );
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = toml::from_str::<Vendor>("id = 'x'\nname = 'X'\nresource = 'x.com/y'").unwrap_err();
        assert!(error.to_string().contains("resource"), "{error}");
    }
}
