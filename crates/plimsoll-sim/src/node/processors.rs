//! The kubelet's account of processors: which container has some to itself, and beside which devices.
//!
//! As the CPU manager's static policy has it: containers of a Guaranteed pod that ask for whole processors get them for
//! themselves. Under the topology manager's policy `single-numa-node` they are those of the NUMA node of their devices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use plimsoll_probe::cpulist;
use serde_json::Value;

use crate::{Faults, platform::NodeGroup};

/// The processors of one node.
#[derive(Debug)]
pub(crate) struct Processors {
    /// The numbers of each NUMA node's.
    nodes: Vec<BTreeSet<u32>>,
    hands_out: bool,
    is_apart: bool,
    /// By uid of the pod, then by name of the container.
    held: Mutex<BTreeMap<String, BTreeMap<String, BTreeSet<u32>>>>,
}

impl Processors {
    /// The account of a node of that group.
    pub(crate) fn new(group: &NodeGroup, faults: &Faults) -> Self {
        Self {
            nodes: numa_nodes(group),
            hands_out: group.single_numa,
            is_apart: faults.has("topo.cpu-apart"),
            held: Mutex::default(),
        }
    }

    /// Hands out what a pod's containers are to have for themselves, beside the devices whose NUMA node is told by
    /// `devices`. False where that can't be.
    pub(crate) fn admit(&self, pod: &Value, devices: impl Fn(&str) -> Option<u32>) -> bool {
        if !self.hands_out || pod["status"]["qosClass"] != "Guaranteed" {
            return true;
        }
        let mut held = self.held();
        let mut taken: BTreeSet<u32> = held
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .copied()
            .collect();
        let mut own = BTreeMap::new();
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            let Some(count) = whole(&container["resources"]["limits"]["cpu"]) else {
                continue;
            };
            let name = container["name"].as_str().unwrap_or_default();
            let Some(chosen) = self.choose(count, devices(name), &taken) else {
                return false;
            };
            taken.extend(&chosen);
            own.insert(name.to_owned(), chosen);
        }
        if !own.is_empty() {
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
            held.insert(uid.to_owned(), own);
        }
        true
    }

    fn choose(&self, count: usize, beside: Option<u32>, taken: &BTreeSet<u32>) -> Option<BTreeSet<u32>> {
        let last = self.nodes.len();
        let is_wanted = |number: usize| {
            beside.is_none_or(|beside| {
                let beside = usize::try_from(beside).unwrap_or_default();
                let wanted = if self.is_apart {
                    (beside + 1).checked_rem(last).unwrap_or_default()
                } else {
                    beside
                };
                wanted == number
            })
        };
        let nodes = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(number, _)| is_wanted(*number));
        nodes
            .map(|(_, own)| {
                own.difference(taken)
                    .copied()
                    .take(count)
                    .collect::<BTreeSet<u32>>()
            })
            .find(|chosen| chosen.len() == count)
    }

    /// Takes back what a pod had.
    pub(crate) fn release(&self, pod: &str) {
        self.held().remove(pod);
    }

    /// What a container finds of its processors in its cgroup: those that it has for itself, else all.
    pub(crate) fn files(&self, pod: &str, container: &str) -> [(String, String); 2] {
        let own = self
            .held()
            .get(pod)
            .and_then(|containers| containers.get(container))
            .cloned();
        let cpus = own.unwrap_or_else(|| self.nodes.iter().flatten().copied().collect());
        let file = |name: &str, list: &str| {
            (
                format!("/sys/fs/cgroup/cpuset.{name}.effective"),
                format!("{list}\n"),
            )
        };
        [file("cpus", &cpulist::write(&cpus)), file("mems", &self.online())]
    }

    /// What its kernel tells of its NUMA nodes.
    pub(crate) fn kernel_files(&self) -> BTreeMap<String, String> {
        const FOLDER: &str = "/sys/devices/system/node";
        let nodes = self.nodes.iter().enumerate();
        let mut files: BTreeMap<String, String> = nodes
            .map(|(number, cpus)| {
                (
                    format!("{FOLDER}/node{number}/cpulist"),
                    format!("{}\n", cpulist::write(cpus)),
                )
            })
            .collect();
        files.insert(format!("{FOLDER}/online"), format!("{}\n", self.online()));
        files
    }

    fn online(&self) -> String {
        let numbers = (0..).zip(&self.nodes).map(|(number, _)| number);
        cpulist::write(&numbers.collect())
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, BTreeSet<u32>>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn numa_nodes(group: &NodeGroup) -> Vec<BTreeSet<u32>> {
    let count = group.numa_nodes.max(1);
    let each = group.cpu.div_ceil(count).max(1);
    let of = |number: u32| (number * each..((number + 1) * each).min(group.cpu)).collect();
    (0..count).map(of).collect()
}

/// A quantity that is a number of whole processors.
fn whole(quantity: &Value) -> Option<usize> {
    quantity.as_str()?.parse().ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn processors(faults: &[&str]) -> Processors {
        let mut group = NodeGroup::new("n", 1);
        (group.cpu, group.numa_nodes, group.single_numa) = (8, 2, true);
        Processors::new(&group, &faults.iter().copied().collect())
    }

    fn pod(uid: &str, cpu: &str) -> Value {
        json!({
            "metadata": {"uid": uid}, "status": {"qosClass": "Guaranteed"},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": cpu}}}]},
        })
    }

    fn cpus(processors: &Processors, uid: &str) -> String {
        processors.files(uid, "c")[0].1.trim().to_owned()
    }

    #[test]
    fn whole_processors_are_those_beside_the_device_and_nobody_elses() {
        let processors = processors(&[]);
        assert!(processors.admit(&pod("a", "2"), |_| Some(1)));
        assert!(processors.admit(&pod("b", "2"), |_| Some(1)));
        assert_eq!(
            (cpus(&processors, "a"), cpus(&processors, "b")),
            ("4-5".into(), "6-7".into())
        );
        assert!(
            !processors.admit(&pod("c", "1"), |_| Some(1)),
            "none is left there"
        );
        processors.release("a");
        assert!(processors.admit(&pod("c", "1"), |_| Some(1)));
        assert!(processors.admit(&pod("d", "500m"), |_| Some(1)));
        assert_eq!(cpus(&processors, "d"), "0-7", "no whole one");
    }

    #[test]
    fn a_broken_kubelet_takes_them_from_the_other_socket() {
        let processors = processors(&["topo.cpu-apart"]);
        assert!(processors.admit(&pod("a", "2"), |_| Some(0)));
        assert_eq!(cpus(&processors, "a"), "4-5");
        assert_eq!(
            processors.kernel_files()["/sys/devices/system/node/node0/cpulist"],
            "0-3\n"
        );
    }
}
