//! The versions of the API say the same.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

/// A slice with one device, as `v1beta1` nests it and as later versions don't.
fn slice(version: &str) -> Value {
    let facts = json!({
        "attributes": {
            "uuid": {"string": "GPU-1"},
            "driverVersion": {"version": "580.65.6"},
            "resource.kubernetes.io/pcieRoot": {"string": "pci0000:00"},
            "numaNodes": {"ints": [0, 1]},
        },
        "capacity": {"memory": {"value": "80Gi"}},
        "taints": [{"key": "gpu.nvidia.com/unhealthy", "effect": "NoExecute", "timeAdded": "2026-10-01T00:00:00Z"}],
    });
    let mut device = json!({"name": "gpu-0"});
    if version == "v1beta1" {
        device["basic"] = facts;
    } else {
        device
            .as_object_mut()
            .unwrap()
            .extend(facts.as_object().unwrap().clone());
    }
    json!({
        "apiVersion": format!("{GROUP}/{version}"), "kind": "ResourceSlice", "metadata": {"name": "s"},
        "spec": {
            "driver": "gpu.nvidia.com", "nodeName": "w1", "devices": [device],
            "pool": {"name": "w1", "generation": 3, "resourceSliceCount": 1},
        },
    })
}

#[test]
fn a_slice_reads_alike_in_every_version() {
    let v1 = Slice::read(&slice("v1")).unwrap();
    assert_eq!(Slice::read(&slice("v1beta2")).unwrap(), v1);
    assert_eq!(Slice::read(&slice("v1beta1")).unwrap(), v1);
    let device = &v1.devices[0];
    let attribute = |name| device.attribute("gpu.nvidia.com", name);
    assert_eq!(attribute("uuid"), Some(&Attribute::String("GPU-1".into())));
    assert_eq!(attribute("gpu.nvidia.com/uuid"), attribute("uuid"));
    assert_eq!(
        attribute("resource.kubernetes.io/pcieRoot").unwrap().as_str(),
        Some("pci0000:00")
    );
    assert_eq!(attribute("numaNodes").unwrap().to_string(), "0, 1");
    assert_eq!(device.capacity["gpu.nvidia.com/memory"], "80Gi");
    assert!(device.is_tainted());
}

#[test]
fn devices_of_the_same_capacity_share_it() {
    let mut object = slice("v1");
    let devices = object["spec"]["devices"].as_array_mut().unwrap();
    devices.extend([devices[0].clone(), devices[0].clone()]);
    devices[2]["capacity"]["memory"]["value"] = json!("40Gi");
    let [a, b, c] = Slice::read(&object).unwrap().devices.try_into().unwrap();
    assert!(Arc::ptr_eq(&a.capacity, &b.capacity));
    assert_eq!(c.capacity["gpu.nvidia.com/memory"], "40Gi");
}

#[test]
fn a_slice_that_lacks_what_makes_one_is_none() {
    for broken in [
        json!(null),
        json!({}),
        json!({"spec": {"driver": "d"}}),
        json!({"metadata": {"name": "s"}, "spec": 1}),
    ] {
        assert_eq!(Slice::read(&broken), None, "{broken}");
    }
}

#[test]
fn a_claim_is_written_as_its_version_has_it() {
    let requests = [Request::one("gpu", "gpu.nvidia.com")
        .count(Count::Exactly(2))
        .selector("a")
        .selector("b")];
    let facts = json!({
        "deviceClassName": "gpu.nvidia.com", "allocationMode": "ExactCount", "count": 2,
        "selectors": [{"cel": {"expression": "a"}}, {"cel": {"expression": "b"}}],
    });
    let nested = json!({"devices": {"requests": [{"name": "gpu", "exactly": facts}]}});
    for version in ["v1", "v1beta2", "resource.k8s.io/v1", "resource.k8s.io/v1beta2"] {
        assert_eq!(claim_spec(version, &requests), nested, "{version}");
    }
    let mut flat = facts;
    flat["name"] = json!("gpu");
    for version in ["v1beta1", "resource.k8s.io/v1beta1"] {
        assert_eq!(
            claim_spec(version, &requests),
            json!({"devices": {"requests": [flat]}}),
            "{version}"
        );
    }
    let all = claim_spec("v1", &[Request::one("x", "c").count(Count::All).admin_access()]);
    let wanted = json!({"deviceClassName": "c", "allocationMode": "All", "adminAccess": true});
    assert_eq!(all["devices"]["requests"][0]["exactly"], wanted);
}

#[test]
fn a_claim_tells_what_it_was_given_and_to_whom() {
    let claim = json!({
        "metadata": {"name": "c", "namespace": "n", "uid": "u"},
        "status": {
            "allocation": {"devices": {"results": [{"request": "gpu", "driver": "d", "pool": "p", "device": "x"}]}},
            "reservedFor": [{"resource": "pods", "name": "a", "uid": "1"}],
        },
    });
    let claim = Claim::read(&claim).unwrap();
    assert!(claim.is_allocated && !claim.is_deleted);
    assert_eq!(claim.allocated[0].device, "x");
    assert_eq!(claim.reserved_for[0].uid, "1");
    let new = Claim::read(&json!({"metadata": {"name": "c", "namespace": "n"}, "status": {}})).unwrap();
    assert!(!new.is_allocated);
    assert_eq!(Claim::read(&json!({})), None);
}

#[test]
fn a_class_selects_by_all_of_its_expressions() {
    let class = |expressions: &[&str]| {
        let selectors: Vec<Value> = expressions
            .iter()
            .map(|text| json!({"cel": {"expression": text}}))
            .collect();
        let spec = json!({"selectors": selectors, "extendedResourceName": "nvidia.com/gpu"});
        DeviceClass::read(&json!({"metadata": {"name": "c"}, "spec": spec})).unwrap()
    };
    let device = &Slice::read(&slice("v1")).unwrap().devices[0];
    let selects = |expressions: &[&str]| class(expressions).selects("gpu.nvidia.com", device);
    let (yes, no, unknown) = (
        "device.driver == 'gpu.nvidia.com'",
        "device.driver == 'x'",
        "f(device)",
    );
    assert_eq!(class(&[]).extended_resource.as_deref(), Some("nvidia.com/gpu"));
    assert_eq!(selects(&[]), Truth::Yes);
    assert_eq!(selects(&[yes, yes]), Truth::Yes);
    assert_eq!(selects(&[yes, no]), Truth::No);
    assert_eq!(
        selects(&[unknown, no]),
        Truth::No,
        "no is no, whatever the rest says"
    );
    assert!(matches!(selects(&[yes, unknown]), Truth::Unknown(_)));
}
