//! DeviceClasses of a vendor: names from its profile, selectors by driver and kind of device.

use k8s_openapi::{
    api::resource::v1::{CELDeviceSelector, DeviceClass, DeviceClassSpec, DeviceSelector},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use plimsoll_vendors::Dra;

/// The vendor's first class selects whole devices; a class of parts exists where the profile names one.
pub(crate) fn classes(dra: &Dra) -> Vec<DeviceClass> {
    let whole = dra
        .device_classes
        .first()
        .map(|name| class(name, dra, dra.device_type.as_deref()));
    let parts = dra
        .partition_class
        .as_ref()
        .map(|name| class(name, dra, dra.partition_type.as_deref()));
    whole.into_iter().chain(parts).collect()
}

fn class(name: &str, dra: &Dra, kind: Option<&str>) -> DeviceClass {
    let driver = &dra.driver;
    let mut expression = format!("device.driver == \"{driver}\"");
    // Without a class for parts, the one class stands for both.
    if dra.partition_class.is_some()
        && let (Some(attribute), Some(kind)) = (&dra.type_attribute, kind)
    {
        expression.push_str(&format!(
            " && device.attributes[\"{driver}\"].{attribute} == \"{kind}\""
        ));
    }
    let selector = DeviceSelector {
        cel: Some(CELDeviceSelector { expression }),
    };
    DeviceClass {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(DeviceClassSpec {
            selectors: Some(vec![selector]),
            ..DeviceClassSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;

    use super::*;

    fn selectors(vendor: &str) -> Vec<(String, String)> {
        classes(Vendor::by_id(vendor).unwrap().dra.as_ref().unwrap())
            .into_iter()
            .map(|class| {
                let selector = class.spec.unwrap().selectors.unwrap().remove(0);
                (class.metadata.name.unwrap(), selector.cel.unwrap().expression)
            })
            .collect()
    }

    #[test]
    fn a_vendor_with_a_class_for_parts_keeps_them_apart() {
        let nvidia = selectors("nvidia");
        assert_eq!(nvidia[0].0, "gpu.nvidia.com");
        assert!(
            nvidia[0]
                .1
                .ends_with("device.attributes[\"gpu.nvidia.com\"].type == \"gpu\""),
            "{}",
            nvidia[0].1
        );
        assert_eq!(nvidia[1].0, "mig.nvidia.com");
        assert!(nvidia[1].1.ends_with("== \"mig\""));
    }

    #[test]
    fn a_vendor_without_one_selects_by_driver_alone() {
        assert_eq!(
            selectors("amd"),
            [(
                "gpu.amd.com".to_owned(),
                "device.driver == \"gpu.amd.com\"".to_owned()
            )]
        );
    }
}
