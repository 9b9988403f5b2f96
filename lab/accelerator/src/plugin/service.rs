//! What the kubelet calls on the device plugin.

use std::pin::Pin;

use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};

use super::{preference::prefer, shares::Shares};
use crate::{
    device::Device,
    faults::{Fault, Faults},
    layout::Layout,
    log::log,
    monitor::{Monitor, Reading, Readings},
    proto::device_plugin::{
        self, AllocateRequest, AllocateResponse, CdiDevice, ContainerAllocateResponse,
        ContainerPreferredAllocationResponse, DevicePluginOptions, Empty, ListAndWatchResponse, NumaNode,
        PreStartContainerRequest, PreStartContainerResponse, PreferredAllocationRequest,
        PreferredAllocationResponse, TopologyInfo, device_plugin_server::DevicePlugin,
    },
    shutdown::Shutdown,
};

/// A vendor's device plugin.
#[derive(Debug, Clone)]
pub(crate) struct PluginService {
    resource: String,
    devices: Vec<Device>,
    layout: Layout,
    shares: Shares,
    faults: Faults,
    monitor: Monitor,
    shutdown: Shutdown,
    /// How often it was restarted, where it lists its devices under other ids each time.
    anew: Option<u32>,
    clear: fn(&Device) -> std::io::Result<()>,
}

/// What this plugin can do beyond the minimum.
pub(crate) fn options() -> DevicePluginOptions {
    DevicePluginOptions {
        pre_start_required: false,
        get_preferred_allocation_available: true,
    }
}

/// The CDI name by which a container is given a device.
pub(crate) fn cdi_id(resource: &str, device: &Device) -> String {
    format!("{resource}={}", device.identity.uuid)
}

impl PluginService {
    pub(crate) fn new(
        resource: &str,
        devices: Vec<Device>,
        layout: Layout,
        shares: Shares,
        faults: Faults,
        monitor: Monitor,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            resource: resource.to_owned(),
            devices,
            layout,
            shares,
            faults,
            monitor,
            shutdown,
            anew: None,
            clear: Device::clear,
        }
    }

    /// The same after so many restarts.
    pub(crate) fn restarted(self, restarts: u32) -> Self {
        let forgets = restarts > 0 && self.faults.has(Fault::ReuseAfterRestart);
        Self {
            anew: forgets.then_some(restarts),
            ..self
        }
    }

    fn ids(&self, device: &Device) -> Vec<String> {
        let ids = self.shares.ids(&device.identity.uuid);
        match self.anew {
            Some(restarts) => ids.iter().map(|id| format!("{id}::again-{restarts}")).collect(),
            None => ids,
        }
    }

    fn list(&self, readings: &Readings) -> ListAndWatchResponse {
        let offered = self.devices.iter().filter(|device| self.layout.offers(device));
        let devices = offered.flat_map(|device| {
            let healthy = readings
                .get(&device.identity.uuid)
                .is_some_and(Reading::is_healthy);
            let share = move |id| device_plugin::Device {
                id,
                health: if healthy { "Healthy" } else { "Unhealthy" }.to_owned(),
                topology: Some(TopologyInfo {
                    nodes: vec![NumaNode {
                        id: device.identity.numa_node.into(),
                    }],
                }),
            };
            self.ids(device).into_iter().map(share)
        });
        let mut devices: Vec<device_plugin::Device> = devices.collect();
        if self.faults.has(Fault::Phantom) {
            let phantoms: Vec<device_plugin::Device> = devices
                .iter()
                .map(|device| device_plugin::Device {
                    id: format!("{}-again", device.id),
                    ..device.clone()
                })
                .collect();
            devices.extend(phantoms);
        }
        ListAndWatchResponse { devices }
    }

    /// Waits until the list is another than `last`; `None` when it is time to end.
    async fn next(mut self, last: ListAndWatchResponse) -> Option<ListAndWatchResponse> {
        let (service, shutdown) = (self.clone(), self.shutdown.clone());
        let changed = self.monitor.wait_for(|readings| service.list(readings) != last);
        let readings = shutdown.unless_stopped(changed).await?.ok()?.clone();
        Some(service.list(&readings))
    }

    /// The devices that a container is given for the ids that the kubelet chose.
    fn granted(&self, ids: &[String]) -> Result<Vec<&Device>, Status> {
        if self.faults.has(Fault::DeadPlugin) {
            return Err(Status::unavailable("connection refused"));
        }
        let chosen = |id: &String| {
            let found = self
                .devices
                .iter()
                .find(|device| device.identity.uuid == Shares::device(id));
            found
                .ok_or_else(|| Status::not_found(format!("no device `{id}` of resource `{}`", self.resource)))
        };
        let devices: Vec<&Device> = ids.iter().map(chosen).collect::<Result<_, _>>()?;
        if self.faults.has(Fault::AllDevices) {
            return Ok(self.devices.iter().collect());
        }
        if self.faults.has(Fault::Neighbour) {
            return Ok(self.devices.iter().take(devices.len()).collect());
        }
        if self.faults.has(Fault::FirstOfMany) {
            return Ok(devices.into_iter().take(1).collect());
        }
        let is_second = |device: &&Device| device.identity.node.ends_with('2');
        if self.faults.has(Fault::WrongNode) && self.devices.iter().any(|device| is_second(&device)) {
            return Ok(Vec::new());
        }
        Ok(devices)
    }
}

