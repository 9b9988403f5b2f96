//! Which container holds which device, as the kubelet tells.

use std::{collections::BTreeMap, path::Path};

use plimsoll_vendors::dialect::Holder;

use crate::{
    device::Device,
    proto::pod_resources::{
        ListPodResourcesRequest, PodResources, pod_resources_lister_client::PodResourcesListerClient,
    },
    socket,
};

/// Holders by the device's uuid; the first by name where containers share one.
pub(crate) type Holders = BTreeMap<String, Holder>;

/// Asks the kubelet at its pod-resources socket.
pub(crate) async fn ask(socket: &Path) -> Result<Vec<PodResources>, tonic::Status> {
    let mut client = PodResourcesListerClient::new(socket::channel(socket));
    Ok(client
        .list(ListPodResourcesRequest {})
        .await?
        .into_inner()
        .pod_resources)
}

/// Finds the holder of each device in the kubelet's answer: by id from plugins, by pool and name from drivers.
pub(crate) fn by_uuid(pods: &[PodResources], devices: &[Device], pool: &str) -> Holders {
    let mut holders = Holders::new();
    for pod in pods {
        for container in &pod.containers {
            let holder = Holder {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: container.name.clone(),
            };
            let by_plugin = container.devices.iter().flat_map(|held| {
                let of_resource = |device: &&Device| device.vendor.resources.matches(&held.resource_name);
                devices
                    .iter()
                    .filter(of_resource)
                    .filter(|device| held.device_ids.contains(&device.identity.uuid))
            });
            let claims = container
                .dynamic_resources
                .iter()
                .flat_map(|claim| &claim.claim_resources);
            let by_driver = claims.filter_map(|held| {
                let driver = |device: &Device| {
                    device
                        .vendor
                        .dra
                        .as_ref()
                        .is_some_and(|dra| dra.driver == held.driver_name)
                };
                let named = |device: &&Device| driver(device) && device.name == held.device_name;
                (held.pool_name == pool)
                    .then(|| devices.iter().find(named))
                    .flatten()
            });
            for device in by_plugin.chain(by_driver) {
                let first = holders
                    .entry(device.identity.uuid.clone())
                    .or_insert_with(|| holder.clone());
                if holder < *first {
                    *first = holder.clone();
                }
            }
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device::fixture,
        proto::pod_resources::{ClaimResource, ContainerDevices, ContainerResources, DynamicResource},
    };

    fn pod(name: &str, devices: Vec<ContainerDevices>, claims: Vec<ClaimResource>) -> PodResources {
        let dynamic_resources = vec![DynamicResource {
            claim_resources: claims,
            ..Default::default()
        }];
        let container = ContainerResources {
            name: "main".into(),
            devices,
            dynamic_resources,
        };
        PodResources {
            name: name.into(),
            namespace: "ns".into(),
            containers: vec![container],
        }
    }

    fn claim(driver: &str, pool: &str, device: &str) -> ClaimResource {
        ClaimResource {
            driver_name: driver.into(),
            pool_name: pool.into(),
            device_name: device.into(),
            ..Default::default()
        }
    }

    #[test]
    fn plugin_and_driver_are_both_understood() {
        let devices = [fixture::device("nvidia", 0), fixture::device("amd", 0)];
        let held = ContainerDevices {
            resource_name: "amd.com/gpu".into(),
            device_ids: vec![devices[1].identity.uuid.clone()],
        };
        let pods = [
            pod("a", vec![held], vec![]),
            pod("b", vec![], vec![claim("gpu.nvidia.com", "n1", "gpu-0")]),
        ];
        let holders = by_uuid(&pods, &devices, "n1");
        assert_eq!(holders[&devices[0].identity.uuid].pod, "b");
        assert_eq!(holders[&devices[1].identity.uuid].pod, "a");
    }

    #[test]
    fn another_pools_device_of_the_same_name_is_not_ours() {
        let devices = [fixture::device("nvidia", 0)];
        let pods = [
            pod("a", vec![], vec![claim("gpu.nvidia.com", "n2", "gpu-0")]),
            pod("b", vec![], vec![claim("gpu.amd.com", "n1", "gpu-0")]),
        ];
        assert!(by_uuid(&pods, &devices, "n1").is_empty());
        assert!(by_uuid(&[], &devices, "n1").is_empty());
    }

    #[test]
    fn a_shared_device_has_one_holder_whatever_the_order() {
        let devices = [fixture::device("nvidia", 0)];
        let held = || vec![claim("gpu.nvidia.com", "n1", "gpu-0")];
        let pods = [pod("b", vec![], held()), pod("a", vec![], held())];
        assert_eq!(by_uuid(&pods, &devices, "n1")[&devices[0].identity.uuid].pod, "a");
    }
}
