//! How a node's devices are divided at present, where they can be divided anew: as configured, or not at all.

use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::{device::Device, shutdown::Shutdown};

/// Longer values no label has.
const LONGEST: usize = 63;

/// What is offered of the node's devices. Clones see the same.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Uuids of devices that are offered in partitions alone.
    divided: BTreeSet<String>,
    /// Vendors of which no such device is divided at present.
    undivided: watch::Sender<BTreeSet<String>>,
}

/// The labels by which a vendor's devices are divided anew, and what divisions are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Divisions {
    pub(crate) vendor: String,
    /// The label that asks.
    pub(crate) config: &'static str,
    /// The label that tells.
    pub(crate) state: &'static str,
    /// What the configured division is called.
    pub(crate) own: String,
    /// What no division is called.
    pub(crate) whole: &'static str,
}

impl Layout {
    /// Of these devices of a node, as configured.
    pub(crate) fn of(devices: &[Device]) -> Self {
        let divided = devices
            .iter()
            .filter(|device| !device.is_offered && profiles(device, devices).next().is_some());
        Self {
            divided: divided.map(|device| device.identity.uuid.clone()).collect(),
            undivided: watch::Sender::default(),
        }
    }

    /// Whether pods can have the device at present.
    pub(crate) fn offers(&self, device: &Device) -> bool {
        if !self.undivided.borrow().contains(&device.vendor.id) {
            return device.is_offered;
        }
        let is_part = device
            .parent
            .as_ref()
            .is_some_and(|parent| self.divided.contains(&parent.uuid));
        (device.is_offered && !is_part) || self.is_divided(device)
    }

    /// Whether the device is offered in partitions as configured, and whole otherwise.
    pub(crate) fn is_divided(&self, device: &Device) -> bool {
        self.divided.contains(&device.identity.uuid)
    }

    /// The same devices as they are offered at present.
    pub(crate) fn apply(&self, devices: &[Device]) -> Vec<Device> {
        let laid_out = devices.iter().map(|device| Device {
            is_offered: self.offers(device),
            ..device.clone()
        });
        laid_out.collect()
    }

    /// Whether a vendor's devices are not divided at present.
    pub(crate) fn is_undivided(&self, vendor: &str) -> bool {
        self.undivided.borrow().contains(vendor)
    }

    /// Divides a vendor's devices as configured or, undivided, not at all.
    pub(crate) fn set(&self, vendor: &str, undivided: bool) {
        self.undivided.send_modify(|vendors| {
            if undivided {
                vendors.insert(vendor.to_owned());
            } else {
                vendors.remove(vendor);
            }
        });
    }

    /// Waits until a vendor's devices are not divided; false when it is time to end first.
    pub(crate) async fn until_undivided(&self, vendor: &str, shutdown: &Shutdown) -> bool {
        let mut undivided = self.undivided.subscribe();
        let waited = undivided.wait_for(|vendors| vendors.contains(vendor));
        shutdown
            .unless_stopped(waited)
            .await
            .is_some_and(|waited| waited.is_ok())
    }

    /// How the node's devices can be divided anew, by vendor.
    pub(crate) fn divisions(&self, devices: &[Device]) -> Vec<Divisions> {
        let mut all: Vec<Divisions> = Vec::new();
        for device in devices.iter().filter(|device| self.is_divided(device)) {
            let Some(partitions) = &device.vendor.partitions else {
                continue;
            };
            if let (Some(config), Some(state), Some(whole)) = (
                &partitions.config_label,
                &partitions.state_label,
                &partitions.whole_config,
            ) && !all.iter().any(|known| known.vendor == device.vendor.id)
            {
                let name = profiles(device, devices).collect::<Vec<_>>().join("_");
                all.push(Divisions {
                    vendor: device.vendor.id.clone(),
                    config,
                    state,
                    own: if name.len() > LONGEST {
                        "custom".to_owned()
                    } else {
                        name
                    },
                    whole,
                });
            }
        }
        all
    }
}

fn profiles<'a>(device: &'a Device, all: &'a [Device]) -> impl Iterator<Item = &'a str> {
    all.iter()
        .filter(|part| {
            part.parent
                .as_ref()
                .is_some_and(|parent| parent.uuid == device.identity.uuid)
        })
        .filter_map(|part| part.part.as_ref()?.profile())
}

#[cfg(test)]
pub(crate) mod fixture {
    use plimsoll_vendors::{Part, PartKind};

    use super::*;
    use crate::device::{Parent, fixture};

    /// A device that is offered as two partitions.
    pub(crate) fn halved() -> Vec<Device> {
        let whole = Device {
            is_offered: false,
            ..fixture::device("nvidia", 0)
        };
        let part = |ordinal: u32| {
            let mut part = Device {
                name: format!("half-{ordinal}"),
                parent: Some(Parent {
                    name: whole.name.clone(),
                    uuid: whole.identity.uuid.clone(),
                }),
                part: Some(Part {
                    ordinal,
                    kind: PartKind::Partition("3g.40gb".to_owned()),
                    slices: ordinal * 4..ordinal * 4 + 4,
                }),
                is_offered: true,
                ..whole.clone()
            };
            part.identity.uuid = format!("half-{ordinal}");
            part
        };
        vec![whole.clone(), part(0), part(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::{fixture::halved, *};
    use crate::device;

    fn offered(devices: &[Device], layout: &Layout) -> Vec<bool> {
        devices.iter().map(|device| layout.offers(device)).collect()
    }

    #[test]
    fn a_device_in_partitions_alone_can_be_had_whole_after_all() {
        let devices = halved();
        let layout = Layout::of(&devices);
        let divisions = layout.divisions(&devices);
        assert_eq!(divisions.len(), 1);
        assert_eq!(
            (divisions[0].own.as_str(), divisions[0].whole),
            ("3g.40gb_3g.40gb", "all-disabled")
        );
        assert_eq!(offered(&devices, &layout), [false, true, true]);
        layout.set("nvidia", true);
        assert_eq!(offered(&devices, &layout), [true, false, false]);
        assert_eq!(
            layout
                .apply(&devices)
                .iter()
                .map(|device| device.is_offered)
                .collect::<Vec<_>>(),
            [true, false, false]
        );
        layout.set("nvidia", false);
        assert_eq!(offered(&devices, &layout), [false, true, true]);
    }

    #[test]
    fn what_is_not_divided_stays_as_it_is() {
        let devices = [device::fixture::device("nvidia", 0)];
        let layout = Layout::of(&devices);
        assert_eq!(layout.divisions(&devices), []);
        layout.set("nvidia", true);
        assert!(layout.offers(&devices[0]) && layout.is_undivided("nvidia"));
    }
}
