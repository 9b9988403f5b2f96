//! The devices of a machine, and what its kernel tells about them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_probe::protocol::{DeviceNumber, HEADER_BYTES, NodeKind};

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

/// A machine: what a node's containers share of it.
#[derive(Debug)]
pub(crate) struct Machine {
    boot_id: String,
    devices: BTreeMap<DeviceNumber, HardwareDevice>,
    files: BTreeMap<String, String>,
    activity: Mutex<BTreeMap<DeviceNumber, Activity>>,
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

    /// What a device has done so far.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what exporters show; none is simulated yet")
    )]
    pub(crate) fn activity(&self, number: DeviceNumber) -> Activity {
        self.activities().get(&number).copied().unwrap_or_default()
    }

    /// Notes that a device worked, and up to where it was written.
    pub(crate) fn worked(&self, number: DeviceNumber, busy: Duration, written_to: Option<u64>) {
        let mut activities = self.activities();
        let activity = activities.entry(number).or_default();
        activity.busy += busy;
        if let Some(end) = written_to {
            activity.stored = activity.stored.max(end.saturating_sub(HEADER_BYTES as u64));
        }
    }

    /// Forgets what was stored on a device: its memory is free again.
    pub(crate) fn clear(&self, number: DeviceNumber) {
        self.activities().entry(number).or_default().stored = 0;
    }

    fn activities(&self) -> MutexGuard<'_, BTreeMap<DeviceNumber, Activity>> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_remembers_its_work_until_it_is_cleared() {
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
        let activity = machine.activity(number);
        assert_eq!((activity.busy.as_millis(), activity.stored), (10, 4096));
        machine.clear(number);
        assert_eq!(machine.activity(number).stored, 0);
        assert!(machine.sysfs(number).unwrap().ends_with("loop0"));
        assert_eq!(machine.sysfs("b:7:1".parse().unwrap()), None);
    }
}
