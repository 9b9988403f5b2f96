use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Arbitrary JSON of a few levels.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z/.]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let names = prop_oneof![
            Just("spec".to_owned()),
            Just("metadata".to_owned()),
            Just("devices".to_owned()),
            Just("requests".to_owned()),
            Just("exactly".to_owned()),
            Just("basic".to_owned()),
            Just("metrics".to_owned()),
            Just("annotations".to_owned()),
            "[a-z]{1,5}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names, inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn claim_spec() -> impl Strategy<Value = Value> {
    let exact = ("[a-z]{1,5}", 1..9_i64, any::<bool>()).prop_map(|(class, count, all)| {
        if all {
            json!({"deviceClassName": class, "allocationMode": "All"})
        } else {
            json!({"deviceClassName": class, "allocationMode": "ExactCount", "count": count,
                "selectors": [{"cel": {"expression": "true"}}]})
        }
    });
    let request = prop_oneof![
        exact
            .clone()
            .prop_map(|exact| json!({"name": "r", "exactly": exact})),
        exact.prop_map(|exact| json!({"name": "r", "firstAvailable": [exact]})),
    ];
    prop::collection::vec(request, 1..4).prop_map(|requests| json!({"devices": {"requests": requests}}))
}

proptest! {
    #[test]
    fn a_claim_comes_back_from_any_version_as_it_was(spec in claim_spec(), template in any::<bool>()) {
        let object = if template {
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "spec": {"spec": spec}})
        } else {
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "spec": spec})
        };
        for version in ["resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2", "resource.k8s.io/v1"] {
            let other = from_hub(&object, version);
            prop_assert_eq!(&other["apiVersion"], version);
            prop_assert_eq!(&to_hub(other), &object);
        }
    }

    #[test]
    fn a_slice_comes_back_as_it_was(count in 0..5_usize, attribute in "[a-z]{1,5}") {
        let devices: Vec<Value> = (0..count)
            .map(|index| json!({"name": format!("d{index}"), "attributes": {attribute.clone(): {"int": index}}, "allNodes": true}))
            .collect();
        let slice = json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice",
            "spec": {"driver": "d", "devices": devices}});
        prop_assert_eq!(to_hub(from_hub(&slice, "resource.k8s.io/v1beta1")), slice);
    }

    #[test]
    fn an_autoscaler_comes_back_as_it_was(cpu in prop::option::of(1..100_i64), memory in prop::option::of(1..100_i64), status in any::<bool>()) {
        let metric = |name: &str, target: i64| json!({"type": "Resource", "resource": {"name": name,
            "target": {"type": "Utilization", "averageUtilization": target}}});
        let metrics: Vec<Value> =
            cpu.map(|target| metric("cpu", target)).into_iter().chain(memory.map(|target| metric("memory", target))).collect();
        let mut object = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"maxReplicas": 3, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}});
        if !metrics.is_empty() {
            object["spec"]["metrics"] = metrics.into();
        }
        if status {
            object["status"] = json!({"conditions": [{"type": "AbleToScale", "status": "True"}], "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 5, "averageValue": "1m"}}}]});
        }
        let v1 = from_hub(&object, "autoscaling/v1");
        prop_assert_eq!(v1["spec"].get("targetCPUUtilizationPercentage").cloned(), cpu.map(Value::from));
        prop_assert_eq!(to_hub(v1), object);
    }

    #[test]
    fn nothing_panics_on_any_object(
        mut object in any_json(),
        version in prop::sample::select(vec!["resource.k8s.io/v1beta1", "resource.k8s.io/v1", "autoscaling/v1", "autoscaling/v2", "events.k8s.io/v1", "v1", "x"]),
        kind in prop::sample::select(vec!["ResourceClaim", "ResourceClaimTemplate", "ResourceSlice", "HorizontalPodAutoscaler", "Event"]),
    ) {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), version.into());
            fields.insert("kind".to_owned(), kind.into());
        }
        let _ = to_hub(from_hub(&to_hub(object.clone()), version));
        let _ = from_hub(&object, "resource.k8s.io/v1beta1");
    }
}

#[test]
fn the_first_beta_version_has_requests_without_exactly() {
    let v1 = json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "spec": {"devices": {"requests": [
        {"name": "gpu", "exactly": {"deviceClassName": "c", "count": 2, "allocationMode": "ExactCount"}}]}}});
    assert_eq!(
        from_hub(&v1, "resource.k8s.io/v1beta1")["spec"]["devices"]["requests"][0],
        json!({"name": "gpu", "deviceClassName": "c", "count": 2, "allocationMode": "ExactCount"})
    );
}

#[test]
fn an_event_has_other_names_in_the_other_group() {
    let core = json!({"apiVersion": "v1", "kind": "Event", "message": "m", "reason": "R", "count": 2,
        "involvedObject": {"kind": "Pod"}, "reportingComponent": "c"});
    let events = from_hub(&core, "events.k8s.io/v1");
    assert_eq!(
        events,
        json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "m", "reason": "R", "deprecatedCount": 2,
            "regarding": {"kind": "Pod"}, "reportingController": "c"})
    );
    assert_eq!(to_hub(events), core);
}
