//! The exporter of a vendor's devices on one node: what the machine did, as the vendor's exporter says it.
//!
//! Nothing ticks here. Devices remember when they worked, so a scrape is answered with what an exporter would have read
//! at its last turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plimsoll_apiserver::{Direct, resources};
use plimsoll_defects::{Answer, ENDLESS, ExporterFaults};
use plimsoll_probe::host::{Connection, Listener};
use plimsoll_vendors::{
    Metrics, Vendor,
    dialect::{self, Holder, Portion, Quirk, Reading},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    kubelet::{Health, Kubelet},
    network::{Endpoint, PodConnection},
};
use crate::{Faults, drivers::Accelerator};

/// A longer request is no question for metrics.
const REQUEST_BYTES: usize = 16 << 10;

/// How long a connection is kept on which nothing comes.
const IDLE: Duration = Duration::from_secs(30);

/// An exporter.
pub(crate) struct Exporter {
    kubelet: Arc<Kubelet>,
    vendor: &'static str,
    metrics: &'static Metrics,
    refresh: Duration,
    api: Direct,
    faults: Mutex<ExporterFaults>,
}

impl Exporter {
    /// The exporters of a node, one for each vendor that has one; where one is down, there is none.
    pub(crate) fn of_node(
        kubelet: &Arc<Kubelet>,
        api: &Direct,
        refresh: Duration,
        faults: &Faults,
    ) -> Vec<Self> {
        let mut vendors: Vec<&'static str> =
            exported(&kubelet.accelerators).map(Accelerator::vendor).collect();
        vendors.sort_unstable();
        vendors.dedup();
        let exporters = vendors.into_iter().filter_map(|vendor| {
            Some(Self {
                kubelet: Arc::clone(kubelet),
                vendor,
                metrics: Vendor::by_id(vendor).ok()?.metrics.as_ref()?,
                refresh: refresh.max(Duration::from_millis(1)),
                api: api.clone(),
                faults: Mutex::new(ExporterFaults::new(faults.ids(), &kubelet.name)),
            })
        });
        exporters
            .filter(|exporter| !exporter.faults().is_down())
            .collect()
    }

    /// Answers at the vendor's usual port at the node's place on the network.
    pub(crate) async fn serve(self, endpoint: Endpoint) {
        // Two vendors' exporters can't have the same port, as on a real node.
        let Ok(listener) = endpoint.listen(self.metrics.port) else {
            return;
        };
        loop {
            endpoint.wait(Some(&listener), &[]).await;
            while let Some(connection) = listener.accept() {
                let answered = self.answer(&endpoint, connection);
                // Whoever says nothing must not keep the others waiting for ever.
                let _ = tokio::time::timeout(IDLE, answered).await;
            }
        }
    }

