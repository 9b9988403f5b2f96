//! The kubelet's account of the devices that plugins offer: which container was allocated which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use plimsoll_vendors::Vendor;
use serde_json::{Map, Value, json};

use crate::{Faults, drivers::plugin::Plugin};

/// Ids of devices by resource.
type Allocation = BTreeMap<String, Vec<String>>;

/// The account of one node.
#[derive(Debug)]
pub(crate) struct DeviceAccount {
    state: Mutex<State>,
    faults: Faults,
}

#[derive(Debug)]
struct State {
    plugins: BTreeMap<String, Plugin>,
    /// By uid of the pod, then by name of the container.
    allocated: BTreeMap<String, BTreeMap<String, Allocation>>,
    /// Pods whose devices count as free all the same.
    forgotten: BTreeSet<String>,
}

impl DeviceAccount {
    /// The account of a node with these plugins.
    pub(crate) fn new(plugins: Vec<Plugin>, faults: &Faults) -> Self {
        let plugins = plugins
            .into_iter()
            .map(|plugin| (plugin.resource().to_owned(), plugin))
            .collect();
        Self {
            state: Mutex::new(State {
                plugins,
                allocated: BTreeMap::new(),
                forgotten: BTreeSet::new(),
            }),
            faults: faults.clone(),
        }
    }

    /// Allocates what a pod's containers ask for: all of it, or nothing and the reason.
    pub(crate) fn admit(&self, pod: &Value) -> Result<(), String> {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let mut state = self.state();
        if state.allocated.contains_key(uid) {
            return Ok(());
        }
        let known: BTreeSet<String> = if self.faults.has("sec.kubelet-forgets") {
            BTreeSet::new()
        } else {
            state.taken()
        };
        let mut taken = known;
        let mut allocated = BTreeMap::new();
        // What an init container had, the containers that come after it can have again.
        let mut reusable: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let spec = &pod["spec"];
        let init = spec["initContainers"].as_array().into_iter().flatten();
        let main = spec["containers"].as_array().into_iter().flatten();
        for (container, is_init) in init.map(|c| (c, true)).chain(main.map(|c| (c, false))) {
            let passes_on = is_init && container["restartPolicy"] != "Always";
            let mut own = Allocation::new();
            for (resource, plugin) in &state.plugins {
                let needed = amount(&container["resources"]["limits"][resource]);
                if needed == 0 {
                    continue;
                }
                if let Some(refusal) = plugin.refusal() {
                    return Err(refusal.to_owned());
                }
                let again = reusable.remove(resource).unwrap_or_default();
                let chosen = choose(plugin, needed, again, &taken)?;
                if let Some(why) = plugin.excludes(&chosen, &taken) {
                    return Err(why);
                }
                taken.extend(chosen.iter().cloned());
                if passes_on {
                    reusable.insert(resource.clone(), chosen.clone());
                }
                own.insert(resource.clone(), chosen);
            }
            if !own.is_empty() {
                allocated.insert(container["name"].as_str().unwrap_or_default().to_owned(), own);
            }
        }
        if !allocated.is_empty() {
            state.allocated.insert(uid.to_owned(), allocated);
        }
        Ok(())
    }

    /// Takes back what a pod was allocated.
    pub(crate) fn release(&self, pod: &str) {
        let mut state = self.state();
        state.allocated.remove(pod);
        state.forgotten.remove(pod);
    }

    /// The runtime's names of the devices that a container was allocated.
    pub(crate) fn names(&self, pod: &str, container: &Value) -> Vec<String> {
        let state = self.state();
        let name = container["name"].as_str().unwrap_or_default();
        let shares = self.faults.has("sec.sidecar") && container["restartPolicy"] == "Always";
        let of_pod = state.allocated.get(pod).into_iter().flatten();
        of_pod
            .filter(|(own, _)| own.as_str() == name || shares)
            .flat_map(|(_, allocation)| allocation)
            .filter_map(|(resource, ids)| Some(state.plugins.get(resource)?.allocate(ids)))
            .flatten()
            .collect()
    }

    /// Ids of the devices that a container was allocated.
    pub(crate) fn held(&self, pod: &str, container: &str) -> Vec<String> {
        let state = self.state();
        let own = state.allocated.get(pod).and_then(|pod| pod.get(container));
        own.into_iter()
            .flat_map(BTreeMap::values)
            .flatten()
            .cloned()
            .collect()
    }

