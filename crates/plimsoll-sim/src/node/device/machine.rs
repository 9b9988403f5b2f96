//! The devices of a machine, and what its kernel tells about them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_probe::protocol::{DeviceNumber, HEADER_BYTES, NodeKind};
use tokio::time::Instant;

/// A device of a machine.
#[derive(Clone, Debug)]
pub(crate) struct HardwareDevice {
    /// Which one.
    pub(crate) number: DeviceNumber,
    /// Its node on the host.
    pub(crate) path: String,
    /// Its first block; empty for a device that hands out nothing.
    pub(crate) header: Vec<u8>,
    /// How much there is to read.
    pub(crate) bytes: u64,
}

/// What a device has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// For how long it worked, in all.
    pub(crate) busy: Duration,
    /// Bytes that were written and not given back.
    pub(crate) stored: u64,
}

/// What a device has done and held of late.
#[derive(Debug, Default)]
struct Course {
    now: Activity,
    /// Moments of the last minutes, each with what was true from then on; the oldest says what was true before.
    past: VecDeque<(Instant, Activity)>,
}

/// How far back a device remembers.
const MEMORY: Duration = Duration::from_secs(150);

/// Moments closer than this are one.
const MOMENT: Duration = Duration::from_millis(20);

impl Course {
    fn change(&mut self, change: impl FnOnce(&mut Activity)) {
        change(&mut self.now);
        let now = Instant::now();
        match self.past.back_mut() {
            Some((at, last)) if now.duration_since(*at) < MOMENT => *last = self.now,
            _ => self.past.push_back((now, self.now)),
        }
        while self.past.len() > 1
            && self
                .past
                .get(1)
                .is_some_and(|(at, _)| now.duration_since(*at) > MEMORY)
        {
            self.past.pop_front();
        }
    }

    fn at(&self, moment: Instant) -> Activity {
        let after = self.past.partition_point(|(at, _)| *at <= moment);
        match after.checked_sub(1).and_then(|index| self.past.get(index)) {
            Some((_, activity)) => *activity,
            None => Activity::default(),
        }
    }
}

/// A machine: what a node's containers share of it.
#[derive(Debug)]
pub(crate) struct Machine {
    boot_id: String,
    devices: BTreeMap<DeviceNumber, HardwareDevice>,
    files: BTreeMap<String, String>,
    activity: Mutex<BTreeMap<DeviceNumber, Course>>,
}

impl Machine {
    /// A machine with these devices.
    pub(crate) fn new(boot_id: String, devices: impl IntoIterator<Item = HardwareDevice>) -> Self {
        Self {
            boot_id,
            devices: devices
                .into_iter()
                .map(|device| (device.number, device))
                .collect(),
            files: BTreeMap::new(),
            activity: Mutex::default(),
        }
    }

    /// The same with files of its kernel, which every container sees.
    pub(crate) fn telling(mut self, files: BTreeMap<String, String>) -> Self {
        self.files = files;
        self
    }

    /// Files of its kernel, by path.
    pub(crate) fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// Which start of which kernel it is.
    pub(crate) fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// A device by its number.
    pub(crate) fn device(&self, number: DeviceNumber) -> Option<&HardwareDevice> {
        self.devices.get(&number)
    }

    /// All of its devices, by number.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &HardwareDevice> {
        self.devices.values()
    }

    /// Where the kernel's entry for a device number points to.
    pub(crate) fn sysfs(&self, number: DeviceNumber) -> Option<String> {
        self.device(number)?;
        Some(match number.kind {
            NodeKind::Block => format!("../../devices/virtual/block/loop{}", number.minor),
            NodeKind::Character => {
                format!(
                    "../../devices/virtual/accelerator/{}:{}",
                    number.major, number.minor
                )
            }
        })
    }

    /// What a device had done by a moment of the last minutes.
    pub(crate) fn activity_at(&self, number: DeviceNumber, moment: Instant) -> Activity {
        self.activities()
            .get(&number)
            .map_or_else(Activity::default, |course| course.at(moment))
    }

    /// Notes that a device worked, and up to where it was written.
    pub(crate) fn worked(&self, number: DeviceNumber, busy: Duration, written_to: Option<u64>) {
        self.activities().entry(number).or_default().change(|activity| {
            activity.busy += busy;
            if let Some(end) = written_to {
                activity.stored = activity.stored.max(end.saturating_sub(HEADER_BYTES as u64));
            }
        });
    }

    /// Forgets what was stored on a device: its memory is free again.
    pub(crate) fn clear(&self, number: DeviceNumber) {
        self.activities()
            .entry(number)
            .or_default()
            .change(|activity| activity.stored = 0);
    }

    fn activities(&self) -> MutexGuard<'_, BTreeMap<DeviceNumber, Course>> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_device_remembers_its_work_until_it_is_cleared() {
        let number: DeviceNumber = "b:7:0".parse().unwrap();
        let device = HardwareDevice {
            number,
            path: "/dev/nvidia0".to_owned(),
            header: Vec::new(),
            bytes: 1 << 20,
        };
        let machine = Machine::new("boot".to_owned(), [device]);
        machine.worked(number, Duration::from_millis(5), Some(8192));
        machine.worked(number, Duration::from_millis(5), None);
        let worked = Instant::now();
        let activity = machine.activity_at(number, worked);
        assert_eq!((activity.busy.as_millis(), activity.stored), (10, 4096));
        tokio::time::advance(Duration::from_secs(1)).await;
        machine.clear(number);
        assert_eq!(machine.activity_at(number, Instant::now()).stored, 0);
        assert_eq!(machine.activity_at(number, worked), activity);
        assert!(machine.sysfs(number).unwrap().ends_with("loop0"));
        assert_eq!(machine.sysfs("b:7:1".parse().unwrap()), None);
    }
}
