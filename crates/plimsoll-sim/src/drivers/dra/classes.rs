//! DeviceClasses of a vendor: names from its profile, selectors by driver and kind of device.

use plimsoll_vendors::Dra;
use serde_json::{Value, json};

/// The vendor's first class selects whole devices; a class of parts exists where the profile names one. The first class
/// may stand behind an extended resource.
pub(crate) fn classes(dra: &Dra, extended_resource: Option<&str>) -> Vec<Value> {
    let whole = dra.device_classes.first().map(|name| {
        let mut whole = class(name, dra, dra.device_type.as_deref());
        if let Some(resource) = extended_resource {
            whole["spec"]["extendedResourceName"] = json!(resource);
        }
        whole
    });
    let parts = dra
        .partition_class
        .as_ref()
        .map(|name| class(name, dra, dra.partition_type.as_deref()));
    whole.into_iter().chain(parts).collect()
}

fn class(name: &str, dra: &Dra, kind: Option<&str>) -> Value {
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
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;

    use super::*;

    fn selectors(vendor: &str) -> Vec<String> {
        classes(Vendor::by_id(vendor).unwrap().dra.as_ref().unwrap(), None)
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
