//! Looks at the node's devices once a second: whether they are there, how busy they were, what they store.
//!
//! A block device announces neither use nor detachment, so its counters are sampled, as vendors' agents
//! sample theirs. Everything else in this crate waits for what [`Monitor`] publishes.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    device::Device,
    kernel::{self, LoopDevice},
    shutdown::Shutdown,
};

/// How often devices are looked at.
const PACE: Duration = Duration::from_secs(1);

/// What was seen of one device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// It is there.
    Healthy {
        /// The share of the last second in which it had requests in flight, 0 to 1.
        utilisation: f64,
        /// Bytes stored in it.
        memory_used: u64,
    },
    /// It is not, or not the device it was.
    Unhealthy(String),
}

impl Reading {
    /// Whether the device can be handed out.
    pub(crate) fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy { .. })
    }
}

/// Readings by uuid.
pub(crate) type Readings = Arc<BTreeMap<String, Reading>>;

/// Where readings are waited for.
pub(crate) type Monitor = watch::Receiver<Readings>;

/// What a device had done when it was last looked at.
struct Sample {
    at: Instant,
    busy: Duration,
}

/// Starts looking; the first readings are there when this returns.
pub(crate) fn start(devices: Vec<Device>, shutdown: Shutdown) -> Monitor {
    let mut samples = BTreeMap::new();
    let (sender, receiver) = watch::channel(look(&devices, &mut samples));
    tokio::spawn(async move {
        while shutdown.pace(PACE).await {
            sender.send_replace(look(&devices, &mut samples));
        }
    });
    receiver
}

fn look(devices: &[Device], samples: &mut BTreeMap<String, Sample>) -> Readings {
    let mut readings = BTreeMap::new();
    for device in devices {
        let uuid = &device.identity.uuid;
        let reading = read(device, samples.get(uuid));
        let reading = match reading {
            Ok((sample, reading)) => {
                samples.insert(uuid.clone(), sample);
                reading
            }
            Err(error) => Reading::Unhealthy(error.to_string()),
        };
        readings.insert(uuid.clone(), reading);
    }
    Arc::new(readings)
}

fn read(device: &Device, last: Option<&Sample>) -> std::io::Result<(Sample, Reading)> {
    device.check()?;
    let sample = Sample {
        at: Instant::now(),
        busy: LoopDevice::at(&device.host_path)?.busy()?,
    };
    let (backing, offset) = &device.backing;
    let memory_used = kernel::stored(backing, *offset, device.identity.memory)?;
    let utilisation = last.map_or(0.0, |last| utilisation(last, &sample));
    Ok((
        sample,
        Reading::Healthy {
            utilisation,
            memory_used,
        },
    ))
}

/// The share of the time between two samples in which the device was busy.
fn utilisation(last: &Sample, now: &Sample) -> f64 {
    let (busy, wall) = (
        now.busy.saturating_sub(last.busy),
        now.at.saturating_duration_since(last.at),
    );
    if wall.is_zero() {
        return 0.0;
    }
    // The kernel counts in ticks, so a busy second can come out a little longer than it was.
    (busy.as_secs_f64() / wall.as_secs_f64()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    #[test]
    fn utilisation_is_busy_time_over_time() {
        let start = Instant::now();
        let at = |seconds, busy| Sample {
            at: start + Duration::from_secs(seconds),
            busy: Duration::from_millis(busy),
        };
        assert_eq!(utilisation(&at(0, 100), &at(2, 1100)), 0.5);
        assert_eq!(utilisation(&at(0, 0), &at(1, 1004)), 1.0);
        assert_eq!(utilisation(&at(1, 7), &at(1, 7)), 0.0);
        assert_eq!(
            utilisation(&at(0, 50), &at(1, 0)),
            0.0,
            "a device that was attached again counts from zero"
        );
    }

    #[test]
    fn a_device_that_is_gone_is_unhealthy() {
        let device = fixture::device("nvidia", 989);
        let readings = look(std::slice::from_ref(&device), &mut BTreeMap::new());
        assert!(!readings[&device.identity.uuid].is_healthy());
    }
}
