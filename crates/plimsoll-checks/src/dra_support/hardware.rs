//! Which hardware a published device stands for, and how to select it.

use std::collections::BTreeSet;

use plimsoll_platform::dra::{Attribute, Device, Slice};
use plimsoll_vendors::Vendor;

use crate::probe_pod::{PCI, pci_addresses, uuid};

/// Whether two published devices are one piece of hardware that could be allocated twice.
///
/// Some drivers publish a model number where others have a uuid, so devices with different PCI addresses are
/// different whatever else they share. Partitions that draw on a common counter exclude each other.
pub(super) fn is_same_hardware(
    (slice, device): (&Slice, &Device),
    (other_slice, other): (&Slice, &Device),
    vendor: Option<&Vendor>,
) -> bool {
    let uuids = (
        uuid(&slice.driver, device, vendor),
        uuid(&other_slice.driver, other, vendor),
    );
    let (Some(uuid), Some(other_uuid)) = uuids else {
        return false;
    };
    let addresses: BTreeSet<&str> = pci_addresses(&slice.driver, device).collect();
    let other_addresses: BTreeSet<&str> = pci_addresses(&other_slice.driver, other).collect();
    let elsewhere =
        !addresses.is_empty() && !other_addresses.is_empty() && addresses.is_disjoint(&other_addresses);
    uuid == other_uuid && !elsewhere && !excludes(device, other)
}

/// Whether the two draw on a common counter.
pub(super) fn excludes(device: &Device, other: &Device) -> bool {
    device
        .consumes
        .keys()
        .any(|counter| other.consumes.contains_key(counter))
}

/// A CEL expression that is true for this device alone among `all` of its driver's.
///
/// `None` when it publishes nothing that sets it apart.
pub(crate) fn pin(driver: &str, device: &Device, all: &[&Device]) -> Option<String> {
    let apart = |name: &String, value: &Attribute| {
        !matches!(value, Attribute::List(_) | Attribute::Bool(_))
            && all
                .iter()
                .filter(|other| other.attributes.get(name) == Some(value))
                .count()
                == 1
    };
    let (name, value) = device
        .attributes
        .iter()
        .filter(|(name, value)| apart(name, value))
        .min_by_key(|(name, _)| preference(name))?;
    equals(driver, name, value)
}

/// What devices are best told apart by comes first.
fn preference(name: &str) -> u8 {
    match name.rsplit('/').next() {
        Some("uuid") => 0,
        Some(short) if PCI.contains(&short) => 1,
        _ => 2,
    }
}

/// A CEL expression over the attribute `name` that no device can meet.
pub(super) fn impossible(driver: &str, device: &Device) -> String {
    let text = |(_, value): &(&String, &Attribute)| matches!(value, Attribute::String(_));
    let named = device
        .attributes
        .iter()
        .filter(text)
        .min_by_key(|(name, _)| preference(name));
    let nowhere = Attribute::String("no such device, says plimsoll".to_owned());
    named
        .and_then(|(name, _)| equals(driver, name, &nowhere))
        .unwrap_or_else(|| "device.driver == \"nobody.plimsoll.dev\"".to_owned())
}

/// Guarded by the driver and by the attribute's presence: an expression that fails on any device makes the
/// whole claim fail.
fn equals(driver: &str, name: &str, value: &Attribute) -> Option<String> {
    let (domain, id) = name.split_once('/')?;
    let literal = match value {
        Attribute::String(text) => serde_json::to_string(text).ok()?,
        Attribute::Int(number) => number.to_string(),
        Attribute::Version(version) => format!("semver({})", serde_json::to_string(version).ok()?),
        Attribute::Bool(_) | Attribute::List(_) => return None,
    };
    let operand = format!("device.attributes[\"{domain}\"].{id}");
    let comparison = match value {
        Attribute::Version(_) => format!("{operand}.compareTo({literal}) == 0"),
        _ => format!("{operand} == {literal}"),
    };
    Some(format!(
        "device.driver == \"{driver}\" && has({operand}) && {comparison}"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const DRIVER: &str = "gpu.nvidia.com";

    fn device(attributes: &[(&str, &str)]) -> Device {
        let attributes: BTreeMap<String, Attribute> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Attribute::String((*value).to_owned())))
            .collect();
        Device {
            name: "d".to_owned(),
            attributes: attributes.into(),
            ..Device::default()
        }
    }

    #[test]
    fn a_device_is_pinned_by_its_uuid_where_it_has_one() {
        let mine = device(&[("gpu.nvidia.com/uuid", "U1"), ("gpu.nvidia.com/alpha", "x")]);
        let other = device(&[("gpu.nvidia.com/uuid", "U2"), ("gpu.nvidia.com/alpha", "y")]);
        assert_eq!(
            pin(DRIVER, &mine, &[&mine, &other]).unwrap(),
            "device.driver == \"gpu.nvidia.com\" && has(device.attributes[\"gpu.nvidia.com\"].uuid) && \
             device.attributes[\"gpu.nvidia.com\"].uuid == \"U1\""
        );
    }

    #[test]
    fn a_value_that_others_have_as_well_pins_nothing() {
        let twin = device(&[("gpu.nvidia.com/model", "M")]);
        assert_eq!(pin(DRIVER, &twin, &[&twin, &twin]), None);
        assert_eq!(pin(DRIVER, &device(&[]), &[]), None);
    }

    #[test]
    fn quotes_in_a_value_cannot_end_the_expression() {
        let odd = device(&[("gpu.nvidia.com/uuid", "a\" || true || \"b")]);
        let expression = pin(DRIVER, &odd, &[&odd]).unwrap();
        assert!(expression.ends_with(r#"== "a\" || true || \"b""#), "{expression}");
    }

    #[test]
    fn the_impossible_is_asked_of_the_attribute_that_tells_devices_apart() {
        let found = device(&[("gpu.nvidia.com/alpha", "x"), ("gpu.nvidia.com/uuid", "U1")]);
        assert!(
            impossible(DRIVER, &found).contains("].uuid == "),
            "{}",
            impossible(DRIVER, &found)
        );
    }

    #[test]
    fn the_impossible_can_be_asked_of_devices_without_attributes() {
        assert_eq!(
            impossible(DRIVER, &device(&[])),
            "device.driver == \"nobody.plimsoll.dev\""
        );
    }
}
