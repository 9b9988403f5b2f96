//! Shares of devices: a device under several ids, each for one pod.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::Sharing,
    device::Device,
    faults::{Fault, Faults},
};

/// Between a device's uuid and the number of a share of it.
const SEPARATOR: &str = "::";

/// How a plugin divides each of its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares(u32);

impl Shares {
    /// As configured, unless a defect has it otherwise.
    pub(crate) fn of(sharing: Option<Sharing>, faults: &Faults) -> Self {
        match sharing {
            Some(_) if faults.has(Fault::SharesMissing) || faults.has(Fault::SharesOnlyNamed) => Self(1),
            Some(sharing) if faults.has(Fault::SharesUnbounded) => Self(sharing.replicas * 2),
            Some(sharing) => Self(sharing.replicas),
            None => Self(1),
        }
    }

    /// Whether several pods can have a device.
    pub(super) fn is_shared(self) -> bool {
        self.0 > 1
    }

    /// The ids under which a device is listed.
    pub(super) fn ids(self, uuid: &str) -> Vec<String> {
        if self.is_shared() {
            (0..self.0)
                .map(|share| format!("{uuid}{SEPARATOR}{share}"))
                .collect()
        } else {
            vec![uuid.to_owned()]
        }
    }

    /// The device behind an id.
    pub(super) fn device(id: &str) -> &str {
        id.split_once(SEPARATOR).map_or(id, |(uuid, _)| uuid)
    }

    /// Chooses `size` of the `available` ids, those in `must` first, then each of the device with most shares left,
    /// so that pods are spread.
    pub(super) fn prefer(self, available: &[String], must: &[String], size: usize) -> Vec<String> {
        let mut left: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
        for id in available.iter().filter(|id| !must.contains(id)) {
            left.entry(Self::device(id)).or_default().insert(id);
        }
        let mut chosen: Vec<String> = must.iter().take(size).cloned().collect();
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

/// The name under which devices are offered.
pub(crate) fn resource(resource: &str, sharing: Option<Sharing>, faults: &Faults) -> String {
    let renamed = sharing.is_some_and(|sharing| sharing.renamed || faults.has(Fault::SharesOnlyNamed));
    format!("{resource}{}", if renamed { ".shared" } else { "" })
}

/// What the node's labels say of shared devices.
pub(crate) fn labels(devices: &[Device], faults: &Faults) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    // Where only the name was changed, nobody counted.
    if faults.has(Fault::SharesOnlyNamed) {
        return labels;
    }
    for device in devices {
        let Some((sharing, resource)) = device.sharing.zip(device.vendor.resource()) else {
            continue;
        };
        let same = devices
            .iter()
            .filter(|other| other.vendor.id == device.vendor.id && other.sharing.is_some());
        labels.insert(format!("{resource}.sharing-strategy"), "time-slicing".to_owned());
        labels.insert(format!("{resource}.replicas"), sharing.replicas.to_string());
        labels.insert(format!("{resource}.count"), same.count().to_string());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fixture;

    const FOUR: Option<Sharing> = Some(Sharing {
        replicas: 4,
        renamed: false,
    });

    fn faults(id: &str) -> Faults {
        Faults::of(&[id.to_owned()])
    }

    #[test]
    fn a_share_is_of_the_device_that_its_id_begins_with() {
        let ids = Shares(2).ids("u");
        assert_eq!(ids, ["u::0", "u::1"]);
        assert!(ids.iter().all(|id| Shares::device(id) == "u"));
        assert_eq!(Shares(1).ids("u"), ["u"]);
    }

    #[test]
    fn pods_are_spread_over_devices_as_long_as_there_are_enough() {
        let all = [Shares(2).ids("a"), Shares(2).ids("b")].concat();
        assert_eq!(Shares(2).prefer(&all, &[], 2), ["a::0", "b::0"]);
        assert_eq!(Shares(2).prefer(&all, &all[3..], 2), ["b::1", "a::0"]);
        assert_eq!(Shares(2).prefer(&all, &[], 9).len(), 4);
    }

    #[test]
    fn broken_plugins_divide_and_name_otherwise_than_configured() {
        assert_eq!(Shares::of(FOUR, &faults("")), Shares(4));
        assert_eq!(Shares::of(FOUR, &faults("share.renamed")), Shares(1));
        assert_eq!(Shares::of(FOUR, &faults("share.unbounded")), Shares(8));
        assert_eq!(Shares::of(None, &faults("")), Shares(1));
        assert_eq!(resource("x.com/y", FOUR, &faults("")), "x.com/y");
        assert_eq!(
            resource("x.com/y", FOUR, &faults("share.spread")),
            "x.com/y.shared"
        );
    }

    #[test]
    fn a_node_is_labelled_with_what_was_configured_whatever_the_plugin_made_of_it() {
        let device = Device {
            sharing: FOUR,
            ..fixture::device("nvidia", 0)
        };
        let labels = |id| labels(std::slice::from_ref(&device), &faults(id));
        assert_eq!(labels("share.renamed")["nvidia.com/gpu.replicas"], "4");
        assert_eq!(labels("")["nvidia.com/gpu.count"], "1");
        assert!(labels("share.spread").is_empty());
    }
}
