//! A node's accelerators as one process: every vendor's driver and plugin, and the exporter.

use std::{collections::BTreeMap, path::Path};

use futures::{StreamExt, stream::FuturesUnordered};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use plimsoll_defects::Allocation;
use plimsoll_vendors::Vendor;
use tokio::sync::watch;

use crate::{
    config::{ConfigError, NodeConfig, Sharing},
    device::{self, Device, DeviceError},
    dra::{DriverError, driver::Driver},
    exporter::{self, ExporterError},
    faults::{Fault, Faults},
    installation::Installation,
    labeller::Labeller,
    layout::Layout,
    monitor::{self, Monitor},
    partitioner::Partitioner,
    plugin::{
        PluginError,
        pod::{self, Life, Lives},
        registration::Plugin,
        shares::{self, Shares},
    },
    shutdown::{self, Shutdown},
};

/// Why a node's accelerators do not work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration means nothing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The API server cannot be spoken to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The node is not known.
    #[error("could not read node `{node}`")]
    Node {
        /// Which one.
        node: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// A device cannot be brought up.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A driver ended.
    #[error("the DRA driver of `{vendor}` on node `{node}` failed")]
    Driver {
        /// Whose.
        vendor: String,
        /// Where.
        node: String,
        /// Why.
        #[source]
        source: DriverError,
    },
    /// A plugin ended.
    #[error("the device plugin of `{vendor}` on node `{node}` failed")]
    Plugin {
        /// Whose.
        vendor: String,
        /// Where.
        node: String,
        /// Why.
        #[source]
        source: PluginError,
    },
    /// The exporter ended.
    #[error(transparent)]
    Exporter(#[from] ExporterError),
    /// Signals cannot be listened to.
    #[error("could not listen to signals")]
    Signal(#[source] std::io::Error),
}

/// An API server that cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig is none.
    #[error("could not use kubeconfig `{path}`")]
    Kubeconfig {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// No client can be made of it.
    #[error("could not make a client of kubeconfig `{path}`")]
    Client {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// A client as the kubeconfig says.
pub(crate) async fn connect(kubeconfig: &Path) -> Result<Client, ConnectError> {
    let path = || kubeconfig.display().to_string();
    let unusable = |source| ConnectError::Kubeconfig {
        path: path(),
        source: Box::new(source),
    };
    let text = Kubeconfig::read_from(kubeconfig).map_err(unusable)?;
    let config = Config::from_custom_kubeconfig(text, &KubeConfigOptions::default())
        .await
        .map_err(unusable)?;
    Client::try_from(config).map_err(|source| ConnectError::Client {
        path: path(),
        source: Box::new(source),
    })
}

/// Serves a node's accelerators until the process is asked to end.
///
/// # Errors
/// When anything of it cannot run; the rest is ended in order first.
pub async fn serve(config: NodeConfig) -> Result<(), ServeError> {
    config.check()?;
    let client = connect(&config.kubeconfig).await?;
    let node = Api::<Node>::all(client.clone())
        .get(&config.node)
        .await
        .map_err(|source| ServeError::Node {
            node: config.node.clone(),
            source: Box::new(source),
        })?;
    let devices = device::bring_up(&config)?;
    let (stop, shutdown) = shutdown::channel();
    let monitor = monitor::start(devices.clone(), shutdown.clone());
    let layout = Layout::of(&devices);
    let node_uid = node.metadata.uid.unwrap_or_default();
    let parts = Parts {
        config: &config,
        devices: &devices,
        layout,
        client,
        node_uid,
        monitor,
        shutdown: &shutdown,
    };
    let mut running = parts.start();
    let mut asked = std::pin::pin!(shutdown::asked_by_signal());
    let mut outcome = tokio::select! {
        signal = &mut asked => signal.map_err(ServeError::Signal),
        Some(ended) = running.next() => ended,
    };
    stop.stop();
    while let Some(ended) = running.next().await {
        outcome = outcome.and(ended);
    }
    outcome
}

/// What the parts of the process are made of.
struct Parts<'a> {
    config: &'a NodeConfig,
    devices: &'a [Device],
    layout: Layout,
    client: Client,
    node_uid: String,
    monitor: Monitor,
    shutdown: &'a Shutdown,
}

type Part<'a> = futures::future::LocalBoxFuture<'a, Result<(), ServeError>>;
type Running<'a> = FuturesUnordered<Part<'a>>;

impl<'a> Parts<'a> {
    fn start(&self) -> Running<'a> {
        let mut running = Running::new();
        let (config, shutdown) = (self.config, self.shutdown);
        for ((vendor, allocation), devices) in by_vendor_and_allocation(self.devices) {
            let faults = Faults::of(&config.defects);
            let (id, monitor) = (vendor.id.clone(), self.monitor.clone());
            let node = config.node.clone();
            if allocation == "dra"
                && let Some(dra) = &vendor.dra
            {
                let (client, node_uid) = (self.client.clone(), self.node_uid.clone());
                let whole = devices.iter().filter(|device| device.parent.is_none());
                let whole: Vec<Device> = whole.cloned().collect();
                if faults.has(Fault::CountedTwice) {
                    running.extend(self.plugins(vendor, &whole, None));
                }
                if faults.has(Fault::SharedAndWhole) {
                    let sharing = Sharing {
                        replicas: 4,
                        renamed: true,
                    };
                    running.extend(self.plugins(vendor, &whole, Some(sharing)));
                }
                let driver = Driver {
                    vendor,
                    dra,
                    devices,
                    layout: self.layout.clone(),
                    faults,
                    client,
                    node_uid,
                    monitor,
                };
                running.push(Box::pin(async move {
                    let served = driver.serve(config, shutdown).await;
                    served.map_err(|source| ServeError::Driver {
                        vendor: id,
                        node,
                        source,
                    })
                }));
                continue;
            }
            let sharing = devices.first().and_then(|device| device.sharing);
            running.extend(self.plugins(vendor, &devices, sharing));
        }
        let labeller = Labeller {
            node: config.node.clone(),
            devices: self.devices.to_vec(),
            installation: Installation::of(config),
            faults: Faults::of(&config.defects),
            client: self.client.clone(),
            monitor: self.monitor.clone(),
        };
        running.push(Box::pin(async move {
            labeller.run(shutdown).await;
            Ok(())
        }));
        let partitioner = Partitioner {
            node: config.node.clone(),
            devices: self.devices.to_vec(),
            layout: self.layout.clone(),
            faults: Faults::of(&config.defects),
            client: self.client.clone(),
            pod_resources: config.kubelet_root.join("pod-resources/kubelet.sock"),
        };
        running.push(Box::pin(async move {
            partitioner.run(shutdown).await;
            Ok(())
        }));
        if config.exporter_address.is_some() {
            let (devices, monitor) = (self.devices, self.monitor.clone());
            let (client, node_uid) = (self.client.clone(), self.node_uid.clone());
            running.push(Box::pin(async move {
                Ok(exporter::serve(config, client, &node_uid, devices, &monitor, shutdown).await?)
            }));
        }
        running
    }

    /// How it stands with the pod of a vendor's plugin, which is followed by one more part.
    fn lives(&self, vendor: &'static Vendor, parts: &mut Vec<Part<'a>>) -> Lives {
        let (sender, lives) = watch::channel(Life::default());
        let (client, node) = (self.client.clone(), self.config.node.clone());
        let shutdown = self.shutdown;
        let part: Part<'a> = Box::pin(async move {
            match vendor.plugin() {
                Some(plugin) => pod::follow(client, plugin, &node, &sender, shutdown).await,
                None => shutdown.wait().await,
            }
            Ok(())
        });
        parts.push(part);
        lives
    }

    /// The device plugins of a vendor's devices, one for each resource that they are offered as.
    fn plugins(
        &self,
        vendor: &'static Vendor,
        devices: &[Device],
        sharing: Option<Sharing>,
    ) -> Vec<Part<'a>> {
        let mut plugins = Vec::new();
        for (resource, offered) in by_resource(devices, &self.layout) {
            let (config, shutdown) = (self.config, self.shutdown);
            // What is offered only once devices are divided anew is registered only then.
            let is_divided = offered.iter().all(|device| self.layout.is_divided(device));
            let layout = self.layout.clone();
            let faults = Faults::of(&config.defects);
            let plugin = Plugin {
                name: plugin_name(vendor, &resource),
                resource: shares::resource(&resource, sharing, &faults),
                devices: offered,
                all: devices.to_vec(),
                layout: layout.clone(),
                shares: Shares::of(sharing, &faults),
                faults,
                monitor: self.monitor.clone(),
                lives: self.lives(vendor, &mut plugins),
            };
            let part: Part<'a> = Box::pin(async move {
                if is_divided && !layout.until_undivided(&vendor.id, shutdown).await {
                    return Ok(());
                }
                let served = plugin.serve(config, shutdown).await;
                served.map_err(|source| ServeError::Plugin {
                    vendor: vendor.id.clone(),
                    node: config.node.clone(),
                    source,
                })
            });
            plugins.push(part);
        }
        plugins
    }
}

