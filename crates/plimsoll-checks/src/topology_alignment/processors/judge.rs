//! Where a container's processors and memory are, and where its device is. Pure.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_probe::{
    Transcript,
    cpulist::{read as numbers, write as shown},
};

use crate::probe_pod::Ruling;

/// Where a container finds what it was given: cgroups of version 2, then of version 1.
const CPUS: [&str; 2] = [
    "/sys/fs/cgroup/cpuset.cpus.effective",
    "/sys/fs/cgroup/cpuset/cpuset.effective_cpus",
];
const MEMORY: [&str; 2] = [
    "/sys/fs/cgroup/cpuset.mems.effective",
    "/sys/fs/cgroup/cpuset/cpuset.effective_mems",
];
const ONLINE: &str = "/sys/devices/system/node/online";

/// No machine that is looked at has more NUMA nodes.
const MOST: u32 = 16;

/// The files that a container is to tell.
pub(super) fn files() -> Vec<String> {
    let lists = (0..MOST).map(cpulist);
    let own = CPUS.iter().chain(&MEMORY).chain([&ONLINE]);
    own.map(|path| (*path).to_owned()).chain(lists).collect()
}

fn cpulist(node: u32) -> String {
    format!("/sys/devices/system/node/node{node}/cpulist")
}

/// What a container found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The processors that it may use.
    pub(super) cpus: Option<BTreeSet<u32>>,
    /// The NUMA nodes whose memory it may use.
    pub(super) memory: Option<BTreeSet<u32>>,
    /// The processors of each NUMA node.
    pub(super) nodes: BTreeMap<u32, BTreeSet<u32>>,
    /// The NUMA node of its device.
    pub(super) device: Option<u32>,
}

impl Found {
    /// Reads a probe's report; `device` is the NUMA node that the device itself tells.
    pub(super) fn read(transcript: &Transcript, device: Option<i64>) -> Self {
        let list = |path: &str| numbers(transcript.text(path)?);
        let online = list(ONLINE).unwrap_or_default();
        Self {
            cpus: CPUS.iter().find_map(|path| list(path)),
            memory: MEMORY.iter().find_map(|path| list(path)),
            nodes: online
                .into_iter()
                .filter_map(|node| Some((node, list(&cpulist(node))?)))
                .collect(),
            // The kernel says -1 where it does not know.
            device: device.and_then(|node| u32::try_from(node).ok()),
        }
    }
}

/// What can't be asked of a node, as a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inapplicable(pub(super) String);

/// Y4, where the kubelet promises to keep devices and whole processors together.
pub(super) fn judge(found: &Found, node: &str, asked: u32) -> Result<Ruling, Inapplicable> {
    if found.nodes.len() < 2 {
        return Err(Inapplicable(match found.nodes.len() {
            1 => format!("node `{node}` has one NUMA node"),
            _ => format!("no container can see how many NUMA nodes node `{node}` has"),
        }));
    }
    let (Some(cpus), Some(device)) = (&found.cpus, found.device) else {
        let what = if found.cpus.is_none() {
            "which processors it has"
        } else {
            "on which NUMA node its device is"
        };
        return Ok(Ruling::Undecided(format!(
            "a pod on node `{node}` can't read {what}"
        )));
    };
    let all: BTreeSet<u32> = found.nodes.values().flatten().copied().collect();
    if all.is_subset(cpus) {
        return Err(Inapplicable(format!(
            "a Guaranteed pod that asked for {asked} whole processors of node `{node}` may use all of them: its kubelet \
             hands none out"
        )));
    }
    let none = BTreeSet::new();
    let beside = found.nodes.get(&device).unwrap_or(&none);
    if !cpus.is_subset(beside) {
        return Ok(Ruling::Wrong(format!(
            "a pod on node `{node}`, whose kubelet promises a single NUMA node, has a device on NUMA node {device} and \
             processors {}, which are not those of the device ({})",
            shown(cpus),
            shown(beside)
        )));
    }
    let every: BTreeSet<u32> = found.nodes.keys().copied().collect();
    match &found.memory {
        Some(memory) if !every.is_subset(memory) && *memory != BTreeSet::from([device]) => {
            Ok(Ruling::Wrong(format!(
                "a pod on node `{node}`, whose kubelet promises a single NUMA node, has a device and processors on NUMA \
                 node {device} and memory of {}, which is not that of the device",
                shown(memory)
            )))
        }
        _ => Ok(Ruling::Right(format!(
            "a pod on node `{node}` has a device on NUMA node {device} and processors {}, which are there as well",
            shown(cpus)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cpus: &str, memory: &str, device: Option<u32>) -> Found {
        Found {
            cpus: numbers(cpus),
            memory: numbers(memory),
            nodes: [(0, "0-7"), (1, "8-15")]
                .map(|(node, cpus)| (node, numbers(cpus).unwrap()))
                .into(),
            device,
        }
    }

    fn ruled(cpus: &str, memory: &str, device: Option<u32>) -> Result<Ruling, Inapplicable> {
        judge(&found(cpus, memory, device), "n", 2)
    }

    #[test]
    fn processors_beside_the_device_are_right_and_others_wrong() {
        assert!(ruled("2-3", "0-1", Some(0)).unwrap().is_right());
        let apart = ruled("8-9", "0-1", Some(0)).unwrap();
        assert!(apart.is_wrong() && apart.detail().contains("8-9"), "{apart:?}");
        assert!(ruled("7-8", "0-1", Some(0)).unwrap().is_wrong(), "one of each");
    }

    #[test]
    fn memory_that_was_handed_out_must_be_there_too() {
        assert!(ruled("2-3", "0", Some(0)).unwrap().is_right());
        assert!(ruled("2-3", "1", Some(0)).unwrap().is_wrong());
        assert!(ruled("2-3", "", Some(0)).unwrap().is_right(), "not told");
    }

    #[test]
    fn what_is_not_promised_or_not_read_proves_nothing() {
        assert!(ruled("0-15", "0-1", Some(0)).is_err(), "none handed out");
        let one = Found {
            nodes: [(0, numbers("0-7").unwrap())].into(),
            ..found("2-3", "0", Some(0))
        };
        assert!(judge(&one, "n", 2).is_err());
        assert!(judge(&Found::default(), "n", 2).is_err());
        for unread in [ruled("", "0-1", Some(0)), ruled("2-3", "0-1", None)] {
            assert!(matches!(unread, Ok(Ruling::Undecided(_))), "{unread:?}");
        }
    }
}
