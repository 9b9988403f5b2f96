//! Metrics of the node's devices, each vendor's by an exporter of its own: under its names, at its usual port.
//!
//! Every value comes from the kernel: utilisation is the share of the last second in which the loop device had
//! requests in flight (`/sys/block/*/stat`), memory in use is what is stored in the file behind it
//! (`SEEK_DATA`), its total the device's size. Who holds a device is asked of the kubelet at each scrape. Exporters are
//! found as on other platforms: by a Service ([`announce`]).

mod announce;
pub(crate) mod holders;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
    routing::get,
};
use futures::{future::try_join_all, stream};
use plimsoll_defects::{Answer, ENDLESS, ExporterFaults};
use plimsoll_vendors::{
    Metrics,
    dialect::{self, Portion, Quirk},
};

pub use announce::AnnounceError;

use crate::{
    config::NodeConfig,
    device::Device,
    log::{chain, log},
    monitor::{Monitor, Reading, Readings},
    shutdown::Shutdown,
};
use holders::Holders;

/// An exporter that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// It can't listen.
    #[error("could not serve metrics at {address}")]
    Serve {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nobody would find it.
    #[error(transparent)]
    Announce(#[from] AnnounceError),
}

struct Exporter {
    metrics: &'static Metrics,
    /// All of the node's, since the kubelet is asked about all.
    devices: Vec<Device>,
    vendor: String,
    monitor: Monitor,
    pod_resources: PathBuf,
    pool: String,
    started: Instant,
    faults: Mutex<ExporterFaults>,
}

/// Serves the metrics of all vendors that have an exporter, until it is time to end.
pub(crate) async fn serve(
    config: &NodeConfig,
    client: kube::Client,
    node_uid: &str,
    devices: &[Device],
    monitor: &Monitor,
    shutdown: &Shutdown,
) -> Result<(), ExporterError> {
    let Some(address) = config.exporter_address else {
        return Ok(());
    };
    let mut vendors: Vec<(&str, &'static Metrics)> = devices
        .iter()
        .filter_map(|device| Some((device.vendor.id.as_str(), device.vendor.metrics.as_ref()?)))
        .collect();
    vendors.sort_by_key(|(vendor, _)| *vendor);
    vendors.dedup_by_key(|(vendor, _)| *vendor);
    let exporters = vendors.into_iter().map(|(vendor, metrics)| {
        let faults = ExporterFaults::new(config.defects.iter().map(String::as_str), &config.node);
        let exporter = Exporter {
            metrics,
            devices: devices.to_vec(),
            vendor: vendor.to_owned(),
            monitor: monitor.clone(),
            pod_resources: config.kubelet_root.join("pod-resources/kubelet.sock"),
            pool: config.node.clone(),
            started: Instant::now(),
            faults: Mutex::new(faults),
        };
        let client = client.clone();
        async move {
            announce::announce(client, metrics, &config.node, node_uid, address).await?;
            exporter.serve(address, shutdown).await
        }
    });
    try_join_all(exporters).await?;
    // The other parts of the process go on until then.
    shutdown.wait().await;
    Ok(())
}

impl Exporter {
    async fn serve(self, address: IpAddr, shutdown: &Shutdown) -> Result<(), ExporterError> {
        if self
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_down()
        {
            return Ok(());
        }
        let address = SocketAddr::new(address, self.metrics.port);
        let failed = |source| ExporterError::Serve { address, source };
        let router = Router::new()
            .route(&self.metrics.path, get(scrape))
            .with_state(Arc::new(self));
        let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        let stop = shutdown.clone();
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.wait().await })
            .await
            .map_err(failed)
    }

    fn readings(&self, readings: &Readings, holders: &Holders) -> Vec<dialect::Reading> {
        let own = self
            .devices
            .iter()
            .filter(|device| device.vendor.id == self.vendor);
        own.filter_map(|device| {
            // A device that is gone has no readings, hence no series.
            let Some(Reading::Healthy {
                utilisation,
                memory_used,
            }) = readings.get(&device.identity.uuid)
            else {
                return None;
            };
            let number = device
                .name
                .split_once('-')
                .map_or(device.name.as_str(), |(_, number)| number);
            Some(dialect::Reading {
                number: number.to_owned(),
                uuid: device.identity.uuid.clone(),
                utilisation: *utilisation,
                used: *memory_used,
                total: device.identity.memory,
                holder: holders.get(&device.identity.uuid).cloned(),
                portion: portion(device),
                quirk: Quirk::None,
            })
        })
        .collect()
    }
}

/// Which part of its device it is, as a partition.
fn portion(device: &Device) -> Option<Portion> {
    let part = device.part.as_ref()?;
    Some(Portion {
        whole: device.identity.parent.clone()?,
        number: part.ordinal.to_string(),
        profile: part.profile()?.to_owned(),
    })
}

async fn scrape(State(exporter): State<Arc<Exporter>>) -> impl IntoResponse {
    let holders = match holders::ask(&exporter.pod_resources).await {
        Ok(pods) => holders::by_uuid(&pods, &exporter.devices, &exporter.pool),
        Err(error) => {
            // A kubelet that restarts is no reason to withhold what devices do.
            log!("exporter: who holds which device is not known: {}", chain(&error));
            Holders::new()
        }
    };
    let readings = exporter.monitor.borrow().clone();
    let readings = exporter.readings(&readings, &holders);
    let answer = {
        let mut faults = exporter.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let said = faults.distort(exporter.started.elapsed(), readings);
        faults.answer(dialect::write(exporter.metrics, &said))
    };
    let body = match answer {
        Answer::Text(text) => Body::from(text),
        Answer::Endless(piece) => {
            let pieces = ENDLESS / piece.len().max(1);
            let piece = Bytes::from(piece);
            Body::from_stream(stream::iter(
                std::iter::repeat_n(piece, pieces).map(Ok::<_, std::convert::Infallible>),
            ))
        }
        Answer::Nothing => std::future::pending().await,
    };
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        body,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plimsoll_vendors::Vendor;

    use super::*;
    use crate::device::fixture;

    fn exporter(devices: Vec<Device>) -> Exporter {
        let (_, monitor) = tokio::sync::watch::channel(Readings::default());
        Exporter {
            metrics: Vendor::by_id("nvidia").unwrap().metrics.as_ref().unwrap(),
            devices,
            vendor: "nvidia".to_owned(),
            monitor,
            pod_resources: PathBuf::new(),
            pool: "n1".to_owned(),
            started: Instant::now(),
            faults: Mutex::default(),
        }
    }

    #[test]
    fn only_healthy_devices_of_its_own_vendor_are_told_of() {
        let devices = vec![
            fixture::device("nvidia", 0),
            fixture::device("nvidia", 1),
            fixture::device("amd", 0),
        ];
        let reading = |device: &Device| {
            let reading = match device.identity.index {
                0 => Reading::Healthy {
                    utilisation: 0.25,
                    memory_used: 16 << 20,
                },
                _ => Reading::Unhealthy("gone".to_owned()),
            };
            (device.identity.uuid.clone(), reading)
        };
        let readings = Arc::new(BTreeMap::from_iter(devices.iter().map(reading)));
        let told = exporter(devices).readings(&readings, &Holders::new());
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].number.as_str(), told[0].used, told[0].total),
            ("0", 16 << 20, 64 << 20)
        );
    }
}