    /// How the devices of a container are, as its status tells it.
    pub(crate) fn health(&self, pod: &str, container: &str) -> Vec<Value> {
        let state = self.state();
        let own = state.allocated.get(pod).and_then(|pod| pod.get(container));
        own.into_iter()
            .flatten()
            .filter_map(|(resource, ids)| {
                let healthy: BTreeMap<String, bool> =
                    state.plugins.get(resource)?.list().into_iter().collect();
                let resources: Vec<Value> = ids
                    .iter()
                    .map(|id| {
                        let healthy = healthy.get(id).copied().unwrap_or_default();
                        json!({"resourceID": id, "health": if healthy { "Healthy" } else { "Unhealthy" }})
                    })
                    .collect();
                Some(json!({"name": resource, "resources": resources}))
            })
            .collect()
    }

    /// Takes note of whether a vendor's plugin is there. One that comes back may list its devices under ids of which the
    /// kubelet knows no holder.
    pub(crate) fn connect(&self, vendor: &str, connected: bool) {
        let mut state = self.state();
        for plugin in state.plugins.values_mut() {
            if Vendor::by_resource(plugin.resource()).is_some_and(|known| known.id == vendor) {
                plugin.connect(connected);
            }
        }
        if connected && self.faults.has("dp.reuse-after-restart") {
            state.forgotten = state.allocated.keys().cloned().collect();
        }
    }

    /// Other plugins take the place of those that are there. A resource that none of them has is left without devices, as
    /// by a kubelet that does not restart.
    pub(crate) fn replace(&self, plugins: Vec<Plugin>) {
        let mut state = self.state();
        for plugin in state.plugins.values_mut() {
            plugin.withdraw();
        }
        for plugin in plugins {
            state.plugins.insert(plugin.resource().to_owned(), plugin);
        }
    }

    /// Uids of pods that were allocated a device of that vendor.
    pub(crate) fn holders(&self, vendor: &str) -> Vec<String> {
        let is_theirs =
            |resource: &String| Vendor::by_resource(resource).is_some_and(|known| known.id == vendor);
        let state = self.state();
        let holds = |containers: &BTreeMap<String, Allocation>| {
            containers.values().flat_map(BTreeMap::keys).any(is_theirs)
        };
        let pods = state.allocated.iter().filter(|(_, containers)| holds(containers));
        pods.map(|(pod, _)| pod.clone()).collect()
    }

    /// Takes note of a device's health. True if that is news.
    pub(crate) fn set_health(&self, id: &str, healthy: bool) -> bool {
        let mut state = self.state();
        let news: Vec<bool> = state
            .plugins
            .values_mut()
            .map(|plugin| plugin.set_health(id, healthy))
            .collect();
        news.contains(&true)
    }

