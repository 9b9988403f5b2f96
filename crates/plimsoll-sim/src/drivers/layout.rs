//! How a node's devices are divided at present, where they can be divided anew: as their platform's file says, or not at
//! all.

use plimsoll_vendors::Vendor;

use super::Accelerator;

/// Longer values no label has.
const LONGEST: usize = 63;

/// The ways in which a vendor's devices of a node can be divided, and the labels by which that is asked for and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layouts {
    /// The vendor's profile id.
    pub(crate) vendor: &'static str,
    /// The label that asks.
    pub(crate) config: &'static str,
    /// The label that tells.
    pub(crate) state: &'static str,
    /// What the division of the platform's file is called.
    pub(crate) own: String,
    /// What no division is called.
    pub(crate) whole: &'static str,
}

impl Layouts {
    /// Those of a node: of each vendor that has a manager of partitions, where devices are offered in partitions alone.
    pub(crate) fn of_node(accelerators: &[Accelerator]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for device in accelerators
            .iter()
            .filter(|device| is_divided(device, accelerators))
        {
            if all.iter().any(|known| known.vendor == device.vendor()) {
                continue;
            }
            let vendor = Vendor::by_id(device.vendor()).ok();
            let Some(partitions) = vendor.and_then(|vendor| vendor.partitions.as_ref()) else {
                continue;
            };
            if let (Some(config), Some(state), Some(whole)) = (
                &partitions.config_label,
                &partitions.state_label,
                &partitions.whole_config,
            ) {
                all.push(Self {
                    vendor: device.vendor(),
                    config,
                    state,
                    own: name(device, accelerators),
                    whole,
                });
            }
        }
        all
    }
}

/// The same devices with those of a vendor that are offered in partitions alone undivided.
pub(crate) fn undivided(accelerators: &[Accelerator], vendor: &str) -> Vec<Accelerator> {
    let divided = |device: &Accelerator| device.vendor() == vendor && is_divided(device, accelerators);
    let is_part_of = |part: &Accelerator, device: &Accelerator| {
        part.parent.as_ref().is_some_and(|(_, uuid)| *uuid == device.uuid)
    };
    accelerators
        .iter()
        .map(|device| {
            let is_part = accelerators
                .iter()
                .any(|other| divided(other) && is_part_of(device, other));
            let mut laid_out = device.clone();
            laid_out.is_offered = (device.is_offered && !is_part) || divided(device);
            laid_out
        })
        .collect()
}

fn is_divided(device: &Accelerator, all: &[Accelerator]) -> bool {
    !device.is_offered && profiles(device, all).next().is_some()
}

fn profiles<'a>(device: &'a Accelerator, all: &'a [Accelerator]) -> impl Iterator<Item = &'a str> {
    all.iter()
        .filter(|part| part.parent.as_ref().is_some_and(|(_, uuid)| *uuid == device.uuid))
        .filter_map(|part| part.part.as_ref()?.profile())
}

fn name(device: &Accelerator, all: &[Accelerator]) -> String {
    let name = profiles(device, all).collect::<Vec<_>>().join("_");
    if name.len() > LONGEST {
        "custom".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::fixture::divided;

    fn offered(devices: &[Accelerator]) -> Vec<&str> {
        let offered = devices.iter().filter(|device| device.is_offered);
        offered.map(|device| device.name.as_str()).collect()
    }

    #[test]
    fn devices_in_partitions_alone_can_be_had_whole_after_all() {
        let devices = divided("nvidia", 1, "3g.40gb+3g.40gb", &[]);
        let layouts = Layouts::of_node(&devices);
        assert_eq!(layouts.len(), 1);
        assert_eq!(
            (layouts[0].own.as_str(), layouts[0].whole, layouts[0].config),
            ("3g.40gb_3g.40gb", "all-disabled", "nvidia.com/mig.config")
        );
        assert_eq!(offered(&devices), ["gpu-0-3g-40gb-0", "gpu-0-3g-40gb-1"]);
        assert_eq!(offered(&undivided(&devices, "nvidia")), ["gpu-0"]);
        assert_eq!(offered(&undivided(&devices, "amd")), offered(&devices));
    }

    #[test]
    fn nothing_is_to_be_divided_where_devices_are_offered_whole_or_as_virtual_functions() {
        for (vendor, division) in [
            ("nvidia", "whole"),
            ("nvidia", "whole|3g.40gb"),
            ("nvidia", "vf4"),
            ("intel-gpu", "vf2"),
        ] {
            let devices = divided(vendor, 1, division, &[]);
            assert_eq!(Layouts::of_node(&devices), [], "{vendor} {division}");
            assert_eq!(undivided(&devices, vendor), devices, "{vendor} {division}");
        }
    }
}
