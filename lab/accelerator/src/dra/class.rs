//! DeviceClasses of a vendor: names from its profile, selectors by driver and kind of device.

use k8s_openapi::{
    api::resource::v1::{CELDeviceSelector, DeviceClass, DeviceClassSpec, DeviceSelector},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use plimsoll_vendors::{Dra, Vendor};

/// The vendor's first class selects whole devices; classes of partitions and of virtual functions exist where the
/// profile names them.
pub(crate) fn classes(vendor: &Vendor) -> Vec<DeviceClass> {
    let Some(dra) = &vendor.dra else { return Vec::new() };
    let functions = vendor.virtual_functions.as_ref();
    let virtual_class = functions.and_then(|functions| functions.class.as_ref());
    let has_parts = dra.partition_class.is_some() || virtual_class.is_some();
    let whole = dra
        .device_classes
        .first()
        .map(|name| class(name, dra, dra.device_type.as_deref(), has_parts));
    let partitions = dra
        .partition_class
        .as_ref()
        .map(|name| class(name, dra, dra.partition_type.as_deref(), has_parts));
    let virtual_type = functions.and_then(|functions| functions.device_type.as_deref());
    let virtuals = virtual_class.map(|name| class(name, dra, virtual_type, has_parts));
    [whole, partitions, virtuals].into_iter().flatten().collect()
}

fn class(name: &str, dra: &Dra, kind: Option<&str>, has_parts: bool) -> DeviceClass {
    let driver = &dra.driver;
    let mut expression = format!("device.driver == \"{driver}\"");
    // Without a class for parts, the one class stands for both.
    if has_parts && let (Some(attribute), Some(kind)) = (&dra.type_attribute, kind) {
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
    use super::*;

    fn selectors(vendor: &str) -> Vec<(String, String)> {
        classes(Vendor::by_id(vendor).unwrap())
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
    fn virtual_functions_have_a_class_of_their_own_where_the_vendor_has_one() {
        let intel = selectors("intel-gpu");
        assert!(intel[0].1.ends_with("== \"gpu\""), "{}", intel[0].1);
        assert_eq!(intel[1].0, "gpu-vfio.intel.com");
        assert!(intel[1].1.ends_with("== \"vf\""));
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