#[tonic::async_trait]
impl DevicePlugin for PluginService {
    async fn get_device_plugin_options(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<DevicePluginOptions>, Status> {
        Ok(Response::new(options()))
    }

    type ListAndWatchStream = Pin<Box<dyn Stream<Item = Result<ListAndWatchResponse, Status>> + Send>>;

    async fn list_and_watch(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<Self::ListAndWatchStream>, Status> {
        let first = self.list(&self.monitor.borrow().clone());
        let later = stream::unfold((self.clone(), first.clone()), async |(service, last)| {
            let list = service.clone().next(last).await?;
            Some((list.clone(), (service, list)))
        });
        Ok(Response::new(Box::pin(
            stream::iter([first]).chain(later).map(Ok),
        )))
    }

    async fn get_preferred_allocation(
        &self,
        request: Request<PreferredAllocationRequest>,
    ) -> Result<Response<PreferredAllocationResponse>, Status> {
        let requests = request.into_inner().container_requests;
        let container_responses = requests
            .into_iter()
            .map(|wish| {
                let size = usize::try_from(wish.allocation_size).unwrap_or(0);
                let (available, must) = (&wish.available_device_i_ds, &wish.must_include_device_i_ds);
                let device_i_ds = if self.anew.is_some() {
                    let own = self.devices.iter().flat_map(|device| self.ids(device));
                    own.filter(|id| available.contains(id)).take(size).collect()
                } else if self.shares.is_shared() {
                    self.shares.prefer(available, must, size)
                } else {
                    prefer(&self.devices, available, must, size)
                };
                ContainerPreferredAllocationResponse { device_i_ds }
            })
            .collect();
        Ok(Response::new(PreferredAllocationResponse { container_responses }))
    }

    async fn allocate(
        &self,
        request: Request<AllocateRequest>,
    ) -> Result<Response<AllocateResponse>, Status> {
        let mut container_responses = Vec::new();
        for container in request.into_inner().container_requests {
            let granted = self.granted(&container.devices_ids)?;
            // Others may be using what is shared.
            for device in granted.iter().filter(|_| !self.shares.is_shared()) {
                // The kubelet does not say when a device comes back, so it is readied when it goes out.
                (self.clear)(device).map_err(|error| {
                    Status::internal(format!(
                        "device `{}` could not be made ready: {error}",
                        device.name
                    ))
                })?;
            }
            let names: Vec<&str> = granted.iter().map(|device| device.name.as_str()).collect();
            log!("{}: allocated {}", self.resource, names.join(", "));
            let cdi_devices = granted
                .iter()
                .map(|device| CdiDevice {
                    name: cdi_id(&self.resource, device),
                })
                .collect();
            container_responses.push(ContainerAllocateResponse {
                cdi_devices,
                ..Default::default()
            });
        }
        Ok(Response::new(AllocateResponse { container_responses }))
    }

    async fn pre_start_container(
        &self,
        _request: Request<PreStartContainerRequest>,
    ) -> Result<Response<PreStartContainerResponse>, Status> {
        Ok(Response::new(PreStartContainerResponse {}))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use tokio::sync::watch;

    use super::*;
    use crate::{device::fixture, proto::device_plugin::ContainerAllocateRequest, shutdown};

    fn healthy(which: &[bool]) -> Readings {
        let reading = |healthy: bool| {
            if healthy {
                Reading::Healthy {
                    utilisation: 0.0,
                    memory_used: 0,
                }
            } else {
                Reading::Unhealthy("detached".into())
            }
        };
        let indices = 0..;
        Arc::new(BTreeMap::from_iter(indices.zip(which).map(|(index, healthy)| {
            (fixture::device("amd", index).identity.uuid, reading(*healthy))
        })))
    }

    fn service(defects: &[&str]) -> (PluginService, watch::Sender<Readings>, shutdown::Stop) {
        let defects: Vec<String> = defects.iter().map(|id| (*id).to_owned()).collect();
        let devices = vec![fixture::device("amd", 0), fixture::device("amd", 1)];
        let (sender, monitor) = watch::channel(healthy(&[true, true]));
        let (stop, shutdown) = shutdown::channel();
        let shares = Shares::of(None, &Faults::default());
        let faults = Faults::of(&defects);
        let layout = Layout::of(&devices);
        let service = PluginService::new("amd.com/gpu", devices, layout, shares, faults, monitor, shutdown);
        (
            PluginService {
                clear: |_| Ok(()),
                ..service
            },
            sender,
            stop,
        )
    }

    async fn allocate(defects: &[&str], index: usize) -> Vec<String> {
        let (service, _monitor, _stop) = service(defects);
        let devices_ids = vec![service.devices[index].identity.uuid.clone()];
        let request = AllocateRequest {
            container_requests: vec![ContainerAllocateRequest { devices_ids }],
        };
        let response = service
            .allocate(Request::new(request))
            .await
            .unwrap()
            .into_inner();
        response.container_responses[0]
            .cdi_devices
            .iter()
            .map(|device| device.name.clone())
            .collect()
    }

    fn id(index: u32) -> String {
        cdi_id("amd.com/gpu", &fixture::device("amd", index))
    }

    #[tokio::test]
    async fn a_container_is_given_what_the_kubelet_chose() {
        assert_eq!(allocate(&[], 1).await, [id(1)]);
        assert!(id(1).starts_with("amd.com/gpu="));
    }

    #[tokio::test]
    async fn an_unknown_device_is_refused_by_name() {
        let (service, _monitor, _stop) = service(&[]);
        let container_requests = vec![ContainerAllocateRequest {
            devices_ids: vec!["x".into()],
        }];
        let status = service
            .allocate(Request::new(AllocateRequest { container_requests }))
            .await
            .unwrap_err();
        assert!(status.message().contains("`x`"), "{status}");
    }

    #[tokio::test]
    async fn broken_plugins_give_all_or_the_first() {
        assert_eq!(allocate(&["sec.all-devices"], 1).await, [id(0), id(1)]);
        assert_eq!(allocate(&["sec.neighbour"], 1).await, [id(0)]);
    }

    #[tokio::test]
    async fn a_plugin_may_list_what_it_can_not_give() {
        let (phantom, monitor, _stop) = service(&["dp.phantom"]);
        let listed = phantom.list(&monitor.borrow().clone()).devices;
        assert_eq!(listed.len(), 4);
        assert!(phantom.granted(&[listed[0].id.clone()]).is_ok());
        assert!(phantom.granted(&[listed[2].id.clone()]).is_err());
        let (dead, _monitor, _stop) = service(&["dp.dead-plugin"]);
        assert!(dead.granted(&[listed[0].id.clone()]).is_err());
        let (first, _monitor, _stop) = service(&["dp.first-of-many"]);
        let both = [listed[0].id.clone(), listed[1].id.clone()];
        assert_eq!(first.granted(&both).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_list_is_sent_at_once_and_when_health_changes() {
        let (service, monitor, stop) = service(&[]);
        let mut lists = service
            .list_and_watch(Request::new(Empty {}))
            .await
            .unwrap()
            .into_inner();
        let health = |list: Option<Result<ListAndWatchResponse, Status>>| -> Vec<String> {
            list.unwrap()
                .unwrap()
                .devices
                .into_iter()
                .map(|device| device.health)
                .collect()
        };
        assert_eq!(health(lists.next().await), ["Healthy", "Healthy"]);
        monitor.send_replace(healthy(&[true, true]));
        monitor.send_replace(healthy(&[true, false]));
        assert_eq!(health(lists.next().await), ["Healthy", "Unhealthy"]);
        stop.stop();
        assert!(lists.next().await.is_none());
    }
}
