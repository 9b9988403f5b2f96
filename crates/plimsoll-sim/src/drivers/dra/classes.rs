//! DeviceClasses of a vendor: names from its profile, selectors by driver and kind of device.

use plimsoll_vendors::{Dra, Vendor};
use serde_json::{Value, json};

/// The vendor's first class selects whole devices; classes of partitions and of virtual functions exist where the profile
/// names them. The first class may stand behind an extended resource.
pub(crate) fn classes(vendor: &Vendor, extended_resource: Option<&str>) -> Vec<Value> {
    let Some(dra) = &vendor.dra else { return Vec::new() };
    let functions = vendor.virtual_functions.as_ref();
    let virtual_class = functions.and_then(|functions| functions.class.as_ref());
    let has_parts = dra.partition_class.is_some() || virtual_class.is_some();
    let whole = dra.device_classes.first().map(|name| {
        let mut whole = class(name, dra, dra.device_type.as_deref(), has_parts);
        if let Some(resource) = extended_resource {
            whole["spec"]["extendedResourceName"] = json!(resource);
        }
        whole
    });
    let partitions = dra
        .partition_class
        .as_ref()
        .map(|name| class(name, dra, dra.partition_type.as_deref(), has_parts));
    let virtual_type = functions.and_then(|functions| functions.device_type.as_deref());
    let virtuals = virtual_class.map(|name| class(name, dra, virtual_type, has_parts));
    [whole, partitions, virtuals].into_iter().flatten().collect()
}

fn class(name: &str, dra: &Dra, kind: Option<&str>, has_parts: bool) -> Value {
    let driver = &dra.driver;
    let mut expression = format!("device.driver == \"{driver}\"");
    // Without a class for parts, the one class stands for both.
    if has_parts && let (Some(attribute), Some(kind)) = (&dra.type_attribute, kind) {
        expression.push_str(&format!(
            " && device.attributes[\"{driver}\"].{attribute} == \"{kind}\""
        ));
    }
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selectors(vendor: &str) -> Vec<String> {
        classes(Vendor::by_id(vendor).unwrap(), None)
            .iter()
            .map(|class| {
                let expression = class.pointer("/spec/selectors/0/cel/expression").unwrap();
                expression.as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn a_vendor_with_a_class_for_parts_keeps_them_apart() {
        let nvidia = selectors("nvidia");
        assert!(nvidia[0].ends_with("device.attributes[\"gpu.nvidia.com\"].type == \"gpu\""));
        assert!(nvidia[1].ends_with("== \"mig\""));
    }

    #[test]
    fn a_vendor_without_one_selects_by_driver_alone() {
        assert_eq!(selectors("amd"), ["device.driver == \"gpu.amd.com\""]);
    }
}
