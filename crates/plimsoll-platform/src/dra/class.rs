//! DeviceClasses: named selections of devices.

use serde::Serialize;
use serde_json::Value;

use super::{Device, Selector, Truth, slice::text};

/// A named selection of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceClass {
    /// Its name.
    pub name: String,
    /// The CEL expressions that a device must all satisfy.
    pub selectors: Vec<String>,
    /// The extended resource it stands behind.
    pub extended_resource: Option<String>,
}

impl DeviceClass {
    /// From an object of any version.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let selectors = object
            .pointer("/spec/selectors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Some(Self {
            name: text(object.pointer("/metadata/name"))?,
            selectors: selectors
                .filter_map(|selector| text(selector.pointer("/cel/expression")))
                .collect(),
            extended_resource: text(object.pointer("/spec/extendedResourceName")),
        })
    }

    /// Whether the class selects a device, as far as its expressions are understood.
    #[must_use]
    pub fn selects(&self, driver: &str, device: &Device) -> Truth {
        let mut all = Truth::Yes;
        for expression in &self.selectors {
            match Selector::parse(expression) {
                Ok(selector) => match selector.matches(driver, device) {
                    Truth::No => return Truth::No,
                    Truth::Yes => {}
                    unknown @ Truth::Unknown(_) => all = unknown,
                },
                Err(error) => all = Truth::Unknown(error.to_string()),
            }
        }
        all
    }
}
