//! What the API says of devices and claims, as far as a pod's holdings are compared with it.

use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use plimsoll_platform::dra::{Allocated, Claim, Device, Slice};
use plimsoll_vendors::Vendor;

use super::Promised;

/// Attributes by which a device is known on the PCI bus: the standard name, and those that drivers use.
pub(crate) const PCI: &[&str] = &["pciBusID", "pciAddr", "pciAddress"];

/// What is published that identifies the device's hardware: the uuid first, then PCI addresses.
pub(crate) fn identities(driver: &str, device: &Device, vendor: Option<&Vendor>) -> Vec<String> {
    uuid(driver, device, vendor)
        .into_iter()
        .chain(pci_addresses(driver, device))
        .map(str::to_owned)
        .collect()
}

/// The attribute that the vendor identifies devices by.
pub(crate) fn uuid<'a>(driver: &str, device: &'a Device, vendor: Option<&Vendor>) -> Option<&'a str> {
    let attribute = vendor
        .and_then(|vendor| vendor.dra.as_ref())
        .map_or("uuid", |dra| dra.identity_attribute());
    device.attributes.get(&format!("{driver}/{attribute}"))?.as_str()
}

/// The device's addresses on the PCI bus.
pub(crate) fn pci_addresses<'a>(driver: &str, device: &'a Device) -> impl Iterator<Item = &'a str> {
    let names: Vec<String> = PCI
        .iter()
        .flat_map(|name| {
            [
                format!("resource.kubernetes.io/{name}"),
                format!("{driver}/{name}"),
            ]
        })
        .collect();
    names
        .into_iter()
        .filter_map(|name| device.attributes.get(&name)?.as_str())
}

/// What the slices say of allocated devices. A device that is in none is promised without an identity.
pub(crate) fn promised(allocated: &[Allocated], slices: &[Slice], vendor: Option<&Vendor>) -> Vec<Promised> {
    let device = |result: &Allocated| {
        slices
            .iter()
            .filter(|slice| slice.driver == result.driver && slice.pool == result.pool)
            .flat_map(|slice| &slice.devices)
            .find(|device| device.name == result.device)
    };
    allocated
        .iter()
        .map(|result| Promised {
            pool: result.pool.clone(),
            device: result.device.clone(),
            identities: device(result)
                .map(|device| identities(&result.driver, device, vendor).into_iter().collect())
                .unwrap_or_default(),
        })
        .collect()
}

/// The claim that an object is.
pub(crate) fn read_claim(object: &DynamicObject) -> Claim {
    serde_json::to_value(object)
        .ok()
        .and_then(|value| Claim::read(&value))
        .unwrap_or_default()
}

/// The slice that an object is.
pub(crate) fn read_slice(object: &DynamicObject) -> Option<Slice> {
    serde_json::to_value(object)
        .ok()
        .and_then(|value| Slice::read(&value))
}

/// The name of the pod's claim: its own, or the one that was made for it.
pub(crate) fn claim_of(pod: &Pod) -> Option<String> {
    let made = pod
        .status
        .as_ref()
        .and_then(|status| status.resource_claim_statuses.as_ref());
    let made = made
        .into_iter()
        .flatten()
        .find_map(|status| status.resource_claim_name.clone());
    let named = pod.spec.as_ref().and_then(|spec| spec.resource_claims.as_ref());
    made.or_else(|| {
        named
            .into_iter()
            .flatten()
            .find_map(|claim| claim.resource_claim_name.clone())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plimsoll_platform::dra::Attribute;
    use serde_json::json;

    use super::*;

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
    fn an_address_is_an_identity_under_any_of_its_names() {
        let found = device(&[
            ("gpu.nvidia.com/uuid", "U1"),
            ("resource.kubernetes.io/pciBusID", "0000:3b:00.0"),
        ]);
        assert_eq!(identities("gpu.nvidia.com", &found, None), ["U1", "0000:3b:00.0"]);
        assert!(identities("gpu.nvidia.com", &device(&[]), None).is_empty());
    }

    #[test]
    fn a_vanished_device_is_promised_without_an_identity() {
        let gone = Allocated {
            pool: "p".to_owned(),
            device: "d".to_owned(),
            ..Allocated::default()
        };
        let promised = promised(&[gone], &[], None);
        assert_eq!(promised.len(), 1);
        assert!(promised[0].identities.is_empty());
    }

    #[test]
    fn the_claim_made_for_a_pod_comes_before_the_one_it_names() {
        let pod = |status| -> Pod {
            serde_json::from_value(json!({
                "spec": {"containers": [], "resourceClaims": [{"name": "c", "resourceClaimName": "named"}]},
                "status": status,
            }))
            .unwrap()
        };
        let made = json!({"resourceClaimStatuses": [{"name": "c", "resourceClaimName": "made"}]});
        assert_eq!(claim_of(&pod(made)).as_deref(), Some("made"));
        assert_eq!(claim_of(&pod(json!({}))).as_deref(), Some("named"));
        assert_eq!(claim_of(&Pod::default()), None);
    }
}
