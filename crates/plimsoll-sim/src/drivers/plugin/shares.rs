//! Shares of devices: a device under several ids, each for one pod.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_vendors::Vendor;

use crate::{Faults, drivers::Accelerator, platform::Sharing};

/// Between a device's uuid and the number of a share of it.
const SEPARATOR: &str = "::";

/// How a plugin divides each of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares(u32);

impl Shares {
    /// Each device for one pod at a time.
    pub(crate) fn none() -> Self {
        Self(1)
    }

    /// As configured, unless a defect has it otherwise.
    pub(crate) fn of(sharing: Option<Sharing>, faults: &Faults) -> Self {
        match sharing {
            Some(_) if faults.has("share.renamed") || faults.has("share.spread") => Self(1),
            Some(sharing) if faults.has("share.unbounded") => Self(sharing.replicas * 2),
            Some(sharing) => Self(sharing.replicas),
            None => Self::none(),
        }
    }

    /// Whether several pods can have a device.
    pub(super) fn is_shared(self) -> bool {
        self.0 > 1
    }

    /// The ids under which a device is listed.
    pub(super) fn ids(self, uuid: &str) -> impl Iterator<Item = String> {
        let is_shared = self.is_shared();
        (0..self.0).map(move |share| {
            if is_shared {
                format!("{uuid}{SEPARATOR}{share}")
            } else {
                uuid.to_owned()
            }
        })
    }

    /// The device behind an id.
    pub(super) fn device(id: &str) -> &str {
        id.split_once(SEPARATOR).map_or(id, |(uuid, _)| uuid)
    }

    /// Chooses `size` of the `available` ids, each of the device with most shares left, so that pods are spread.
    pub(super) fn prefer(self, available: &[String], size: usize) -> Vec<String> {
        let mut left: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
        for id in available {
            left.entry(Self::device(id)).or_default().insert(id);
        }
        let mut chosen = Vec::new();
        while chosen.len() < size {
            // The first of equals: `max_by_key` would take the last.
            let fullest = left.values_mut().rev().max_by_key(|ids| ids.len());
            let Some(id) = fullest.and_then(BTreeSet::pop_first) else {
                break;
            };
            chosen.push(id.clone());
        }
        chosen
    }
}

/// What a node's labels say of the devices that its plugins share.
pub(crate) fn labels(accelerators: &[Accelerator], faults: &Faults) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<&str, (Sharing, u32)> = BTreeMap::new();
    for accelerator in accelerators {
        if let Some(sharing) = accelerator.sharing {
            counts.entry(accelerator.vendor()).or_insert((sharing, 0)).1 += 1;
        }
    }
    let mut labels = BTreeMap::new();
    for (vendor, (sharing, count)) in counts {
        let Some(resource) = Vendor::by_id(vendor).ok().and_then(Vendor::resource) else {
            continue;
        };
        labels.insert(format!("{resource}.sharing-strategy"), "time-slicing".to_owned());
        // Where only the name was changed, nobody counted.
        if !faults.has("share.spread") {
            labels.insert(format!("{resource}.replicas"), sharing.replicas.to_string());
            labels.insert(format!("{resource}.count"), count.to_string());
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_device_that_its_id_begins_with() {
        let ids: Vec<String> = Shares(2).ids("u").collect();
        assert_eq!(ids, ["u::0", "u::1"]);
        assert!(ids.iter().all(|id| Shares::device(id) == "u"));
        assert_eq!(Shares::none().ids("u").collect::<Vec<_>>(), ["u"]);
    }

    #[test]
    fn pods_are_spread_over_devices_as_long_as_there_are_enough() {
        let all: Vec<String> = ["a", "b"].iter().flat_map(|uuid| Shares(2).ids(uuid)).collect();
        assert_eq!(Shares(2).prefer(&all, 2), ["a::0", "b::0"]);
        assert_eq!(Shares(2).prefer(&all[1..], 1), ["b::0"]);
        assert_eq!(Shares(2).prefer(&all, 9).len(), 4);
    }

    #[test]
    fn broken_plugins_divide_otherwise_than_configured() {
        let sharing = Some(Sharing {
            replicas: 4,
            renamed: false,
        });
        let of = |defect: &str| Shares::of(sharing, &[defect].into_iter().collect());
        assert_eq!(of(""), Shares(4));
        assert_eq!(of("share.renamed"), Shares(1));
        assert_eq!(of("share.unbounded"), Shares(8));
        assert_eq!(Shares::of(None, &Faults::default()), Shares::none());
    }
}