    async fn answer(&self, endpoint: &Endpoint, mut connection: PodConnection) {
        let mut request = Vec::new();
        let mut buffer = [0; 2048];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match connection.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => request.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(_) => endpoint.wait(None, &[&connection]).await,
            }
            if request.len() > REQUEST_BYTES {
                return;
            }
        }
        if self.kubelet.health() == Health::Off {
            return;
        }
        let wanted = format!("GET {} ", self.metrics.path);
        let head = |status: &str, length: &str| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
                 {length}Connection: close\r\n\r\n"
            )
        };
        if !request.starts_with(wanted.as_bytes()) {
            let answer = head("404 Not Found", "Content-Length: 0\r\n");
            let _ = connection.write(answer.as_bytes(), IDLE).await;
            return;
        }
        let text = self.text();
        let answer = self.faults().answer(text);
        match answer {
            Answer::Text(body) => {
                let mut answer = head("200 OK", &format!("Content-Length: {}\r\n", body.len())).into_bytes();
                answer.extend(body);
                let _ = connection.write(&answer, IDLE).await;
            }
            Answer::Endless(piece) => {
                let _ = connection.write(head("200 OK", "").as_bytes(), IDLE).await;
                for _ in 0..ENDLESS / piece.len().max(1) {
                    let is_heard = connection.read(&mut buffer).is_err();
                    if !is_heard || connection.write(&piece, IDLE).await.is_err() {
                        return;
                    }
                }
            }
            Answer::Nothing => std::future::pending().await,
        }
    }

    /// What it says now.
    fn text(&self) -> String {
        let since = self.api.clock().elapsed();
        let refresh = self.refresh.as_millis().max(1);
        let age = Duration::from_millis(u64::try_from(since.as_millis() % refresh).unwrap_or_default());
        let holders = self.holders();
        let readings = exported(&self.kubelet.accelerators)
            .filter(|accelerator| accelerator.vendor() == self.vendor)
            .map(|accelerator| self.read(accelerator, age, &holders));
        let said = self.faults().distort(since, readings.collect());
        dialect::write(self.metrics, &said)
    }

    fn read(&self, accelerator: &Accelerator, age: Duration, holders: &[(String, Holder)]) -> Reading {
        let machine = &self.kubelet.machine;
        let read_at = Instant::now().checked_sub(age);
        let before = read_at.and_then(|at| at.checked_sub(self.refresh));
        let at = |moment: Option<Instant>| {
            moment.map_or_else(Default::default, |moment| {
                machine.activity_at(accelerator.number, moment)
            })
        };
        let (now, then) = (at(read_at), at(before));
        let busy = now.busy.saturating_sub(then.busy);
        let number = accelerator
            .name
            .split_once('-')
            .map_or(accelerator.name.as_str(), |(_, number)| number);
        Reading {
            number: number.to_owned(),
            uuid: accelerator.uuid.clone(),
            utilisation: (busy.as_secs_f64() / self.refresh.as_secs_f64()).min(1.0),
            used: now.stored,
            total: accelerator.memory,
            holder: holders
                .iter()
                .filter(|(uuid, _)| *uuid == accelerator.uuid)
                .map(|(_, holder)| holder)
                .min()
                .cloned(),
            portion: portion(accelerator),
            quirk: Quirk::None,
        }
    }

    /// Which container holds which device, as the kubelet tells it; by uuid.
    fn holders(&self) -> Vec<(String, Holder)> {
        let node = self.kubelet.name.as_str();
        let pods = self
            .api
            .list_where(&resources::PODS, None, |pod| pod["spec"]["nodeName"] == node);
        let mut holders = Vec::new();
        for pod in &pods {
            let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
            let init = pod["spec"]["initContainers"].as_array().into_iter().flatten();
            let main = pod["spec"]["containers"].as_array().into_iter().flatten();
            for container in init.chain(main) {
                let holder = Holder {
                    namespace: text("namespace"),
                    pod: text("name"),
                    container: container["name"].as_str().unwrap_or_default().to_owned(),
                };
                holders.extend(
                    self.held(pod, container)
                        .into_iter()
                        .map(|uuid| (uuid, holder.clone())),
                );
            }
        }
        holders
    }

    fn held(&self, pod: &Value, container: &Value) -> Vec<String> {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let name = container["name"].as_str().unwrap_or_default();
        let mut held = self.kubelet.devices.held(uid, name);
        let claimed = self.kubelet.claims.held(pod, container);
        let of_driver = |device: &str, driver: &str| {
            let known = self.kubelet.accelerators.iter().find(|accelerator| {
                let theirs = Vendor::by_id(accelerator.vendor())
                    .ok()
                    .and_then(|vendor| vendor.dra.as_ref());
                accelerator.name == device && theirs.is_some_and(|dra| dra.driver == driver)
            });
            known.map(|accelerator| accelerator.uuid.clone())
        };
        held.extend(
            claimed
                .iter()
                .filter_map(|(driver, device)| of_driver(device, driver)),
        );
        held
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, ExporterFaults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which part of its device it is, as a partition.
fn portion(accelerator: &Accelerator) -> Option<Portion> {
    let (part, (_, whole)) = (accelerator.part.as_ref()?, accelerator.parent.as_ref()?);
    Some(Portion {
        whole: whole.clone(),
        number: part.ordinal.to_string(),
        profile: part.profile()?.to_owned(),
    })
}

/// Those that have an exporter.
fn exported(accelerators: &[Accelerator]) -> impl Iterator<Item = &Accelerator> {
    accelerators.iter().filter(|accelerator| accelerator.exported)
}