/// A vendor's devices may be split between driver and plugin.
fn by_vendor_and_allocation(devices: &[Device]) -> Vec<((&'static Vendor, &'static str), Vec<Device>)> {
    let mut groups: BTreeMap<(&str, &'static str), (&'static Vendor, Vec<Device>)> = BTreeMap::new();
    for device in devices {
        let how = match device.allocation {
            Allocation::Dra => "dra",
            Allocation::Plugin => "plugin",
        };
        let group = groups
            .entry((&device.vendor.id, how))
            .or_insert_with(|| (device.vendor, Vec::new()));
        group.1.push(device.clone());
    }
    groups
        .into_iter()
        .map(|((_, how), (vendor, devices))| ((vendor, how), devices))
        .collect()
}

/// What of a plugin's devices is offered as which resource.
fn by_resource(devices: &[Device], layout: &Layout) -> BTreeMap<String, Vec<Device>> {
    let mut groups: BTreeMap<String, Vec<Device>> = BTreeMap::new();
    for device in devices
        .iter()
        .filter(|device| device.is_offered || layout.is_divided(device))
    {
        if let Some(resource) = device.resource() {
            groups.entry(resource).or_default().push(device.clone());
        }
    }
    groups
}

/// What a plugin's files are called after: its vendor, and the resource where that is not the vendor's usual one.
fn plugin_name(vendor: &Vendor, resource: &str) -> String {
    match resource.split_once('/') {
        Some((_, part)) if vendor.resource() != Some(resource) => format!("{}-{part}", vendor.id),
        Some(_) | None => vendor.id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    #[test]
    fn a_vendors_devices_are_split_by_how_they_are_offered() {
        let plugin = Device {
            allocation: Allocation::Plugin,
            ..fixture::device("nvidia", 1)
        };
        let groups =
            by_vendor_and_allocation(&[fixture::device("nvidia", 0), plugin, fixture::device("amd", 0)]);
        let names: Vec<_> = groups
            .iter()
            .map(|((vendor, how), devices)| (vendor.id.as_str(), *how, devices.len()))
            .collect();
        assert_eq!(
            names,
            [("amd", "dra", 1), ("nvidia", "dra", 1), ("nvidia", "plugin", 1)]
        );
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_named() {
        let error = connect(Path::new("/does/not/exist")).await.err().unwrap();
        assert!(error.to_string().contains("/does/not/exist"), "{error}");
    }
}
