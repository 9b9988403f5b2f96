//! Metrics of the node's devices under their vendors' names.
//!
//! Every value comes from the kernel: utilisation is the share of the last second in which the loop device had
//! requests in flight (`/sys/block/*/stat`), memory in use is what is stored in the file behind it
//! (`SEEK_DATA`), its total the device's size. Who holds a device is asked of the kubelet at each scrape.

mod holders;
mod series;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};

use crate::{
    config::NodeConfig,
    device::Device,
    log::{chain, log},
    monitor::Monitor,
    shutdown::Shutdown,
};

/// An exporter that cannot run.
#[derive(Debug, thiserror::Error)]
#[error("could not serve metrics at {address}")]
pub struct ExporterError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

struct Exporter {
    devices: Vec<Device>,
    monitor: Monitor,
    pod_resources: PathBuf,
    pool: String,
}

/// Serves metrics at `address` until it is time to end.
pub(crate) async fn serve(
    config: &NodeConfig,
    address: SocketAddr,
    devices: Vec<Device>,
    monitor: Monitor,
    shutdown: &Shutdown,
) -> Result<(), ExporterError> {
    let failed = |source| ExporterError { address, source };
    let mut paths: Vec<String> = devices
        .iter()
        .filter_map(|device| Some(device.vendor.metrics.as_ref()?.path.clone()))
        .collect();
    paths.sort();
    paths.dedup();
    let pod_resources = config.kubelet_root.join("pod-resources/kubelet.sock");
    let exporter = Arc::new(Exporter {
        devices,
        monitor,
        pod_resources,
        pool: config.node.clone(),
    });
    let mut router = Router::new();
    for path in &paths {
        router = router.route(path, get(scrape));
    }
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    let stop = shutdown.clone();
    let serving = axum::serve(listener, router.with_state(exporter));
    serving
        .with_graceful_shutdown(async move { stop.wait().await })
        .await
        .map_err(failed)
}

async fn scrape(State(exporter): State<Arc<Exporter>>) -> impl IntoResponse {
    let holders = match holders::ask(&exporter.pod_resources).await {
        Ok(pods) => holders::by_uuid(&pods, &exporter.devices, &exporter.pool),
        Err(error) => {
            // A kubelet that restarts is no reason to withhold what devices do.
            log!("exporter: who holds which device is not known: {}", chain(&error));
            holders::Holders::new()
        }
    };
    let readings = exporter.monitor.borrow().clone();
    let text = series::render(&exporter.devices, &readings, &holders);
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}
