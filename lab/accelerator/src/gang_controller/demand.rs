//! What a pod asks for, as far as room is concerned.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        core::v1::{Container, Pod, PodSpec},
        resource::v1::{DeviceClaim, DeviceRequest},
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::quantity::thousandths;

/// Amounts by resource name, in thousandths.
pub(super) type Amounts = BTreeMap<String, i64>;

/// What a pod asks of a node: resources, and devices by DeviceClass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) resources: Amounts,
    pub(super) devices: BTreeMap<String, u32>,
}

/// A pod's requests: the sum of its containers and sidecars, or its largest init container.
pub(super) fn resources(spec: &PodSpec) -> Amounts {
    let mut steady = Amounts::new();
    for container in &spec.containers {
        add(&mut steady, &requests(container));
    }
    let mut peak = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        let wanted = requests(container);
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut steady, &wanted);
        } else {
            maximum(&mut peak, &wanted);
        }
    }
    maximum(&mut steady, &peak);
    for (name, quantity) in spec.overhead.iter().flatten() {
        *steady.entry(name.clone()).or_default() += thousandths(quantity);
    }
    steady.insert("pods".to_owned(), 1000);
    steady
}

fn requests(container: &Container) -> Amounts {
    let Some(resources) = &container.resources else {
        return Amounts::new();
    };
    let amounts = |quantities: &Option<BTreeMap<String, Quantity>>| -> Amounts {
        quantities
            .iter()
            .flatten()
            .map(|(name, quantity)| (name.clone(), thousandths(quantity)))
            .collect()
    };
    // What is only limited is requested as much.
    let mut wanted = amounts(&resources.limits);
    wanted.extend(amounts(&resources.requests));
    wanted
}

fn add(to: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        *to.entry(name.clone()).or_default() += amount;
    }
}

fn maximum(of: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        let entry = of.entry(name.clone()).or_default();
        *entry = (*entry).max(*amount);
    }
}

/// Devices that a claim asks for, by class. Of alternatives the first is counted.
pub(super) fn devices(claim: &DeviceClaim) -> BTreeMap<String, u32> {
    let mut devices = BTreeMap::new();
    for request in claim.requests.iter().flatten() {
        if let Some((class, count)) = class_and_count(request) {
            *devices.entry(class).or_default() += count;
        }
    }
    devices
}

fn class_and_count(request: &DeviceRequest) -> Option<(String, u32)> {
    let (class, count) = match (
        &request.exactly,
        request.first_available.as_ref().and_then(|list| list.first()),
    ) {
        // For administration a device is used beside whoever has it.
        (Some(exactly), _) if exactly.admin_access == Some(true) => return None,
        (Some(exactly), _) => (&exactly.device_class_name, exactly.count),
        (None, Some(first)) => (&first.device_class_name, first.count),
        (None, None) => return None,
    };
    Some((
        class.clone(),
        count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
    ))
}

/// Whether a pod has run its course: it holds nothing any more.
pub(super) fn is_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amounts(spec: serde_json::Value) -> Amounts {
        resources(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn containers_add_up_and_a_large_init_container_rules() {
        let container = |cpu: &str| json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
        assert_eq!(
            amounts(json!({"containers": [container("100m"), container("1")]}))["cpu"],
            1100
        );
        let init = json!({"containers": [container("1")], "initContainers": [container("3")]});
        assert_eq!(amounts(init)["cpu"], 3000);
        let mut sidecar = container("500m");
        sidecar["restartPolicy"] = json!("Always");
        assert_eq!(
            amounts(json!({"containers": [container("1")], "initContainers": [sidecar]}))["cpu"],
            1500
        );
        assert_eq!(amounts(json!({"containers": [container("1")]}))["pods"], 1000);
    }

    #[test]
    fn a_limit_alone_is_a_request() {
        let container = json!({"name": "c", "resources": {"limits": {"nvidia.com/gpu": "2", "cpu": "2"}, "requests": {"cpu": "1"}}});
        let amounts = amounts(json!({"containers": [container]}));
        assert_eq!((amounts["nvidia.com/gpu"], amounts["cpu"]), (2000, 1000));
    }

    #[test]
    fn devices_are_counted_by_class() {
        let claim: DeviceClaim = serde_json::from_value(json!({"requests": [
            {"name": "a", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": 2}},
            {"name": "b", "exactly": {"deviceClassName": "gpu.nvidia.com"}},
            {"name": "c", "exactly": {"deviceClassName": "gpu.nvidia.com", "adminAccess": true}},
            {"name": "d", "firstAvailable": [{"name": "x", "deviceClassName": "gpu.amd.com"}, {"name": "y", "deviceClassName": "z"}]}
        ]}))
        .unwrap();
        assert_eq!(
            devices(&claim),
            BTreeMap::from([("gpu.nvidia.com".into(), 3), ("gpu.amd.com".into(), 1)])
        );
        assert!(devices(&DeviceClaim::default()).is_empty());
    }
}
