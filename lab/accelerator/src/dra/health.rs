//! Tells the kubelet how devices are, so that a pod's status can say that its accelerator is broken.

use std::{
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{Stream, stream};
use tonic::{Request, Response, Status};

use crate::{
    device::Device,
    monitor::{Monitor, Reading, Readings},
    proto::health::{
        DeviceHealth, DeviceIdentifier, HealthStatus, NodeWatchResourcesRequest, NodeWatchResourcesResponse,
        dra_resource_health_server::DraResourceHealth,
    },
    shutdown::Shutdown,
};

/// After how long without news the kubelet takes a device's health for unknown.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// How long to keep quiet when nothing changed.
const REPEAT: Duration = Duration::from_secs(10);

/// The health service of one driver.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    pool: String,
    devices: Vec<Device>,
    monitor: Monitor,
    shutdown: Shutdown,
}

impl Health {
    pub(crate) fn new(pool: &str, devices: Vec<Device>, monitor: Monitor, shutdown: Shutdown) -> Self {
        Self {
            pool: pool.to_owned(),
            devices,
            monitor,
            shutdown,
        }
    }

    fn report(&self, readings: &Readings) -> NodeWatchResourcesResponse {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let devices = self
            .devices
            .iter()
            .map(|device| {
                let (health, message) = match readings.get(&device.identity.uuid) {
                    Some(Reading::Healthy { .. }) => (HealthStatus::Healthy, String::new()),
                    Some(Reading::Unhealthy(reason)) => (HealthStatus::Unhealthy, reason.clone()),
                    None => (HealthStatus::Unknown, String::new()),
                };
                DeviceHealth {
                    device: Some(DeviceIdentifier {
                        pool_name: self.pool.clone(),
                        device_name: device.name.clone(),
                    }),
                    health: health.into(),
                    last_updated_time: i64::try_from(now).unwrap_or(i64::MAX),
                    health_check_timeout_seconds: STALE_AFTER.as_secs() as i64,
                    message,
                }
            })
            .collect();
        NodeWatchResourcesResponse { devices }
    }

    /// Waits until the kubelet should hear again; `None` when it is time to end.
    async fn next(mut self) -> Option<(NodeWatchResourcesResponse, Self)> {
        let known: Vec<bool> = self.healthy();
        let mut monitor = self.monitor.clone();
        let changed = async {
            let differs = |readings: &Readings| healthy(&self.devices, readings) != known;
            // An error means that the monitor ended, and with it the process.
            let _ended = monitor.wait_for(differs).await;
        };
        self.shutdown
            .unless_stopped(tokio::time::timeout(REPEAT, changed))
            .await?
            .ok();
        let readings = self.monitor.borrow_and_update().clone();
        let report = self.report(&readings);
        Some((report, self))
    }

    fn healthy(&self) -> Vec<bool> {
        healthy(&self.devices, &self.monitor.borrow())
    }
}

fn healthy(devices: &[Device], readings: &Readings) -> Vec<bool> {
    devices
        .iter()
        .map(|device| {
            readings
                .get(&device.identity.uuid)
                .is_some_and(Reading::is_healthy)
        })
        .collect()
}

#[tonic::async_trait]
impl DraResourceHealth for Health {
    type NodeWatchResourcesStream =
        Pin<Box<dyn Stream<Item = Result<NodeWatchResourcesResponse, Status>> + Send>>;

    async fn node_watch_resources(
        &self,
        _request: Request<NodeWatchResourcesRequest>,
    ) -> Result<Response<Self::NodeWatchResourcesStream>, Status> {
        let first = self.report(&self.monitor.borrow().clone());
        let later = stream::unfold(self.clone(), |health| health.next());
        let reports = futures::StreamExt::chain(stream::iter([first]), later);
        Ok(Response::new(Box::pin(futures::StreamExt::map(reports, Ok))))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use tokio::sync::watch;

    use super::*;
    use crate::{device::fixture, shutdown};

    fn readings(reading: Reading) -> Readings {
        Arc::new(BTreeMap::from([(
            fixture::device("nvidia", 0).identity.uuid,
            reading,
        )]))
    }

    fn status(report: &NodeWatchResourcesResponse) -> (i32, &str) {
        (report.devices[0].health, &report.devices[0].message)
    }

    #[tokio::test(start_paused = true)]
    async fn the_kubelet_hears_of_a_change_and_before_its_patience_ends() {
        let healthy = readings(Reading::Healthy {
            utilisation: 0.0,
            memory_used: 0,
        });
        let (sender, monitor) = watch::channel(healthy);
        let (stop, shutdown) = shutdown::channel();
        let health = Health::new("n1", vec![fixture::device("nvidia", 0)], monitor, shutdown);

        let before = tokio::time::Instant::now();
        let (report, health) = health.next().await.unwrap();
        assert_eq!(status(&report), (HealthStatus::Healthy.into(), ""));
        assert!(before.elapsed() < STALE_AFTER);

        let waiting = tokio::spawn(health.next());
        tokio::task::yield_now().await;
        let before = tokio::time::Instant::now();
        sender.send_replace(readings(Reading::Unhealthy("detached".into())));
        let (report, health) = waiting.await.unwrap().unwrap();
        assert_eq!(status(&report), (HealthStatus::Unhealthy.into(), "detached"));
        assert!(before.elapsed() < REPEAT);

        stop.stop();
        assert!(health.next().await.is_none());
    }
}