    /// What the node has of each resource, and what of it can be allocated.
    pub(crate) fn resources(&self) -> (Map<String, Value>, Map<String, Value>) {
        let (mut capacity, mut allocatable) = (Map::new(), Map::new());
        for (resource, plugin) in &self.state().plugins {
            let devices = plugin.list();
            let healthy = devices.iter().filter(|(_, healthy)| *healthy).count();
            capacity.insert(resource.clone(), devices.len().to_string().into());
            allocatable.insert(resource.clone(), healthy.to_string().into());
        }
        (capacity, allocatable)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn taken(&self) -> BTreeSet<String> {
        self.allocated
            .iter()
            .filter(|(pod, _)| !self.forgotten.contains(*pod))
            .flat_map(|(_, containers)| containers.values())
            .flat_map(BTreeMap::values)
            .flatten()
            .cloned()
            .collect()
    }
}

fn choose(
    plugin: &Plugin,
    needed: usize,
    again: Vec<String>,
    taken: &BTreeSet<String>,
) -> Result<Vec<String>, String> {
    let mut chosen: Vec<String> = again.into_iter().take(needed).collect();
    let available: Vec<String> = plugin
        .list()
        .into_iter()
        .filter(|(id, healthy)| *healthy && !taken.contains(id))
        .map(|(id, _)| id)
        .collect();
    let missing = needed - chosen.len();
    if available.len() < missing {
        return Err(format!(
            "requested number of devices unavailable for {}. Requested: {missing}, Available: {}",
            plugin.resource(),
            available.len()
        ));
    }
    chosen.extend(plugin.preferred(&available, missing));
    Ok(chosen)
}

/// How many whole devices a limit is for.
fn amount(limit: &Value) -> usize {
    let number = limit.as_u64();
    let number = number.or_else(|| limit.as_str()?.parse().ok());
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::{CdiRegistry, fixture::accelerators, plugin::Shares};

    const RESOURCE: &str = "nvidia.com/gpu";

    fn account(defects: &[&str]) -> DeviceAccount {
        let faults = defects.iter().copied().collect();
        let mut registry = CdiRegistry::default();
        let devices = accelerators("nvidia", 2);
        let plugin = Plugin::new(
            RESOURCE,
            devices.clone(),
            &devices,
            Shares::none(),
            &mut registry,
            &faults,
        );
        DeviceAccount::new(vec![plugin], &faults)
    }

    fn pod(uid: &str, init: &[u32], main: &[u32]) -> Value {
        let container = |(at, count): (usize, &u32)| json!({"name": format!("c{at}"), "resources": {"limits": {RESOURCE: count.to_string()}}});
        let init: Vec<Value> = init
            .iter()
            .enumerate()
            .map(|(at, count)| container((at + 10, count)))
            .collect();
        let main: Vec<Value> = main.iter().enumerate().map(container).collect();
        json!({"metadata": {"uid": uid}, "spec": {"initContainers": init, "containers": main}})
    }

    fn names(account: &DeviceAccount, pod: &str, container: &str) -> Vec<String> {
        account.names(pod, &json!({"name": container}))
    }

    #[test]
    fn each_container_has_devices_of_its_own_until_its_pod_is_gone() {
        let account = account(&[]);
        account.admit(&pod("a", &[], &[1])).unwrap();
        account.admit(&pod("b", &[], &[1])).unwrap();
        assert_ne!(names(&account, "a", "c0"), names(&account, "b", "c0"));
        let refused = account.admit(&pod("c", &[], &[1])).unwrap_err();
        assert_eq!(
            refused,
            "requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0"
        );
        account.release("a");
        account.admit(&pod("c", &[], &[1])).unwrap();
    }

    #[test]
    fn a_container_has_again_what_an_init_container_had() {
        let account = account(&[]);
        account.admit(&pod("a", &[1], &[2])).unwrap();
        let (before, after) = (names(&account, "a", "c10"), names(&account, "a", "c0"));
        assert_eq!((before.len(), after.len()), (1, 2));
        assert!(after.contains(&before[0]));
    }

    #[test]
    fn an_unhealthy_device_is_not_allocated_and_its_holder_is_told() {
        let account = account(&[]);
        account.admit(&pod("a", &[], &[1])).unwrap();
        let health = account.health("a", "c0");
        let id = health[0]["resources"][0]["resourceID"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(account.set_health(&id, false));
        assert_eq!(
            account.health("a", "c0")[0]["resources"][0]["health"],
            "Unhealthy"
        );
        let (capacity, allocatable) = account.resources();
        assert_eq!(
            (&capacity[RESOURCE], &allocatable[RESOURCE]),
            (&json!("2"), &json!("1"))
        );
        assert!(account.admit(&pod("b", &[], &[2])).is_err());
    }

    #[test]
    fn what_is_held_stays_held_when_its_plugin_comes_back_unless_that_lists_it_anew() {
        for (defects, is_free) in [(&[][..], false), (&["dp.reuse-after-restart"], true)] {
            let account = account(defects);
            account.admit(&pod("a", &[], &[2])).unwrap();
            account.connect("nvidia", false);
            assert_eq!(account.resources().1[RESOURCE], "0");
            assert!(account.admit(&pod("b", &[], &[1])).is_err());
            account.connect("nvidia", true);
            assert_eq!(account.resources().1[RESOURCE], "2");
            assert_eq!(account.admit(&pod("b", &[], &[1])).is_ok(), is_free);
            assert_eq!(names(&account, "a", "c0").len(), 2, "its holder keeps it");
        }
    }

    #[test]
    fn a_kubelet_that_forgets_gives_the_same_device_twice() {
        let account = account(&["sec.kubelet-forgets"]);
        account.admit(&pod("a", &[], &[1])).unwrap();
        account.admit(&pod("b", &[], &[1])).unwrap();
        assert_eq!(names(&account, "a", "c0"), names(&account, "b", "c0"));
    }
}
